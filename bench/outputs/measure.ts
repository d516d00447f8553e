/** What it costs to make one output of a recording that is over, beside the same by hand. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { pssMegabytes } from '../process-tree.ts'
import { type MeasuredOutput, measuredOutputs } from './plan.ts'

const run = promisify(execFile)
const make = fileURLToPath(new URL('./make.ts', import.meta.url))

export interface Costs {
  cpuSecondsPerHour: number
  /** Of all its processes, at most. */
  peakMB: number
}

/** A recording of two that lies on a volume, 1280x720 at 30 fps and 1.2 Mbit/s, with a voice-like tone; and its files as a person has them. */
export interface FinishedRecording {
  directory: string
  files: readonly string[]
  seconds: number
}

/** A minute of media is encoded, and copied over and over. */
export async function finishedRecording(directory: string, seconds: number): Promise<FinishedRecording> {
  mkdirSync(directory, { recursive: true })
  const start = Date.parse('2026-01-01T08:00:00.000Z')
  const times = { startTime: new Date(start).toISOString(), endTime: new Date(start + seconds * 1000).toISOString() }
  const files = []
  for (const [n, userId] of ['anchor1', 'anchor2'].entries()) {
    const minute = join(directory, 'minute.mp4')
    const whole = join(directory, `${userId}.whole.mp4`)
    const tone = `aevalsrc='0.3*sin(2*PI*${200 + n * 150}*t)*(1+sin(2*PI*3*t))*gt(mod(t+${n * 5},10),5)':s=48000:d=60`
    await run('ffmpeg', [
      ...['-v', 'error', '-y', '-f', 'lavfi', '-i', 'testsrc2=size=1280x720:rate=30:duration=60', '-f', 'lavfi', '-i', tone],
      ...['-c:v', 'libx264', '-preset', 'ultrafast', '-b:v', '1200k', '-g', '60', '-bf', '0', '-pix_fmt', 'yuv420p'],
      ...['-c:a', 'aac', '-b:a', '64k', '-ac', '2', minute],
    ])
    await run('ffmpeg', [
      ...['-v', 'error', '-y', '-stream_loop', String(Math.ceil(seconds / 60)), '-i', minute],
      ...['-t', String(seconds), '-c', 'copy', '-movflags', '+faststart', whole],
    ])
    const { size } = statSync(whole)
    splitInto(whole, join(directory, `${userId}.mp4`))
    files.push({
      ...{ userId, stream: 'main', path: `${userId}.mp4`, url: 'https://nowhere', status: 1, message: 'ok', bytes: size },
      ...{ ...times, durationSeconds: seconds, attempt: 1, crc64: '0', times: [{ mediaSeconds: 0, time: times.startTime }] },
      ...{ lostFrames: 0, lostSeconds: 0, video: { codec: 'avc1.42c01f', width: 1280, height: 720 } },
      audio: { codec: 'mp4a.40.2', sampleRate: 48_000, channels: 2 },
    })
    rmSync(minute)
  }
  const recording = { namespace: 'bench', name: 'bench', uid: '' }
  const manifest = { version: 1, recording, sdkAppId: 1, roomId: 1, mode: '02', ...times, stopReason: 'Idle', files }
  writeFileSync(join(directory, 'manifest.json'), JSON.stringify({ ...manifest, events: [], pauses: [], losses: [] }))
  return { directory, files: ['anchor1', 'anchor2'].map((name) => join(directory, `${name}.whole.mp4`)), seconds }
}

/** As a recorder has it: head and body. */
function splitInto(whole: string, path: string): void {
  const file = openSync(whole, 'r')
  const front = Buffer.alloc(16 * 1024 * 1024)
  const read = readSync(file, front, 0, front.length, 0)
  let headBytes = 0
  for (let type = ''; type !== 'mdat' && headBytes < read; ) {
    const bytes = front.readUInt32BE(headBytes)
    type = front.toString('latin1', headBytes + 4, headBytes + 8)
    headBytes += type === 'mdat' ? (bytes === 1 ? 16 : 8) : bytes
  }
  writeFileSync(`${path}.head`, front.subarray(0, headBytes))
  writeBody(file, headBytes, statSync(whole).size, `${path}.body`)
  closeSync(file)
}

function writeBody(file: number, from: number, end: number, path: string): void {
  const piece = Buffer.alloc(4 * 1024 * 1024)
  const target = openSync(path, 'w')
  for (let at = from; at < end; ) {
    const count = readSync(file, piece, 0, Math.min(piece.length, end - at), at)
    writeFileSync(target, piece.subarray(0, count))
    at += count
  }
  closeSync(target)
}

export async function measureOutput(output: MeasuredOutput, { directory, files, seconds }: FinishedRecording, ffmpeg?: string) {
  const environment = ffmpeg === undefined ? {} : { FFMPEG_BIN: ffmpeg }
  const hours = seconds / 3600
  const here = await costsOf([process.execPath, make, directory, output], hours, environment)
  const byHand = await costsOf(['sh', '-c', measuredOutputs[output].byHand(files)], hours)
  return { here, byHand }
}

async function costsOf(command: readonly string[], hours: number, environment: NodeJS.ProcessEnv = {}): Promise<Costs> {
  // The shell's own word for what a command and all its children took.
  const child = spawn('bash', ['-c', 'TIMEFORMAT="cpu %U %S"; time "$@"', 'bash', ...command], {
    ...{ stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...environment } },
  })
  let said = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  let peakMB = 0
  const ended = once(child, 'close')
  while (child.exitCode === null && child.signalCode === null) {
    peakMB = Math.max(peakMB, pssMegabytes(child.pid!))
    await Promise.race([sleep(100), ended])
  }
  await ended
  const [, user, system] = /^cpu ([\d.]+) ([\d.]+)$/m.exec(said) ?? []
  if (child.exitCode !== 0 || user === undefined) throw new Error(`${command.join(' ').slice(0, 200)}: ${said.slice(-400)}`)
  return { cpuSecondsPerHour: Number(((Number(user) + Number(system)) / hours).toFixed(1)), peakMB: Math.round(peakMB) }
}
