/** Whether a file has every picture that was sent, at its time, by its packets alone. Whether they decode is what e2e/ tests. */
import { execFileSync, spawnSync } from 'node:child_process'
import { findBeeps } from '../e2e/media/hear.ts'
import type { SentSpan } from '../sandbox/src/room/index.ts'
import { median } from './statistics.ts'

export interface Fidelity {
  framesLost: number
  worstPtsErrorMs: number
}

const listeningRate = 16_000
const beepSeconds = 1
/** What the room sent in the last moment before the stop may still have been on its way. */
const onItsWayMillis = 400

/**
 * Times of the pictures of a file as they were sent, in seconds of file time. Where the sound began first, the first picture stands at the start of
 * the file once more: two samples in one place of the file. None of a file that cannot be read: a MediaRecorder without processor time writes none.
 */
export function pictureTimes(path: string): number[] {
  const fields = ['-select_streams', 'v:0', '-show_entries', 'packet=pts_time,pos', '-of', 'csv=p=0']
  const { stdout } = spawnSync('ffprobe', ['-v', 'fatal', ...fields, path], { encoding: 'utf8', maxBuffer: 64 << 20 })
  const pictures = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(',').map(Number.parseFloat))
  const [first, second] = pictures
  const asSent = first !== undefined && first[1] === second?.[1] ? pictures.slice(1) : pictures
  return asSent.map(([time]) => time!).filter(Number.isFinite)
}

/** By the pictures: those that lie between the first of the file and the stop. */
export function pictureFidelity(path: string, span: SentSpan, file: { startTime: string; stopAskedAt: Date }): Fidelity {
  // The first is shown from the file's beginning on, where sound came before it; its own time is not told then.
  const times = pictureTimes(path).slice(1)
  const fidelity = onGrid(times, span.intervalMillis / 1000)
  const missingAtTheEnd = file.stopAskedAt.getTime() - onItsWayMillis - (Date.parse(file.startTime) + Math.max(...times) * 1000)
  return { ...fidelity, framesLost: fidelity.framesLost + Math.max(0, Math.floor(missingAtTheEnd / span.intervalMillis)) }
}

/** By the beep that everybody sends each second; as good as one can hear, about a millisecond. */
export function beepFidelity(path: string): Fidelity {
  const raw = execFileSync('ffmpeg', ['-v', 'fatal', '-i', path, '-ac', '1', '-ar', String(listeningRate), '-f', 'f32le', '-'], {
    maxBuffer: 1 << 30,
  })
  const samples = new Float32Array(raw.buffer, raw.byteOffset, Math.floor(raw.length / 4))
  // A file may begin in the middle of one.
  return onGrid(
    findBeeps(samples, listeningRate).filter((onset) => onset > 0.1),
    beepSeconds,
  )
}

/** What is missing of moments that come at a fixed interval, and how far the worst lies off it. */
export function onGrid(times: readonly number[], intervalSeconds: number): Fidelity {
  if (times.length === 0) return { framesLost: 0, worstPtsErrorMs: Number.POSITIVE_INFINITY }
  const sorted = [...times].sort((a, b) => a - b)
  const numbers = sorted.map((time) => Math.round((time - sorted[0]!) / intervalSeconds))
  const errors = sorted.map((time, n) => time - sorted[0]! - numbers[n]! * intervalSeconds)
  const centre = median(errors)
  return {
    framesLost: numbers.at(-1)! + 1 - new Set(numbers).size,
    worstPtsErrorMs: Math.max(...errors.map((error) => Math.abs(error - centre))) * 1000,
  }
}
