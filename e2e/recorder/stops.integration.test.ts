import { setTimeout as sleep } from 'node:timers/promises'
import { recorderOutcomes } from '@trtc-recorder/api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededRandom } from './random.ts'
import type { RecorderEnd, RecorderProcess } from './recorder-process.ts'
import { World } from './world.ts'

/**
 * Stops at random moments of a recorder that is started as in the image: it says its result, whatever it was about, and every file is in COS in the end.
 * `STOPS=40` for more of them; `SEED` plays the same ones again.
 */
const count = Number(process.env.STOPS ?? 4)
const seed = Number(process.env.SEED)
const clip = { width: 320, height: 180, fps: 15, loopSeconds: 10 } as const

let world: World
beforeAll(async () => {
  world = await World.start()
})
afterAll(() => world.close())

/** Before Node listens, while it loads, while it enters and looks whether COS takes anything, while it records. */
const longestMillis = [100, 600, 2500, 5000]

test(`${count} stops at random, seed ${seed}: each has its result, and nothing is left behind`, {
  timeout: 60_000 + count * 40_000,
}, async () => {
  console.log(`stops: SEED=${seed} STOPS=${count}`)
  const random = seededRandom(seed)
  for (const userId of ['alice', 'bob']) await world.publish(userId, { audio: true, video: true }, clip)
  const asInImage = true
  const findings: string[] = []
  for (let n = 0; n < count; n++) {
    const name = `lesson${n}`
    // Every other one finds what a recorder left that was killed, and salvages it.
    if (n % 2 === 1) {
      const killed = await world.recordFromNow({ name })
      await killed.logged({ msg: 'File opened', userId: 'alice' })
      await sleep(1000 + random.upTo(3000))
      killed.kill('SIGKILL')
      await killed.ended
    }
    const recorder = await world.record({ name, asInImage })
    const millis = random.upTo(longestMillis[(n >> 1) % longestMillis.length]!)
    await sleep(millis)
    const stops = 1 + Math.floor(random.upTo(3))
    for (let stop = 0; stop < stops; stop++) {
      recorder.kill('SIGTERM')
      await sleep(random.upTo(200))
    }
    const about = `${stops} stops after ${millis.toFixed(0)} ms of number ${n}`
    findings.push(...(await resultOf(recorder, 'Completed')).map((finding) => `${about}: ${finding}`))
  }
  expect(findings).toEqual([])
  // The room waits a while for whoever was killed.
  await expect.poll(() => world.received(), { timeout: 60_000 }).toEqual({})
})

async function resultOf(recorder: RecorderProcess, outcome: string): Promise<string[]> {
  const end = await Promise.race([recorder.ended, sleep(30_000, undefined, { ref: false })])
  if (end === undefined) return [`it records on after 30 s:\n${recorder.output}`]
  const { exitCode, result }: RecorderEnd = end
  if (result === undefined) return [`there is no result, and the exit code is ${exitCode}:\n${recorder.output}`]
  const { exitCode: expected } = recorderOutcomes[result.outcome]
  return [
    ...(result.outcome === outcome ? [] : [`it is ${result.outcome}: ${result.message}`]),
    ...(result.stopReason === 'Terminated' ? [] : [`it stopped for ${result.stopReason}`]),
    ...(exitCode === expected ? [] : [`the exit code is ${exitCode}`]),
    ...result.files.flatMap(({ path, status, message }) => (status === 1 ? [] : [`${path}: ${message}`])),
  ]
}
