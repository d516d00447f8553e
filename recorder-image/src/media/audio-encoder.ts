import type { FeedItem } from '../timeline/audio-axis.ts'
import type { AudioFormat } from './audio-format.ts'
import { FfmpegProcess } from './ffmpeg.ts'
import { OggOpusWriter } from './ogg.ts'
import { opusLead, opusLookAhead, opusPreRoll, opusSilence } from './opus.ts'

/** Encoded frames, in order: either as they came, or one frame of silence `count` times. */
export type EncodedAudio = { frames: Uint8Array[] } | { silence: Uint8Array; count: number }

export interface AudioEncoderOptions {
  ffmpegPath: string
  format: AudioFormat
  /** Frames before this one exist already. Frame n of the format covers the axis from n · samplesPerFrame − primingSamples on. */
  firstFrame: number
  onAudio: (audio: EncodedAudio) => void
  /** How long ffmpeg may give nothing while it is to give the last frames; 30 s. */
  endTimeoutMs?: number
  /** It ended, or misbehaved, before it was told to. Called once; nothing comes after it. */
  onFailure: (reason: string) => void
}

/** Frames that are encoded again before `firstFrame`, so that the encoder has settled where the new ones join the old. */
export const overlapFrames = 4
/** What a stalled encoder may have waiting before it counts as dead: about ten minutes of sound. */
const maxWaitingBytes = 8 * 1024 * 1024
const replayWaitingBytes = 256 * 1024
const defaultEndTimeoutMs = 30_000
const endSilence = 2 * 960
/**
 * Follows the clock of the packets by stretching, half a millisecond off at most where it skips and a quarter more of a drift; 5000 ppm at
 * most, which nobody hears. Costs nothing as long as the clock does not skip.
 */
const stretch = 'aresample=async=1:min_comp=0.0005:comp_duration=1:max_soft_comp=0.005:min_hard_comp=0.1'
/** Longer silences are not encoded: their middle is made of ready frames. */
const longSilenceSamples = 5 * 48_000
const silenceMarginSamples = 20 * 960
/** Frames of silence come in multiples of this, so that what is left to encode stays on the 2.5 ms grid in both formats. */
const silenceFrameMultiple = 15

/**
 * Opus in, AAC or MP3 out, by one ffmpeg. Takes the items of an audio axis from its beginning, whichever frame is wanted first:
 * what is not needed for that frame is skipped, so a second encoder can take over where one died.
 */
export class AudioEncoder {
  /** Number of the next frame that comes out. */
  nextFrame: number
  readonly #options: AudioEncoderOptions
  readonly #startFrame: number
  /** Axis position of the next item. */
  #position = 0
  #process: FfmpegProcess | undefined
  #ogg = new OggOpusWriter()
  /** Pages that are complete, and the packets of the next. */
  #pages: Buffer[] = []
  #batch: { data: Uint8Array; samples: number }[] = []
  #batchSamples = 0
  /** Samples that went into ffmpeg, the pre-skip taken off. */
  #fed = 0
  /** Frames that came out of ffmpeg. */
  #out = 0
  #inserts: { beforeOut: number; count: number }[] = []
  #tail: Buffer = Buffer.alloc(0)
  #frameNumber: number
  #ending = false
  #failed = false

  constructor(options: AudioEncoderOptions) {
    this.#options = options
    this.#startFrame = Math.max(0, options.firstFrame - overlapFrames)
    this.#frameNumber = this.#startFrame
    this.nextFrame = options.firstFrame
  }

