import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { begunInFile, type Moment } from '../media/moments.ts'
import { type Actor, judge, performSteadily, type Step, type Verdict } from './plan.ts'
import { World } from './world.ts'

/**
 * What can happen between a sender and the recorder, to users of a room at once: the real SDK in Chromium, and what comes out compared, picture
 * by picture and hole by hole, with what was sent. Those of a room are published to one recorder, so that it takes no longer than one of them.
 */
const clip = { width: 320, height: 180, fps: 15, loopSeconds: 10 } as const
const small = { ...clip, width: 288, height: 162 }
const large = { ...clip, width: 480, height: 270 }
const both = { audio: true, video: true }
const seconds = 17

interface Row extends Omit<Actor, 'userId'> {
  steps?: readonly DistributedOmit<Step, 'userId'>[]
}
type DistributedOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

const line = (quality: Extract<Step, { type: 'line' }>['quality'], from = 0, to = seconds - 4) => [
  { at: from, type: 'line' as const, quality },
  { at: to, type: 'line' as const, quality: {} },
]

const repaired: Row['steps'] = [
  ...line({ jitterMillis: 20, repairMillis: 60 }),
  { at: 0, type: 'lose', percent: 5, repairable: true },
  { at: seconds - 4, type: 'lose', percent: 0, repairable: true },
]

/** Packets that were repaired say nothing of pictures that were never made. */
const rested: Row['steps'] = [...repaired, { at: 7, type: 'restCamera', seconds: 1.5 }]

/** By what happens to each. Of all of them every picture and every sound is there, at its time. */
const rows: Record<string, Row> = {
  steady: { tracks: both },
  'with B frames': { tracks: both, clip: { ...clip, codec: 'h264 b' } },
  'in VP8': { tracks: both, clip: { ...clip, codec: 'vp8' } },
  'of changing size': {
    tracks: both,
    steps: [
      { at: 3, type: 'show', clip: large },
      { at: 7, type: 'show', clip: small },
    ],
  },
  'with 200 ms of jitter': { tracks: both, steps: line({ jitterMillis: 200 }) },
  'behind their successors': { tracks: both, steps: line({ latePercent: 5, lateMillis: 30 }) },
  'that come twice': { tracks: both, steps: line({ twicePercent: 10 }) },
  'in VP8 with 200 ms of jitter': { tracks: both, clip: { ...clip, codec: 'vp8' }, steps: line({ jitterMillis: 200 }) },
  // Sound is not repaired: nobody asks for it.
  'of which 5 % are repaired after 60 ms': {
    tracks: { video: true },
    steps: rested,
  },
  'with B frames, of which 5 % are repaired after 60 ms': {
    tracks: { video: true },
    clip: { ...clip, codec: 'h264 b' },
    steps: repaired,
  },
  'in VP8, of which 5 % are repaired after 60 ms': { tracks: { video: true }, clip: { ...clip, codec: 'vp8' }, steps: rested },
  'in a queue of 600 ms for a while': { tracks: both, steps: line({ delayMillis: 600 }, 4, 7) },
  'held up for 4 s': { tracks: both, steps: [{ at: 1, type: 'freeze', seconds: 4 }] },
  'of a machine that stood still for 10 s': { tracks: both, steps: [{ at: 1, type: 'standStill', seconds: 10 }] },
  'of a clock that jumps by an hour': { tracks: both, steps: [{ at: 5, type: 'jumpClock', seconds: 3600 }] },
  'of a fast clock that wraps': { tracks: both, clock: { ppm: 300, wrapsAfterSeconds: 8 } },
  'of a slow clock': { tracks: both, clock: { ppm: -300 } },
}
const losing: Row['steps'] = [
  { at: 1, type: 'lose', percent: 2, repairable: false },
  { at: seconds - 5, type: 'lose', percent: 0, repairable: false },
]
const holed: Record<string, Row> = {
  'lost for good in H.264': { tracks: { video: true }, steps: losing },
  'lost for good in VP8': { tracks: { video: true }, clip: { ...clip, codec: 'vp8' }, steps: losing },
}
/** How many are missing of these their rhythm cannot tell: an encoder that begins anew takes its time. */
const bounded: Record<string, Row> = {
  'lost for good while the size changes': {
    tracks: { video: true },
    steps: [
      { at: 5, type: 'lose', percent: 100, repairable: false },
      { at: 5.3, type: 'show', clip: large },
      { at: 6.1, type: 'lose', percent: 0, repairable: false },
    ],
  },
}
const everybody = Object.entries({ ...rows, ...holed, ...bounded })

