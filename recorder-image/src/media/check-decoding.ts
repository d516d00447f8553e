import { once } from 'node:events'
import { aacConfig, type SoundKind } from './audio-format.ts'
import { PictureOrder } from './check-order.ts'
import { picturesToDecode, type Stretch, soundToDecode } from './check-sample.ts'
import { FfmpegProcess } from './ffmpeg.ts'
import type { FinishedFile } from './finished-file.ts'
import { isIdrSample } from './h264.ts'
import { asBeginning } from './h265-units.ts'
import type { Mp4Track } from './mp4-head.ts'
import { OggOpusWriter } from './ogg.ts'
import { opusSamples } from './opus.ts'
import { rawVideo } from './raw-video.ts'
import type { VideoConfig } from './video-codec.ts'

/** What came out of a decoder. */
export interface Decoded {
  frames: number
  /** What is wrong. */
  problems: string[]
  /** What there was no time for. */
  unchecked: string[]
}

const nothing = (): Decoded => ({ frames: 0, problems: [], unchecked: [] })

/** Decodes groups of pictures, each configuration by itself, until `deadline` (by `performance.now()`). */
export async function decodePictures(
  file: FinishedFile,
  track: Mp4Track,
  configs: readonly VideoConfig[],
  options: { durationSeconds: number; ffmpegPath: string; deadline: number },
): Promise<Decoded> {
  const isHere = (at: number) => file.has(track.offsets[at]!, track.sizes[at]!)
  const { stretches, gone } = stillHere(picturesToDecode(track, configs, options.durationSeconds), isHere)
  const result = { ...nothing(), unchecked: gone }
  for (const [entry, config] of configs.entries()) {
    const mine = stretches.filter(({ first }) => (track.entries?.[first] ?? 0) === entry)
    let wanted = mine.reduce((sum, { first, end }) => sum + end - first, 0)
    if (wanted === 0) continue
    const { format, head, picture } = rawVideo(config)
    const order = new PictureOrder(config)
    // From a recovery point on, a decoder gives no picture until it is whole.
    let isExact = true
    async function* chunks() {
      yield head
      let number = 0
      let before = 0
      for (const { first, end } of mine) {
        // What is between the two the decoder is not given, and must not think that it was.
        const begun = config.codec === 'h265' && first !== before ? asBeginning : (sample: Uint8Array) => sample
        before = end
        for (let at = first; at < end; at++) {
          const sample = await file.readBody(track.offsets[at]!, track.sizes[at]!)
          if (at === first && config.codec === 'h264' && !isIdrSample(sample)) isExact = false
          if (order.add(sample, at, at === first)) yield picture(at === first ? begun(sample) : sample, number++)
          else wanted--
        }
      }
    }
    const output = ['-fps_mode', 'passthrough', '-f', 'null', '-progress', 'pipe:1', '-']
    // Without the deblocking filter it decodes nearly twice as fast, and finds the same errors.
    const arguments_ = ['-skip_loop_filter', 'all', '-f', format, '-i', 'pipe:0', ...output]
    const decoded = await decode(arguments_, chunks(), options, 'pictures', (text) =>
      Number(/.*\bframe=(\d+)/s.exec(text)?.[1] ?? 0),
    )
    add(result, decoded)
    const isAsWanted = isExact ? decoded.frames === wanted : decoded.frames > 0 && decoded.frames <= wanted
    if (decoded.problems.length + decoded.unchecked.length === 0 && !isAsWanted) {
      result.problems.push(`${wanted} pictures decode to ${decoded.frames}`)
    }
    result.problems.push(...order.problems)
  }
  return result
}

/** Decodes stretches of the sound of an MP4. */
export async function decodeSound(
  file: FinishedFile,
  track: Mp4Track,
  { format }: SoundKind,
  options: { durationSeconds: number; ffmpegPath: string; deadline: number },
): Promise<Decoded> {
  const framesPerSecond = (track.sizes.length * track.timescale) / track.end
  const sample = soundToDecode(track.sizes.length, framesPerSecond, options.durationSeconds)
  const { stretches, gone } = stillHere(sample, (at) => file.has(track.offsets[at]!, track.sizes[at]!))
  if (stretches.length === 0) return { ...nothing(), unchecked: gone }
  async function* frames() {
    for (const { first, end } of stretches) {
      for (let at = first; at < end; at++) yield await file.readBody(track.offsets[at]!, track.sizes[at]!)
    }
  }
  if (format === undefined) return withGone(await decodeFrames('ogg', inOgg(frames()), options), gone)
  const decoded = await decodeFrames('aac', mapped(frames(), adts), options)
  const wanted = stretches.reduce((sum, { first, end }) => sum + end - first, 0)
  if (decoded.problems.length + decoded.unchecked.length === 0 && decoded.frames !== wanted) {
    decoded.problems.push(`${wanted} frames of sound decode to ${decoded.frames}`)
  }
  return withGone(decoded, gone)
}

async function* mapped<From, To>(all: AsyncIterable<From>, map: (one: From) => To): AsyncGenerator<To> {
  for await (const one of all) yield map(one)
}