  feed(item: FeedItem): void {
    // Nobody takes it any more.
    if (this.#failed) return
    if (item.type === 'skew') {
      this.#skew(item.samples)
      return
    }
    const start = this.#startFrame * this.#options.format.samplesPerFrame
    const wantedFrom = start === 0 ? 0 : start - opusPreRoll
    let samples = item.samples
    const skipped = Math.min(samples, Math.max(0, wantedFrom - this.#position))
    if (item.type === 'packet') {
      this.#position += samples
      if (skipped === samples && samples > 0) return
      this.#begin(start - (this.#position - samples))
      // What was given back to the volume is behind what is wanted, unless the disk has lost what was made of it.
      if (item.data.length === 0) this.#queueSilence(samples)
      else this.#queue(item.data, samples)
      return
    }
    const skippedOnGrid = skipped - (skipped % 120)
    this.#position += samples
    samples -= skippedOnGrid
    if (samples === 0) return
    this.#begin(start - (this.#position - samples))
    this.#silence(samples)
  }

  /** Hands what was fed to ffmpeg, if it is as long as this. */
  flush(leastSamples = 0): void {
    if (this.#batchSamples === 0 || this.#batchSamples < leastSamples || this.#process === undefined || this.#failed) return
    const { stdin } = this.#process.child
    this.#endPage()
    stdin?.write(Buffer.concat(this.#pages))
    this.#pages = []
    this.#batchSamples = 0
    if (stdin != null && stdin.writableLength > maxWaitingBytes) this.#fail('ffmpeg has stopped taking sound')
  }

  /** For feeding faster than it encodes: resolves when it is worth going on. */
  async ready(): Promise<void> {
    this.flush()
    const stdin = this.#process?.child.stdin
    if (this.#failed || stdin == null || stdin.writableLength < replayWaitingBytes) return
    await Promise.race([new Promise((resolve) => stdin.once('drain', resolve)), this.#process!.ended])
  }

  /** Resolves when every frame is out, or it failed. */
  async end(): Promise<void> {
    if (this.#process === undefined || this.#failed) return
    this.#ending = true
    // Brings out what is still inside the decoder's look-ahead, and makes up for what is not stretched yet.
    this.#queueSilence(endSilence)
    this.flush()
    this.#process.child.stdin?.end()
    const { endTimeoutMs = defaultEndTimeoutMs } = this.#options
    // A slow machine is not a dead encoder.
    let out = this.#out
    const timer = setInterval(() => {
      if (this.#out === out) this.#fail(`ffmpeg did not finish, and gave nothing for ${endTimeoutMs / 1000} s`)
      out = this.#out
    }, endTimeoutMs)
    const problem = await this.#process.ended
    clearInterval(timer)
    if (problem !== undefined) this.#fail(problem)
  }

  /** Ends at once; nothing more comes. */
  abandon(): void {
    this.#failed = true
    this.#process?.child.kill('SIGKILL')
  }

  #begin(skip: number): void {
    if (this.#process !== undefined) return
    const { ffmpegPath, format } = this.#options
    // Not `-fflags nobuffer`: it throws away the packets that ffmpeg looked at to know the format.
    const input = ['-analyzeduration', '0', '-probesize', '32', '-f', 'ogg', '-i', 'pipe:0']
    const output = [
      '-map',
      '0:a',
      '-af',
      stretch,
      '-ar',
      '48000',
      '-ac',
      '2',
      ...format.ffmpegArguments,
      '-flush_packets',
      '1',
      'pipe:1',
    ]
    this.#process = new FfmpegProcess(ffmpegPath, ['-threads', '1', ...input, '-threads', '1', ...output])
    this.#process.child.stdout?.on('data', (data: Buffer) => this.#parse(data))
    void this.#process.ended.then((problem) => {
      if (!this.#ending) this.#fail(problem ?? 'ffmpeg ended by itself')
    })
    const preSkip = opusLookAhead + skip + opusLead
    this.#fed = -skip - opusLead
    this.#process.child.stdin?.write(this.#ogg.header(preSkip))
    this.#queueSilence(opusLead)
  }

  #queue(data: Uint8Array, samples: number): void {
    this.#batch.push({ data, samples })
    this.#batchSamples += samples
    this.#fed += samples
    if (this.#batch.length >= 1000) this.flush()
  }

  /** Before there is an encoder, only the axis moves on. */
  #skew(samples: number): void {
    this.#position += samples
    if (this.#process === undefined) return
    this.#endPage()
    this.#ogg.skew(samples)
    this.#fed += samples
  }

  /** The clock stands on pages: where it skips, a page ends. */
  #endPage(): void {
    if (this.#batch.length > 0) this.#pages.push(this.#ogg.pages(this.#batch))
    this.#batch = []
  }

  #silence(samples: number): void {
    const { samplesPerFrame, primingSamples } = this.#options.format
    let left = samples
    if (samples > longSilenceSamples) {
      const frames = Math.floor((samples - 2 * silenceMarginSamples) / samplesPerFrame)
      const count = frames - (frames % silenceFrameMultiple)
      this.#queueSilence(silenceMarginSamples)
      this.#inserts.push({ beforeOut: Math.round((this.#fed + primingSamples) / samplesPerFrame), count })
      left -= silenceMarginSamples + count * samplesPerFrame
    }
    this.#queueSilence(left)
  }

  #queueSilence(samples: number): void {
    for (const packet of opusSilence(samples)) this.#queue(packet.data, packet.samples)
  }

  #parse(data: Buffer): void {
    if (this.#failed) return
    const { format } = this.#options
    const bytes = this.#tail.length === 0 ? data : Buffer.concat([this.#tail, data])
    let at = 0
    const frames: Uint8Array[] = []
    try {
      for (let frame = format.frameAt(bytes); frame !== undefined; frame = format.frameAt(bytes.subarray(at))) {
        if (frame.bytes <= frame.payloadStart) throw new Error('the encoder’s output has a frame without content')
        if (at + frame.bytes > bytes.length) break
        this.#insertSilence(frames)
        this.#out++
        if (this.#frameNumber++ >= this.nextFrame) {
          frames.push(bytes.subarray(at + frame.payloadStart, at + frame.bytes))
          this.nextFrame++
        }
        at += frame.bytes
      }
    } catch (error) {
      this.#fail((error as Error).message)
    }
    this.#tail = bytes.subarray(at)
    this.#emit(frames)
  }

  #insertSilence(frames: Uint8Array[]): void {
    if (this.#inserts[0]?.beforeOut !== this.#out) return
    const { count } = this.#inserts.shift()!
    this.#frameNumber += count
    const wanted = Math.min(count, Math.max(0, this.#frameNumber - this.nextFrame))
    if (wanted === 0) return
    this.#emit(frames.splice(0))
    this.nextFrame += wanted
    this.#options.onAudio({ silence: this.#options.format.silentFrame, count: wanted })
  }

  #emit(frames: Uint8Array[]): void {
    if (frames.length > 0) this.#options.onAudio({ frames })
  }

  #fail(reason: string): void {
    if (this.#failed) return
    this.abandon()
    this.#options.onFailure(reason)
  }
}
