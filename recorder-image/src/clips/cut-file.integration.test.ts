import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findFfmpeg } from '../media/ffmpeg.ts'
import { makeClip } from '../media/testing/clip.ts'
import { machineProgram } from '../media/testing/machine-program.ts'
import { record } from '../media/testing/recording.ts'
import { send } from '../media/testing/sender.ts'
import { checkClip } from './check-clip.ts'
import { type CutFile, cutFile } from './cut-file.ts'
import type { RangeReader } from './read-head.ts'

const run = promisify(execFile)
const maxBuffer = 256 * 1024 * 1024
const fps = 30
/** Of the groups of pictures in what is sent. */
const groupSeconds = 1

let directory: string
let sent: ReturnType<typeof send>
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cut-'))
  const clip = await makeClip({ seconds: 7, fps, toneHertz: 440 })
  sent = send({ clip, from: 0, to: 7, atSeconds: 0 })
})
afterAll(() => rm(directory, { recursive: true, force: true }))

/** Pictures by their decoded content, with the time of each, and sound of one channel at 48 kHz. */
async function decoded(path: string) {
  const ffmpeg = machineProgram('ffmpeg')
  const { stdout: probed } = await run(machineProgram('ffprobe'), ['-v', 'error', '-show_streams', '-of', 'json', path])
  const kinds = (JSON.parse(probed) as { streams: { codec_type: string }[] }).streams.map(({ codec_type }) => codec_type)
  const pictures: { seconds: number; content: string }[] = []
  let complaints = ''
  if (kinds.includes('video')) {
    const output = ['-map', '0:v', '-fps_mode', 'passthrough', '-enc_time_base', '1:90000', '-f', 'framemd5', '-']
    const { stdout, stderr } = await run(ffmpeg, ['-v', 'warning', '-i', path, ...output], { maxBuffer })
    complaints += stderr
    for (const line of stdout.split('\n').filter((line) => line !== '' && !line.startsWith('#'))) {
      const [, , pts, , , content] = line.split(',').map((part) => part.trim())
      pictures.push({ seconds: Number(pts) / 90_000, content: content! })
    }
  }
  let sound = new Float32Array()
  if (kinds.includes('audio')) {
    const filter = 'aresample=async=1000:min_hard_comp=0.001:first_pts=0'
    const output = ['-map', '0:a', '-af', filter, '-ac', '1', '-ar', '48000', '-f', 'f32le', '-']
    const result = await run(ffmpeg, ['-v', 'warning', '-i', path, ...output], { encoding: 'buffer', maxBuffer })
    complaints += result.stderr.toString()
    sound = new Float32Array(
      result.stdout.buffer.slice(result.stdout.byteOffset, result.stdout.byteOffset + result.stdout.length),
    )
  }
  return { pictures, sound, complaints }
}

/** A file that counts what is read of it. */
function counted(data: Buffer): RangeReader & { readBytes: number } {
  return {
    bytes: data.length,
    readBytes: 0,
    async read(start, end) {
      this.readBytes += end - start
      return data.subarray(start, end)
    },
  }
}

async function cut(source: Buffer, fromSeconds: number, toSeconds: number, name: string) {
  const bodyPath = join(directory, `${fromSeconds}-${name}.body`)
  const reader = counted(source)
  const file = await cutFile(reader, name, { fromSeconds, toSeconds, startTime: new Date(0), bodyPath })
  if (file === undefined) return undefined
  const path = join(directory, `${fromSeconds}-${name}`)
  await writeFile(path, Buffer.concat([file.head, await readFile(bodyPath)]))
  return { file, path, bodyPath, readBytes: reader.readBytes }
}

const loudest = (sound: Float32Array) => sound.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
const difference = (one: Float32Array, other: Float32Array) => loudest(one.map((value, at) => value - (other[at] ?? 0)))

/** The bytes that all samples of a clip have in its source, each once. */
const sampleBytes = ({ bodyBytes }: CutFile) => bodyBytes

