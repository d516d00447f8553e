import type { Logger } from 'pino'
import type { EncodedFrame } from '../tap/frame.ts'
import { AudioAxis, type AudioPacket, type AxisRules } from '../timeline/audio-axis.ts'
import type { AudioLoss } from '../timeline/audio-losses.ts'
import type { AppendFile } from './append-file.ts'
import { AudioEncoder, type EncodedAudio, overlapFrames } from './audio-encoder.ts'
import type { AudioFormat } from './audio-format.ts'
import { audioBatchRecord } from './index-records.ts'
import { JournalMarks } from './journal-marks.ts'
import { JournalRelease } from './journal-release.ts'
import { opusPreRoll, opusSamples } from './opus.ts'
import { type JournalDamage, opusPacketRecord, readJournal } from './sound-journal.ts'
import type { SoundBatch, SoundTrack } from './sound-track.ts'

export interface AudioTrackOptions {
  ffmpegPath: string
  format: AudioFormat
  /** Gets every packet as it arrived, before anything is made of it. */
  journal: AppendFile
  log: Logger
  /** There is something to take. */
  onAudio: () => void
  /** Sound that was sent and will not be in the file. */
  onLoss: (loss: AudioLoss) => void
  /** Sound of which the journal cannot be read any more, and that is not encoded. */
  onDamage: (damage: JournalDamage) => void
  /** How it is laid. */
  rules: AxisRules
  /** How long sound waits in the journal after an encoder that failed twice within this time. */
  restMs: number
}

/** Frames that go to the body together. */
interface AudioFrames {
  chunks: Uint8Array[]
  sizes: number[]
}

/** A second failure within this time is not an accident; then the sound waits in the journal for so long, and ever longer if it fails again. */
export const defaultRestMs = 60_000
const mostRestMs = 15 * 60_000
/** Sound is encoded a second at a time: woken for every 200 ms, the encoder takes more CPU for the same work. */
const encoderWakeSamples = 48_000
const framesPerSilenceBatch = 2048

/**
 * The sound of one file: journalled as it arrives, laid on the axis, encoded while it runs. A dead encoder is replaced, at once or, if that does not
 * help, after a rest, and the next one goes on at the very frame, from the journal; what could not be encoded in time is encoded at the end.
 */
export class AudioTrack implements SoundTrack {
  axis: AudioAxis
  /** Why not all sound is encoded, after `finish`. */
  problem: string | undefined
  readonly #options: AudioTrackOptions
  #encoder: AudioEncoder | undefined
  /** The encoder, if there is any, does not get all there is: `finish` must catch up. */
  #behind: boolean
  #nextFrame: number
  #journaled = 0
  readonly #marks = new JournalMarks()
  readonly #release: JournalRelease
  #takenFrames: number
  /** Packets that wait until the axis has been laid anew, each with where the journal ends with it. */
  #backlog: { packet: AudioPacket; journalBytes: number }[] | undefined
  #restart: Promise<void> | undefined
  #restartedAt = Number.NEGATIVE_INFINITY
  #restMs: number
  #resting: NodeJS.Timeout | undefined
  #failure: string | undefined
  #pending: EncodedAudio[] = []
  #finishing = false
  #lossesTold = 0
  #lossesOfAxis = 0
  /** Frames beyond this one hold no sound. */
  #endsWith = Number.POSITIVE_INFINITY

