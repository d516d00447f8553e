import type { EncodedFrame } from '../tap/frame.ts'
import { AudioAxis, type FeedItem } from '../timeline/audio-axis.ts'
import type { AudioLoss } from '../timeline/audio-losses.ts'
import type { AppendFile } from './append-file.ts'
import { opusBatchRecord } from './index-records.ts'
import { JournalMarks } from './journal-marks.ts'
import { JournalRelease } from './journal-release.ts'
import { opusSamples, opusSilence, silentOpusPacket } from './opus.ts'
import { type JournalDamage, type JournalPacket, opusPacketRecord, readJournal } from './sound-journal.ts'
import type { SoundBatch, SoundTrack } from './sound-track.ts'

export interface OpusTrackOptions {
  /** Gets every packet as it arrived, before anything is made of it. */
  journal: AppendFile
  /** Sound that was sent and will not be in the file. */
  onLoss: (loss: AudioLoss) => void
  /** Sound of which the journal cannot be read any more, and that is not in the body. */
  onDamage: (damage: JournalDamage) => void
}

/**
 * The packets of one file's sound as they came, each at its place on the axis. Where nothing came there are packets of silence: Chromium
 * does not wait at a hole, and what follows would come too early.
 */
export class OpusTrack implements SoundTrack {
  readonly axis = new AudioAxis()
  readonly problem = undefined
  readonly #options: OpusTrackOptions
  /** Where the axis goes on. */
  #position = 0
  /** Before this position of the axis an earlier attempt put everything into the body. */
  readonly #laidBefore: number
  readonly #marks = new JournalMarks()
  readonly #release: JournalRelease
  reached = 0
  #takenPackets: number
  #pending: { data: Uint8Array; axisStart: number; samples: number }[] = []

  constructor(options: OpusTrackOptions, salvaged?: { frames: number; axisEnd: number }) {
    this.#options = options
    this.#laidBefore = salvaged?.axisEnd ?? Number.NEGATIVE_INFINITY
    this.#takenPackets = salvaged?.frames ?? 0
    this.#release = new JournalRelease(options.journal)
  }

  push({ ssrc, rtpTimestamp, receiveTimeMicros, sequenceNumber, data }: EncodedFrame): void {
    const packet = { ssrc, rtpTimestamp, receiveTimeMicros, sequenceNumber, samples: opusSamples(data), data }
    const { journal } = this.#options
    journal.append(opusPacketRecord(packet))
    this.#lay(packet)
    this.#marks.laid(journal.length, receiveTimeMicros, this.axis.samples)
  }

  async flush(): Promise<void> {
    await this.#options.journal.flush()
    this.#tellLosses(false)
  }

  take(): SoundBatch[] {
    const packets = this.#pending
    this.#pending = []
    this.reached = this.#position
    const chunks = packets.map(({ data }) => data)
    const before = this.#takenPackets
    this.#takenPackets += packets.length
    return packets.length === 0 ? [] : [{ chunks, record: (offset) => opusBatchRecord(offset, packets, before) }]
  }

  get journalDone(): number {
    return this.#marks.endBefore(this.reached)
  }

  release(end: number): Promise<number> {
    return this.#release.release(end)
  }

  async finish(): Promise<void> {
    await this.#release.settled()
    this.#place(this.axis.end())
    this.#tellLosses(true)
  }

  async salvage(): Promise<void> {
    const onDamage = (damage: JournalDamage) => {
      if (this.#position >= this.#laidBefore) this.#options.onDamage(damage)
    }
    for await (const packets of readJournal(this.#options.journal.path, onDamage)) for (const packet of packets) this.#lay(packet)
    this.#place(this.axis.end())
  }

  #lay(packet: JournalPacket): void {
    this.#place(this.axis.push(packet))
  }

  #place(items: FeedItem[]): void {
    for (const item of items) {
      switch (item.type) {
        case 'packet':
          this.#put(item.data, item.samples)
          break
        case 'silence':
          for (const { data, samples } of opusSilence(item.samples)) this.#put(data, samples)
          break
        case 'skew':
          this.#position += item.samples
      }
    }
  }

  #put(data: Uint8Array, samples: number): void {
    // What was given back to the volume is among those, unless the disk has lost what was made of it.
    if (this.#position >= this.#laidBefore)
      this.#pending.push({ data: data.length > 0 ? data : silentOpusPacket(samples), axisStart: this.#position, samples })
    this.#position += samples
  }

  #tellLosses(atTheEnd: boolean): void {
    for (const loss of this.axis.takeLosses(atTheEnd)) this.#options.onLoss(loss)
  }
}
