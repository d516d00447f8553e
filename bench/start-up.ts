import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { StartUp } from './results.ts'
import { median } from './statistics.ts'
import { stop, type World } from './world.ts'

const pollMillis = 5

/**
 * From the start of a recorder's process to the room, and to the first byte of an anchor's media on the volume; in turn with it a MediaRecorder in the same
 * browser. One anchor publishes.
 */
export async function startUp(world: World, rounds: number): Promise<StartUp> {
  await world.publish(1, '1280x720')
  const entered: number[] = []
  const firstByte: number[] = []
  const baseline: number[] = []
  for (let round = 0; round < rounds; round++) {
    const recorder = await world.startRecorder({ mode: '02', picture: '1280x720' })
    const onVolume = mediaOn(recorder.work, () => recorder.child.exitCode !== null)
    entered.push(Math.round((await recorder.entered) - recorder.startedAt))
    firstByte.push(Math.round((await onVolume) - recorder.startedAt))
    const { result } = await recorder.stop()
    await world.forget(result)
    world.clear()
    const { child, launchToRecordingMillis } = await world.startBaseline('none', 1, '1280x720')
    baseline.push(Math.round(launchToRecordingMillis))
    await stop(child)
  }
  return {
    rounds,
    entered: median(entered),
    firstByte: median(firstByte),
    enteredMax: Math.max(...entered),
    firstByteMax: Math.max(...firstByte),
    mediaRecorder: median(baseline),
  }
}

/** When the first file of media had something in it: a body, or a journal of sound. */
async function mediaOn(directory: string, gone: () => boolean): Promise<number> {
  for (;;) {
    for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
      if (!/\.(body|opus)$/.test(name)) continue
      if ((statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0) > 0) return performance.now()
    }
    if (gone()) throw new Error('The recorder ended before anything was on its volume')
    await sleep(pollMillis)
  }
}