  /** With frames or packets of an earlier attempt, it is behind from the start, and only `finish` makes sense. */
  constructor(options: AudioTrackOptions, salvaged?: { frames: number }) {
    this.#options = options
    this.axis = new AudioAxis(options.rules)
    this.#nextFrame = salvaged?.frames ?? 0
    this.#takenFrames = this.#nextFrame
    this.#release = new JournalRelease(options.journal)
    this.#restMs = options.restMs
    this.#behind = salvaged !== undefined
    if (!this.#behind) this.#encoder = this.#newEncoder()
  }

  /** Takes a packet that is Opus. */
  push(frame: EncodedFrame): void {
    const { ssrc, rtpTimestamp, receiveTimeMicros, sequenceNumber, data } = frame
    const packet = { ssrc, rtpTimestamp, receiveTimeMicros, sequenceNumber, data, samples: opusSamples(data) }
    const { journal } = this.#options
    journal.append(opusPacketRecord(packet))
    this.#journaled++
    if (this.#backlog !== undefined) this.#backlog.push({ packet, journalBytes: journal.length })
    else this.#lay(packet, journal.length)
  }

  /** Writes the journal, then hands the encoder what has come since, once it is worth waking it for. */
  async flush(): Promise<void> {
    await this.#options.journal.flush()
    this.#encoder?.flush(encoderWakeSamples)
    this.#tellLosses(false)
  }

  /** The frames that were encoded since the last time. In batches of bounded size. */
  take(): SoundBatch[] {
    return this.#takeFrames().map(({ chunks, sizes }) => {
      const before = this.#takenFrames
      this.#takenFrames += sizes.length
      return { chunks, record: (offset) => audioBatchRecord(offset, chunks, sizes, before) }
    })
  }

