import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LineQuality } from '../../sandbox/src/room/index.ts'
import { type Actor, judge, performSteadily, type Step, type Verdict } from './plan.ts'
import { type Random, seededRandom } from './random.ts'
import { World } from './world.ts'

/**
 * Five users who do at random what users and their networks do. `SEED=… vitest run …` plays the same again, as far as the machine keeps the same
 * time; `make soak-plans` plays others.
 */
const seed = Number(process.env.SEED)
const users = ['alice', 'bob', 'carol', 'dave', 'erin']
const sizes = [
  { width: 320, height: 180 },
  { width: 288, height: 162 },
  { width: 480, height: 270 },
] as const
const clip = { ...sizes[0], fps: 15, loopSeconds: 10 } as const
/** The last action is over some time before the end. */
const seconds = 18
const lastActionAt = 13

const lines: readonly Partial<LineQuality>[] = [
  { jitterMillis: 200 },
  { latePercent: 5, lateMillis: 30 },
  { twicePercent: 10, jitterMillis: 20 },
  { delayMillis: 600 },
]

/**
 * Five encoders and their lines in one process send late by a packet now and then (20 ms), and files are placed by when packets arrive; the
 * table of `line.integration.test.ts` holds what is promised.
 */
const tolerance = { apartMillis: 45, unevenMillis: 5 }

/** What one user does, one thing after the other. */
function lifeOf(userId: string, random: Random): Step[] {
  const steps: Step[] = []
  const during = (at: number, forSeconds: number, begin: Omit<Step, 'at' | 'userId'>, end: Omit<Step, 'at' | 'userId'>) =>
    steps.push({ at, userId, ...begin } as Step, { at: at + forSeconds, userId, ...end } as Step)
  for (let at = 1 + random.upTo(3); at < lastActionAt; ) {
    const forSeconds = 1 + random.upTo(2)
    switch (random.pick(['mute', 'leave', 'show', 'line', 'freeze', 'jumpClock'] as const)) {
      case 'mute': {
        const kind = random.pick(['audio', 'video'] as const)
        during(at, forSeconds, { type: 'mute', kind, muted: true } as Step, { type: 'mute', kind, muted: false } as Step)
        break
      }
      case 'leave':
        during(at, forSeconds, { type: 'leave' }, { type: 'publish' })
        break
      case 'show':
        steps.push({ at, userId, type: 'show', clip: random.pick(sizes) })
        break
      case 'line':
        during(at, forSeconds, { type: 'line', quality: random.pick(lines) } as Step, { type: 'line', quality: {} } as Step)
        break
      case 'freeze':
        steps.push({ at, userId, type: 'freeze', seconds: forSeconds })
        break
      case 'jumpClock':
        steps.push({ at, userId, type: 'jumpClock', seconds: 3600 })
    }
    at += forSeconds + 2 + random.upTo(2)
  }
  return steps
}

let world: World
const verdicts = new Map<string, Verdict>()
beforeAll(async () => {
  console.log(`random plan: SEED=${seed}`)
  world = await World.start()
  const random = seededRandom(seed)
  const actors: Actor[] = users.map((userId) => ({
    ...{ userId, tracks: { audio: true, video: true } },
    clip: { ...clip, codec: random.pick(['h264', 'h264', 'h264 b', 'vp8'] as const) },
    clock: { ppm: Math.round(random.upTo(200)) - 100 },
  }))
  const steps = users.flatMap((userId) => lifeOf(userId, random))
  for (const { at, userId, type, ...how } of steps.toSorted((a, b) => a.at - b.at)) {
    console.log(`${at.toFixed(1).padStart(5)} s  ${userId} ${type} ${JSON.stringify(how)}`)
  }
  const performance = await performSteadily(world, { actors, steps, seconds })
  for (const userId of users) verdicts.set(userId, await judge(world, performance, userId, tolerance))
})
afterAll(() => world.close())

test.each(users)(`%s (seed ${seed}): all that was sent is there, at its time, and nothing else`, (userId) => {
  const { findings, losses } = verdicts.get(userId)!
  expect(findings).toEqual([])
  // What was on its way when its user left belongs to nothing any more, and of a line that is late nobody knows when that was.
  expect(losses.filter(({ reason }) => reason !== 'AfterTheEnd' && reason !== 'EndUnproven')).toEqual([])
})