async function* inOgg(packets: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const ogg = new OggOpusWriter()
  yield ogg.header(0)
  for await (const data of packets) yield ogg.pages([{ data, samples: opusSamples(data) }])
}

/** Decodes stretches of MP3 of frames of one size. */
export async function decodeMp3(
  file: FinishedFile,
  { frameBytes, perSecond }: { frameBytes: number; perSecond: number },
  options: { durationSeconds: number; ffmpegPath: string; deadline: number },
): Promise<Decoded> {
  const sample = soundToDecode(file.bodyBytes / frameBytes, perSecond, options.durationSeconds)
  const { stretches, gone } = stillHere(sample, (at) => file.has(at * frameBytes, frameBytes))
  if (stretches.length === 0) return { ...nothing(), unchecked: gone }
  async function* chunks() {
    for (const { first, end } of stretches) yield await file.readBody(first * frameBytes, (end - first) * frameBytes)
  }
  return withGone(await decodeFrames('mp3', chunks(), options), gone)
}

/** Of a sample, what was not given back to the volume meanwhile. Where COS has taken it, it has the checksum it was sent with. */
function stillHere(sample: readonly Stretch[], isHere: (at: number) => boolean): { stretches: Stretch[]; gone: string[] } {
  const stretches = sample.filter(({ first, end }) => {
    for (let at = first; at < end; at++) if (!isHere(at)) return false
    return true
  })
  const count = sample.length - stretches.length
  const gone = `${count} of ${sample.length} stretches to decode had been given back to the volume; COS confirmed their checksums`
  return { stretches, gone: count === 0 ? [] : [gone] }
}

const withGone = (decoded: Decoded, gone: readonly string[]): Decoded => ({
  ...decoded,
  unchecked: [...gone, ...decoded.unchecked],
})

async function decodeFrames(
  format: string,
  chunks: AsyncIterable<Uint8Array>,
  options: { ffmpegPath: string; deadline: number },
): Promise<Decoded> {
  const lines = (text: string) => text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length
  const decoded = await decode(['-f', format, '-i', 'pipe:0', '-f', 'framecrc', 'pipe:1'], chunks, options, 'sound', lines)
  if (decoded.problems.length + decoded.unchecked.length === 0 && decoded.frames === 0)
    decoded.problems.push('the sound decodes to nothing')
  return decoded
}

function add(result: Decoded, { frames, problems, unchecked }: Decoded): void {
  result.frames += frames
  result.problems.push(...problems)
  result.unchecked.push(...unchecked)
}

async function decode(
  arguments_: string[],
  chunks: AsyncIterable<Uint8Array>,
  { ffmpegPath, deadline }: { ffmpegPath: string; deadline: number },
  what: string,
  count: (output: string) => number,
): Promise<Decoded> {
  const left = deadline - performance.now()
  const late = () => ({ ...nothing(), unchecked: [`there was no time to decode the ${what}`] })
  if (left <= 0) return late()
  const ffmpeg = new FfmpegProcess(ffmpegPath, ['-loglevel', 'error', '-xerror', '-threads', '1', ...arguments_])
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    ffmpeg.child.kill('SIGKILL')
  }, left)
  let output = ''
  ffmpeg.child.stdout?.setEncoding('latin1').on('data', (text: string) => {
    output += text
  })
  try {
    await feed(ffmpeg, chunks)
    const failure = await ffmpeg.ended
    if (isLate) return late()
    const problem = failure ?? (ffmpeg.stderr === '' ? undefined : ffmpeg.stderr)
    return {
      frames: count(output),
      problems: problem === undefined ? [] : [`the ${what} cannot be decoded: ${problem.slice(0, 160)}`],
      unchecked: [],
    }
  } finally {
    clearTimeout(timer)
    ffmpeg.child.kill('SIGKILL')
  }
}

/** As fast as it is taken. Stops when nobody takes it any more. */
async function feed({ child, ended }: FfmpegProcess, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const { stdin } = child
  if (stdin === null) return
  let isOver = false
  const over = ended.then(() => {
    isOver = true
  })
  for await (const chunk of chunks) {
    if (isOver) break
    if (!stdin.write(chunk)) await Promise.race([once(stdin, 'drain').catch(() => {}), over])
  }
  stdin.end()
}

/** A raw AAC frame behind an ADTS header (ISO 14496-3, 1.A.2.2). */
function adts(frame: Uint8Array): Buffer {
  const bytes = frame.length + 7
  const profile = (aacConfig[0]! >> 3) - 1
  const rateIndex = ((aacConfig[0]! & 7) << 1) | (aacConfig[1]! >> 7)
  const channelCount = (aacConfig[1]! >> 3) & 0xf
  return Buffer.concat([
    Buffer.from([
      ...[0xff, 0xf1, (profile << 6) | (rateIndex << 2) | (channelCount >> 2)],
      ...[((channelCount & 3) << 6) | (bytes >> 11), (bytes >> 3) & 0xff, ((bytes & 7) << 5) | 0x1f, 0xfc],
    ]),
    frame,
  ])
}