/** More of them at once are more than two cores send on time, beside what records and compares them. */
const mostAtOnce = 10

let world: World
/** Of each room. */
const rooms: Map<string, Verdict>[] = []
beforeAll(async () => {
  world = await World.start()
  for (let first = 0; first < everybody.length; first += mostAtOnce) {
    if (first > 0) await world.reset()
    const users = everybody.slice(first, first + mostAtOnce)
    const performance = await performSteadily(world, {
      actors: users.map(([userId, { steps: _, ...actor }]) => ({ clip, ...actor, userId })),
      steps: users.flatMap(([userId, { steps = [] }]) => steps.map((step) => ({ ...step, userId }))),
      seconds,
    })
    const verdicts = new Map<string, Verdict>()
    for (const [userId] of users) verdicts.set(userId, await judge(world, performance, userId))
    rooms.push(verdicts)
  }
})
const verdictOf = (userId: string) => rooms.find((verdicts) => verdicts.has(userId))!.get(userId)!
afterAll(() => world.close())

describe('pictures and sound', () => {
  test.each(Object.keys(rows))('%s: all of them are there, in order, at their time, and nothing else', (userId) => {
    const { findings, losses, files } = verdictOf(userId)
    expect(findings).toEqual([])
    expect(losses).toEqual([])
    expect(files).toHaveLength(1)
  })

  const expectTold = ({ findings, losses, pictures }: Verdict) => {
    expect(findings.filter((finding) => !finding.includes('are missing'))).toEqual([])
    expect(pictures.missing.length).toBeGreaterThan(0)
    const told = losses.map(({ from, to }) => ({ from: Date.parse(from), to: Date.parse(to) }))
    const isTold = ({ wallMillis }: Moment) => told.some(({ from, to }) => wallMillis >= from - 20 && wallMillis <= to + 20)
    expect(pictures.missing.filter((moment) => !isTold(moment))).toEqual([])
    expect(losses.map(({ reason }) => reason)).toEqual(losses.map(() => 'LostInNetwork'))
  }

  test.each(Object.keys(holed))('%s: what is there decodes, and the ledger says what is not', (userId) => {
    const { losses, pictures } = verdictOf(userId)
    expectTold(verdictOf(userId))
    expect(losses.reduce((sum, { frames }) => sum + (frames ?? 0), 0)).toBe(pictures.missing.length)
  })

  test.each(Object.keys(bounded))('%s: the ledger says how many are missing at most', (userId) => {
    const { losses, pictures } = verdictOf(userId)
    expectTold(verdictOf(userId))
    const sum = (isAtMost: boolean) =>
      losses
        .filter(({ framesAre }) => (framesAre === 'AtMost') === isAtMost)
        .reduce((frames, loss) => frames + (loss.frames ?? 0), 0)
    expect(sum(false)).toBeLessThanOrEqual(pictures.missing.length)
    expect(sum(true)).toBeGreaterThan(0)
    expect(sum(false) + sum(true)).toBeGreaterThanOrEqual(pictures.missing.length)
  })
})

test('files of one room, placed by the manifest, agree: the same moment lies within 20 ms in any two of them', () => {
  for (const verdicts of rooms) {
    const offs = [...verdicts.values()].flatMap(({ pictures, beeps }) =>
      [...pictures.matched, ...begunInFile(beeps.matched)].map(({ seen, moment }) => seen.wallMillis - moment.wallMillis),
    )
    expect(Math.max(...offs) - Math.min(...offs)).toBeLessThan(20)
  }
})
