import { once } from 'node:events'
import { FfmpegProcess } from '../media/ffmpeg.ts'
import { FinishedFile } from '../media/finished-file.ts'
import { compareTables } from '../media/mp4-tables.ts'
import type { CutFile } from './cut-file.ts'

/** What is decoded of a clip, from its beginning on: pictures, and frames of sound, of which Opus has 50 a second. */
const decodedFrames = { pictures: 600, sound: 1000 }
const timeoutMillis = 30_000
const readBytes = 256 * 1024

/**
 * What is wrong with a clip; nothing, where it is whole. Reads it as a player would: every table entry is compared by a reader of our own, groups of
 * pictures are counted by a demuxer that is not, and the beginning is decoded, all of a clip of up to 20 s. Its bytes were checked when they were recorded.
 */
export async function checkClip(name: string, clip: CutFile, bodyPath: string, ffmpegPath: string): Promise<string[]> {
  const file = await FinishedFile.open(clip.head, bodyPath, clip.bodyBytes)
  const deadline = performance.now() + timeoutMillis
  try {
    // Large, and most recorders cut no clip.
    const { demux } = await import('../media/check-demuxed.ts')
    const tables = name.endsWith('.mp4') ? compareTables(clip.head, clip.bodyBytes, clip.tracks) : []
    const { durationSeconds } = clip
    const demuxed = name.endsWith('.mp4') ? (await demux(file, clip.tracks, { durationSeconds, deadline })).problems : []
    return [...tables, ...demuxed, ...(await decodeBeginning(name, file, ffmpegPath, deadline))]
  } finally {
    await file.close()
  }
}

async function decodeBeginning(name: string, file: FinishedFile, ffmpegPath: string, deadline: number): Promise<string[]> {
  const format = name.endsWith('.mp3') ? 'mp3' : 'mov'
  const input = ['-loglevel', 'error', '-xerror', '-threads', '1', '-f', format, '-i', 'pipe:0']
  const { pictures, sound } = decodedFrames
  const few = ['-frames:v', String(pictures), '-frames:a', String(sound)]
  // By its own clock: where time was taken out, two pictures may be nearer to each other than usual, and neither is too many.
  const output = [...few, '-fps_mode', 'passthrough', '-enc_time_base', '1:90000', '-f', 'null', '-']
  const ffmpeg = new FfmpegProcess(ffmpegPath, [...input, ...output])
  const timer = setTimeout(() => ffmpeg.child.kill('SIGKILL'), Math.max(0, deadline - performance.now()))
  let isOver = false
  const over = ffmpeg.ended.then(() => {
    isOver = true
  })
  try {
    const { stdin } = ffmpeg.child
    for (let at = 0; at < file.bytes && !isOver && stdin !== null; at += readBytes) {
      const chunk = await file.read(at, at + readBytes)
      if (!stdin.write(chunk)) await Promise.race([once(stdin, 'drain').catch(() => {}), over])
    }
    stdin?.end()
    const problem = (await ffmpeg.ended) ?? (ffmpeg.stderr === '' ? undefined : ffmpeg.stderr)
    return problem === undefined ? [] : [`it cannot be decoded: ${problem.slice(0, 160)}`]
  } finally {
    clearTimeout(timer)
    ffmpeg.child.kill('SIGKILL')
  }
}
