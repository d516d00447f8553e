/**
 * A process to be killed: records the frames of a JSON file at their real pace into a directory.
 * Arguments: directory, frames file, mode. Says `wrote <media seconds>` on stdout for every 100 ms of media.
 */
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Mode } from '@trtc-recorder/api'
import type { EncodedFrame } from '../../tap/frame.ts'
import { openFile } from './recording.ts'

const [directory, framesPath, mode] = process.argv.slice(2) as [string, string, Mode]
const stored = JSON.parse(await readFile(framesPath, 'utf8')) as (Omit<EncodedFrame, 'data'> & { data: string })[]
const file = openFile(mode, directory)
const started = performance.now()
const origin = stored[0]!.receiveTimeMicros
let said = 0
for (const frame of stored) {
  const due = (frame.receiveTimeMicros - origin) / 1000
  const wait = due - (performance.now() - started)
  if (wait > 2) await sleep(wait)
  file.write({ ...frame, data: Buffer.from(frame.data, 'base64') })
  if (due / 100 < said) continue
  said = Math.floor(due / 100) + 1
  process.stdout.write(`wrote ${due / 1000}\n`)
}