  get reached(): number {
    const { samplesPerFrame, primingSamples } = this.#options.format
    return Math.min(this.axis.samples, this.#takenFrames * samplesPerFrame - primingSamples)
  }

  /** An encoder that goes on after the frames that were taken needs the packets from a little before them on. */
  get journalDone(): number {
    const firstEncoded = (this.#takenFrames - overlapFrames) * this.#options.format.samplesPerFrame
    return this.#marks.endBefore(firstEncoded - opusPreRoll)
  }

  async release(end: number): Promise<number> {
    // Somebody reads it.
    if (this.#backlog !== undefined || this.#finishing) return 0
    return this.#release.release(end)
  }

  #takeFrames(): AudioFrames[] {
    const pending = this.#pending
    this.#pending = []
    const batches: AudioFrames[] = []
    let batch: AudioFrames | undefined
    const add = (chunk: Uint8Array, frameBytes: number, frames: number) => {
      if (batch === undefined || batch.sizes.length + frames > framesPerSilenceBatch) {
        batch = { chunks: [], sizes: [] }
        batches.push(batch)
      }
      batch.chunks.push(chunk)
      for (let left = frames; left > 0; left--) batch.sizes.push(frameBytes)
    }
    for (const audio of pending) {
      if ('frames' in audio) {
        for (const frame of audio.frames) add(frame, frame.length, 1)
        continue
      }
      const block = Buffer.concat(new Array(Math.min(audio.count, framesPerSilenceBatch)).fill(audio.silence))
      for (let left = audio.count; left > 0; ) {
        const frames = Math.min(left, framesPerSilenceBatch)
        add(block.subarray(0, frames * audio.silence.length), audio.silence.length, frames)
        left -= frames
      }
    }
    return batches
  }

  /** Encodes all there is. Afterwards `take` gives the rest, no frame more than the sound needs. */
  async finish(): Promise<void> {
    this.#finishing = true
    clearTimeout(this.#resting)
    await this.#restart
    if (!this.#behind) {
      for (const item of this.axis.end()) this.#encoder?.feed(item)
      this.#endsWith = this.neededFrames
      await this.#encoder?.end()
    }
    if (this.#behind) await this.#catchUp(true)
    this.#tellLosses(true)
    if (this.#nextFrame < this.neededFrames) {
      this.problem = `sound could not be encoded to its end: ${this.#failure ?? 'the encoder left frames out'}`
    }
  }

  /** Reads the journal without encoding anything: all frames are there already. */
  async readJournal(): Promise<void> {
    for await (const packets of readJournal(this.#options.journal.path)) for (const packet of packets) this.axis.push(packet)
    this.axis.end()
  }

  /** Frames that hold all of the sound. */
  get neededFrames(): number {
    const { samplesPerFrame, primingSamples } = this.#options.format
    return this.axis.samples === 0 ? 0 : Math.ceil((this.axis.samples + primingSamples) / samplesPerFrame)
  }

  /** An axis that was laid anew from the journal has the same losses in the same order: each is told once. */
  #tellLosses(atTheEnd: boolean): void {
    for (const loss of this.axis.takeLosses(atTheEnd)) if (this.#lossesOfAxis++ >= this.#lossesTold) this.#options.onLoss(loss)
    this.#lossesTold = Math.max(this.#lossesTold, this.#lossesOfAxis)
  }

  #lay(packet: AudioPacket, journalBytes: number): void {
    for (const item of this.axis.push(packet)) this.#encoder?.feed(item)
    this.#marks.laid(journalBytes, packet.receiveTimeMicros, this.axis.samples)
  }

  #newEncoder(): AudioEncoder {
    const { ffmpegPath, format } = this.#options
    return new AudioEncoder({
      ffmpegPath,
      format,
      firstFrame: this.#nextFrame,
      onAudio: (audio) => this.#took(audio),
      onFailure: (reason) => this.#failed(reason),
    })
  }

  #took(audio: EncodedAudio): void {
    const count = 'frames' in audio ? audio.frames.length : audio.count
    const wanted = Math.max(0, Math.min(count, this.#endsWith - this.#nextFrame))
    if (wanted === 0) return
    this.#nextFrame += wanted
    this.#pending.push('frames' in audio ? { frames: audio.frames.slice(0, wanted) } : { ...audio, count: wanted })
    this.#options.onAudio()
  }

  #failed(reason: string): void {
    this.#encoder = undefined
    this.#failure = reason
    this.#behind = true
    if (this.#finishing) {
      this.#options.log.warn({ reason, frame: this.#nextFrame }, 'Audio encoder failed')
      return
    }
    const worked = performance.now() - this.#restartedAt > this.#options.restMs
    const restMs = worked ? 0 : this.#restMs
    this.#restMs = worked ? this.#options.restMs : Math.min(this.#restMs * 2, mostRestMs)
    this.#options.log.warn({ reason, frame: this.#nextFrame, restSeconds: restMs / 1000 }, 'Audio encoder failed')
    if (worked) this.#beginAgain()
    else this.#resting = setTimeout(() => this.#beginAgain(), restMs).unref()
  }

  #beginAgain(): void {
    this.#restartedAt = performance.now()
    // One catching up may still be reading the journal for the encoder that has failed.
    this.#restart = (this.#restart ?? Promise.resolve()).then(() => this.#catchUp(false))
  }

  /** A new encoder gets all there was from the journal, then what came meanwhile. */
  async #catchUp(last: boolean): Promise<void> {
    const packets = this.#journaled
    this.#backlog = []
    const axis = new AudioAxis(this.#options.rules)
    this.#failure = undefined
    this.#endsWith = Number.POSITIVE_INFINITY
    this.#encoder = this.#newEncoder()
    const encoder = this.#encoder
    try {
      await this.#release.settled()
      await this.#options.journal.flush()
      let left = last ? Number.POSITIVE_INFINITY : packets
      const wanted = this.#nextFrame * this.#options.format.samplesPerFrame - this.#options.format.primingSamples
      const onDamage = (damage: JournalDamage) => {
        if (axis.samples >= wanted) this.#options.onDamage(damage)
      }
      for await (const batch of readJournal(this.#options.journal.path, onDamage)) {
        for (const packet of batch.slice(0, left)) for (const item of axis.push(packet)) encoder.feed(item)
        left -= batch.length
        await encoder.ready()
        if (left <= 0) break
      }
    } catch (error) {
      encoder.abandon()
      this.#failure = `the journal of sound could not be read: ${(error as Error).message}`
    }
    this.axis = axis
    this.#lossesOfAxis = 0
    const backlog = this.#backlog
    this.#backlog = undefined
    for (const { packet, journalBytes } of backlog) this.#lay(packet, journalBytes)
    this.#behind = this.#failure !== undefined
    if (!last) return
    for (const item of axis.end()) encoder.feed(item)
    this.#endsWith = this.neededFrames
    await encoder.end()
  }
}
