import { channels } from '../../media/audio-format.ts'
import { buildFragment } from '../../media/mp4-fragment.ts'
import { buildInitSegment, opusEntry } from '../../media/mp4-head.ts'
import { opusLookAhead } from '../../media/opus.ts'
import { isSameConfig, type VideoConfig } from '../../media/video-codec.ts'
import { videoCodecString, videoSampleEntry } from '../../media/video-sample-entry.ts'
import { AudioAxis, type AudioPacket } from '../../timeline/audio-axis.ts'
import { type PictureSegment, PictureSegments, pictureTimescale, type SegmentLengths } from './picture-segments.ts'
import type { ListedSegment } from './playlist.ts'
import { type SoundSegment, SoundSegments, soundTimescale } from './sound-segments.ts'

export type Rendition = 'video' | 'audio'

/** What a player has to know of a rendition before it loads anything of it. */
export interface RenditionFacts {
  codec: string
  /** In pixels; 0 for sound. */
  width: number
  height: number
  /** How often pictures had become others before it began: players find sound and pictures that belong together by counting. */
  changesBefore: number
}

/** An object to be stored, in the order in which they are needed. */
export type HlsObject = { rendition: Rendition; uri: string; data: Buffer } & (
  | { is: 'init'; facts: RenditionFacts }
  | { is: 'segment'; segment: Omit<ListedSegment, 'isMissing'>; frames: number }
)

export interface PackagedPicture {
  data: Uint8Array
  key: boolean
  config: VideoConfig
  /** Wall-clock time at which it is shown, in microseconds. */
  micros: number
}

interface Sound {
  axis: AudioAxis
  segments: SoundSegments
  changesBefore: number
}

/** Sound and pictures of one zero; it lies a little before the first of them, as what comes next may belong before it. */
const leadMicros = 2_000_000

/**
 * Makes of one user's pictures and packets what HLS plays: two renditions on one time line that goes on without a hole from the first picture, or packet, to
 * the last. Pure: what is to be stored comes out.
 */
export class Packager {
  readonly #lengths: SegmentLengths
  readonly #pictures: PictureSegments
  #sound: Sound | undefined
  /** How often the pictures became others. */
  #changes = 0
  #zeroMicros: number | undefined
  readonly #configs: VideoConfig[] = []
  #numbers = { video: 0, audio: 0 }
  #hasSoundInit = false

  constructor(lengths: SegmentLengths) {
    this.#lengths = lengths
    this.#pictures = new PictureSegments(lengths)
  }

  /** `isTaken` false: it is no use before the next key frame. */
  picture({ micros, ...picture }: PackagedPicture): { isTaken: boolean; objects: HlsObject[] } {
    if (this.#zeroMicros === undefined && !picture.key) return { isTaken: false, objects: [] }
    const { isTaken, segments } = this.#pictures.push({ ...picture, ticks: this.#ticks(micros) })
    return { isTaken, objects: this.#ofPictures(segments) }
  }

  packet(packet: AudioPacket): HlsObject[] {
    this.#sound ??= this.#beginSound(packet.receiveTimeMicros)
    const { axis, segments } = this.#sound
    return this.#ofSound(segments.push(axis.push(packet)))
  }

  sends(kind: Rendition, sends: boolean): void {
    if (kind === 'video') this.#pictures.sends(sends)
  }

  wantsKey(nowMicros: number): boolean {
    return this.#zeroMicros !== undefined && this.#pictures.wantsKey(this.#ticks(nowMicros))
  }

  /** To be called now and then: what time alone ends. */
  tick(nowMicros: number): HlsObject[] {
    if (this.#zeroMicros === undefined) return []
    return [
      ...this.#ofPictures(this.#pictures.tick(this.#ticks(nowMicros))),
      ...this.#ofSound(this.#sound?.segments.tick(this.#samples(nowMicros)) ?? []),
    ]
  }

  /** Nothing more comes. */
  end(): HlsObject[] {
    const pictures = this.#ofPictures(this.#pictures.end())
    if (this.#sound === undefined) return pictures
    const { axis, segments } = this.#sound
    return [...pictures, ...this.#ofSound([...segments.push(axis.end()), ...segments.end()])]
  }

  #beginSound(micros: number): Sound {
    const start = Math.max(0, this.#samples(micros) - opusLookAhead)
    return {
      axis: new AudioAxis(),
      segments: new SoundSegments(this.#lengths.targetSeconds, start),
      changesBefore: this.#changes,
    }
  }

  #since(micros: number): number {
    this.#zeroMicros ??= Math.round(micros) - leadMicros
    return Math.max(0, micros - this.#zeroMicros)
  }

  #ticks(micros: number): number {
    return Math.round((this.#since(micros) * pictureTimescale) / 1_000_000)
  }

  #samples(micros: number): number {
    return Math.round((this.#since(micros) * soundTimescale) / 1_000_000)
  }

  #ofPictures(segments: readonly PictureSegment[]): HlsObject[] {
    return segments.flatMap((segment) => {
      const { config, isAnother, start } = segment
      if (isAnother) {
        this.#changes++
        this.#sound?.segments.cutAt(Math.round((start * soundTimescale) / pictureTimescale))
      }
      const known = this.#configs.findIndex((one) => isSameConfig(one, config))
      const number = known === -1 ? this.#configs.push(config) - 1 : known
      const map = `video-init-${number}.mp4`
      const made = this.#segment('video', segment, map, pictureTimescale)
      if (known !== -1) return [made]
      const { width, height } = config
      const facts = { codec: videoCodecString(config, 'apart'), width, height, changesBefore: 0 }
      const sampleEntries = [videoSampleEntry(config, 'apart')]
      const data = buildInitSegment({ kind: 'video', timescale: pictureTimescale, sampleEntries, width, height })
      return [{ is: 'init', rendition: 'video', uri: map, data, facts }, made]
    })
  }

  #ofSound(segments: readonly SoundSegment[]): HlsObject[] {
    const map = 'audio-init.mp4'
    const made = segments.map((segment) => this.#segment('audio', segment, map, soundTimescale))
    if (made.length === 0 || this.#hasSoundInit) return made
    this.#hasSoundInit = true
    const size = { width: 0, height: 0 }
    const data = buildInitSegment({ kind: 'audio', timescale: soundTimescale, sampleEntries: [opusEntry(channels, 0)], ...size })
    return [
      {
        is: 'init',
        rendition: 'audio',
        uri: map,
        data,
        facts: { codec: 'opus', ...size, changesBefore: this.#sound?.changesBefore ?? 0 },
      },
      ...made,
    ]
  }

  #segment(rendition: Rendition, { start, end, samples, isAnother }: SoundSegment, map: string, timescale: number): HlsObject {
    const number = ++this.#numbers[rendition]
    const uri = `${rendition}-${String(number).padStart(5, '0')}.m4s`
    const startMicros = (this.#zeroMicros ?? 0) + (start * 1_000_000) / timescale
    const segment = { uri, map, seconds: (end - start) / timescale, startMicros, isAnother }
    return { is: 'segment', rendition, uri, data: buildFragment({ number, start, samples }), segment, frames: samples.length }
  }
}
