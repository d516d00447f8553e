import { type AudioSlices, compactTime, isListed, type Medium } from '@trtc-recorder/api'
import { Decoding, type PcmForm } from '../../media/opus-decoding.ts'
import { bytesPerSample, wavHead } from '../../outputs/wav.ts'
import type { BegunObject, LiveObjects } from '../live-objects.ts'
import type { LiveEvent, LivePart, LiveSource } from '../part.ts'
import { oggSlice, samplesOf } from './ogg-slice.ts'
import { type Slice, Slicer, type SliceStep } from './slicer.ts'

const wav16k: PcmForm = { rate: 16_000, channels: 1 }

interface Sliced {
  source: LiveSource
  slicer: Slicer
  begun: BegunObject | undefined
}

/** Ogg Opus slices of each user, stored as soon as each is over. */
export class SlicesPart implements LivePart {
  readonly name = 'audioSlices'
  readonly #spec: AudioSlices
  readonly #objects: Pick<LiveObjects, 'begin'>
  readonly #sliced = new Map<number, Sliced>()
  readonly #decoders = new Decoding()
  /** Slices that are being decoded. */
  readonly #decoding = new Set<Promise<void>>()

  constructor(spec: AudioSlices, objects: Pick<LiveObjects, 'begin'>) {
    this.#spec = spec
    this.#objects = objects
  }

  wants({ userId, stream }: Pick<LiveSource, 'userId' | 'stream'>): readonly Medium[] {
    return stream === 'main' && isListed(this.#spec.users, userId) ? ['audio'] : []
  }

  on(event: LiveEvent): void {
    const { source } = event
    const sliced = this.#sliced.get(source.id)
    switch (event.type) {
      case 'opened':
        this.#sliced.set(source.id, { source, slicer: new Slicer(this.#spec.seconds), begun: undefined })
        return
      case 'sound':
        this.#take(sliced!, sliced!.slicer.push(event.sound))
        return
      case 'reached':
        this.#take(sliced!, sliced!.slicer.reached(event.micros))
        return
      case 'paused':
        this.#take(sliced!, sliced!.slicer.end())
        return
      case 'closed':
        this.#take(sliced!, sliced!.slicer.end())
        this.#sliced.delete(source.id)
        return
      case 'picture':
      case 'sends':
      case 'resumed':
        return
    }
  }

  async end(): Promise<void> {
    for (const sliced of this.#sliced.values()) this.#take(sliced, sliced.slicer.end())
    this.#sliced.clear()
    await Promise.all(this.#decoding)
  }

  #take(sliced: Sliced, steps: readonly SliceStep[]): void {
    for (const step of steps) {
      switch (step.type) {
        case 'begun':
          sliced.begun = this.#objects.begin(this.name, sliced.source, step.fromMicros, step.toMicros)
          break
        case 'done':
          this.#store(sliced, step.slice)
      }
    }
  }

  #store(sliced: Sliced, slice: Slice): void {
    const { begun, source } = sliced
    sliced.begun = undefined
    const start = new Date(Math.round(slice.fromMicros / 1000))
    const { toMicros } = slice
    switch (this.#spec.format) {
      case 'OggOpus': {
        const data = oggSlice({ ...slice, serial: serialOf(slice, source), comments: commentsOf(source, start) })
        void begun!.made({ name: `${compactTime(start)}.ogg`, data, contentType: 'audio/ogg', toMicros })
        return
      }
      case 'Wav16k': {
        const decoding = this.#decoded(slice).then(
          (data) => void begun!.made({ name: `${compactTime(start)}.wav`, data, contentType: 'audio/wav', toMicros }),
          (error: Error) => begun!.failed(`it could not be decoded: ${error.message}`, toMicros),
        )
        this.#decoding.add(decoding)
        void decoding.finally(() => this.#decoding.delete(decoding))
      }
    }
  }

  /** The same sound as in Ogg Opus: what a decoder learns from is left out. */
  async #decoded({ preRoll, packets }: Slice): Promise<Buffer> {
    const decoder = this.#decoders.open(wav16k)
    try {
      const pcm = await decoder.decode([...preRoll, ...packets].map(({ data }) => data))
      const sound = pcm.subarray((samplesOf(preRoll) / 3) * bytesPerSample)
      return Buffer.concat([wavHead(wav16k, sound.length), sound])
    } finally {
      decoder.close()
    }
  }
}

const commentsOf = ({ userId, file }: LiveSource, start: Date) => [
  `TITLE=${userId}`,
  `DATE=${start.toISOString()}`,
  `TRTC_USER=${userId}`,
  `TRTC_START_MS=${start.getTime()}`,
  `TRTC_FILE=${file}`,
]

/** New for every slice. */
const serialOf = ({ fromMicros }: Slice, { id }: LiveSource) => (Math.floor(fromMicros / 1000) + id * 7919) >>> 0
