/**
 * How long a stop takes after an hour, without an hour of waiting. The recorder is the real one, but its browser is `replay/browser.ts`, which
 * speaks what Chromium and the page speak and sends an hour of media as fast as it is taken, then goes on at the pace of a clock. Everything
 * from the tap's socket to COS is what it always is.
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeClip } from '../recorder-image/src/media/testing/clip.ts'
import { cpuSecondsOver } from './process-tree.ts'
import { writeReplay } from './replay/script.ts'
import type { RunningRecorder, World } from './world.ts'

/** What is fast-forwarded counts as taken in when the recorder does no more than what the pace of the clock asks of it. */
const quietCores = 0.25
const quietLooks = 2

/** What is fast-forwarded at once, on two processors; they are stopped one after the other, when all have come to rest. */
const atOnce = 2

/** Milliseconds from SIGTERM to the end of the process, which ends when everything is verified in COS. One anchor, mode 02, for each round. */
export async function stopToStored(world: World, recordedSeconds: number, rounds: number): Promise<number[]> {
  const clip = await theClip(world.directory)
  const times: number[] = []
  while (times.length < rounds) {
    const count = Math.min(atOnce, rounds - times.length)
    const recorders = await Promise.all(Array.from({ length: count }, (_, n) => fastForwarded(world, clip, recordedSeconds, n)))
    for (const recorder of recorders) {
      const { result, stopToEndMillis } = await recorder.stop()
      const [file] = result.files
      if (file === undefined || file.status !== 1 || file.durationSeconds < recordedSeconds) {
        throw new Error(`The replay of ${recordedSeconds} s was recorded as ${JSON.stringify(file)}`)
      }
      // Something else would be measured than the stop of a recording that went well.
      if (recorder.warnings.length > 0) throw new Error(`The recorder warned: ${recorder.warnings.join('\n')}`)
      times.push(Math.round(stopToEndMillis))
      await world.forget(result)
    }
    world.clear()
  }
  return times
}

/** A recorder that has recorded for so long, and goes on at the pace of a clock. */
async function fastForwarded(world: World, clip: string, recordedSeconds: number, n: number): Promise<RunningRecorder> {
  const marker = join(world.directory, `caught-up-${n}`)
  rmSync(marker, { force: true })
  const browser = writeReplay(world.directory, `browser-${n}`, { clip, recordedSeconds, marker })
  const recorder = await world.startRecorder({
    mode: '02',
    picture: '1280x720',
    environment: { TRTC_RECORDER_CHROMIUM: browser },
  })
  await recorder.recording(1)
  while (!existsSync(marker)) {
    if (recorder.child.exitCode !== null) await recorder.stop()
    await sleep(50)
  }
  for (let quiet = 0; quiet < quietLooks; ) {
    quiet = (await cpuSecondsOver(recorder.pid, 500)) < quietCores / 2 ? quiet + 1 : 0
  }
  return recorder
}

let clipFile: Promise<string> | undefined
/** Ten seconds that are repeated: 1280x720, 30 fps, as pictures and packets with their lengths, in one JSON file. */
const theClip = (directory: string) => {
  clipFile ??= makeClip({ seconds: 10, fps: 30, size: '1280x720', toneHertz: 440 }).then(({ pictures, packets }) => {
    const path = join(directory, 'clip.json')
    const base64 = (data: Uint8Array) => Buffer.from(data).toString('base64')
    writeFileSync(
      path,
      JSON.stringify({
        pictures: pictures.map(({ data, key }) => ({ data: base64(data), key })),
        packets: packets.map(({ data, samples }) => ({ data: base64(data), samples })),
      }),
    )
    return path
  })
  return clipFile
}