describe('a clip of an MP4', () => {
  const moments = [
    [0, 7],
    [0, 0.5],
    [1, 2],
    [1.5, 3.25],
    [2.987, 3.013],
    [3.0167, 6.9],
    [6.5, 9],
  ] as const

  test.each(['AAC', 'Opus'] as const)(
    'with %s has the pictures and the sound of its time, and reads no more than it needs',
    async (audioCodec) => {
      const recorded = await record('02', sent, { audioCodec })
      const source = await readFile(recorded.path)
      const whole = await decoded(recorded.path)
      for (const [from, to] of moments) {
        const where = `${from} to ${to}`
        const clip = await cut(source, from, to, 'clip.mp4')
        if (clip === undefined) throw new Error(`there is nothing from ${where}`)
        const { file, path } = clip
        const found = await decoded(path)
        expect(found.complaints, where).toBe('')

        // The picture that is shown when the clip begins, and those that come until it ends.
        const shown = whole.pictures.filter(
          ({ seconds }, at) => seconds < to - 1e-4 && (whole.pictures[at + 1]?.seconds ?? 99) > from + 1e-4,
        )
        expect(
          found.pictures.map(({ content }) => content),
          where,
        ).toEqual(shown.map(({ content }) => content))
        for (const [at, { seconds }] of found.pictures.entries()) {
          expect(seconds, `picture ${at} of ${where}`).toBeCloseTo(Math.max(0, shown[at]!.seconds - from), 3)
        }

        const end = Math.min(to, recorded.finished.durationSeconds)
        const heard = whole.sound.subarray(Math.round(from * 48_000), Math.round(end * 48_000))
        // Opus comes near to what it would have been, and never quite there.
        expect(difference(heard, found.sound), `sound of ${where}`).toBeLessThan(audioCodec === 'Opus' ? 0.02 : 0.002)
        // Not every player ends within a frame.
        expect(found.sound.length - heard.length, `sound behind ${where}`).toBeLessThan(1152)
        expect(file.durationSeconds).toBeCloseTo(end - from, 2)
        expect(await checkClip('clip.mp4', file, clip.bodyPath, findFfmpeg()), where).toEqual([])

        // The head of the source, the samples, and what little lies between them.
        const head = source.indexOf('mdat') + 4
        const lead = ((source.length - head) / 7) * groupSeconds * 0.2
        expect(clip.readBytes, where).toBeLessThan(head + 64 + sampleBytes(file) + lead)
      }
      expect(await cut(source, 7.5, 9, 'clip.mp4')).toBeUndefined()
    },
  )
})

test('a clip in which two pictures are nearer to each other than usual, as where time was taken out, is whole', async () => {
  const early = 30_000
  const nearer = sent.map((frame) =>
    frame.kind === 'audio' || frame.receiveTimeMicros < sent[0]!.receiveTimeMicros + 1_520_000
      ? frame
      : { ...frame, rtpTimestamp: frame.rtpTimestamp - early * 0.09, receiveTimeMicros: frame.receiveTimeMicros - early },
  )
  const source = await readFile((await record('02', nearer)).path)
  const clip = (await cut(source, 1, 3, 'clip.mp4'))!
  expect(await checkClip('clip.mp4', clip.file, clip.bodyPath, findFfmpeg())).toEqual([])
})

test('a clip of an MP3 has the sound of its time to the sample, and reads no more than it needs', async () => {
  const recorded = await record('00', sent)
  const source = await readFile(recorded.path)
  const whole = await decoded(recorded.path)
  for (const [from, to] of [
    [0, 1],
    [0.01, 0.3],
    [1.5, 3.25],
    [6.5, 9],
  ] as const) {
    const where = `${from} to ${to}`
    const clip = (await cut(source, from, to, 'clip.mp3'))!
    const found = await decoded(clip.path)
    const heard = whole.sound.subarray(Math.round(from * 48_000), Math.round(to * 48_000))
    expect(found.complaints, where).toBe('')
    expect(found.sound.length - heard.length, where).toBeLessThan(1152)
    expect(difference(heard, found.sound.subarray(0, heard.length)), where).toBeLessThan(0.002)
    expect(clip.readBytes, where).toBe(384 + clip.file.bodyBytes)
    expect(await checkClip('clip.mp3', clip.file, clip.bodyPath, findFfmpeg()), where).toEqual([])
  }
})
