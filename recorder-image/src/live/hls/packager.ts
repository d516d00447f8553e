import { channels } from '../../media/audio-format.ts'
import { buildFragment } from '../../media/mp4-fragment.ts'
import { buildInitSegment, opusEntry } from '../../media/mp4-head.ts'
import { opusLead, opusLookAhead } from '../../media/opus.ts'
import { isSameConfig, type VideoConfig } from '../../media/video-codec.ts'
import { videoCodecString, videoSampleEntry } from '../../media/video-sample-entry.ts'
import type { LivePicture, LiveSound } from '../part.ts'
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

/** What playlists say of an object, and of when it is. */
export type NamedObject = { rendition: Rendition; uri: string; fromMicros: number; toMicros: number } & (
  | { is: 'init'; facts: RenditionFacts }
  | { is: 'segment'; segment: Omit<ListedSegment, 'isMissing'>; bytes: number }
)

/** An object to be stored, in the order in which they are needed. */
export type HlsObject = NamedObject & { data: Buffer }

/** What an earlier attempt published, that this goes on with. */
export interface Continued {
  /** What names of objects have in them, so that they are none of that attempt's. */
  mark: string
  /** How often each rendition became another so far; those that had nothing are not there. */
  changes: Partial<Record<Rendition, number>>
}

interface Sound {
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
  readonly #mark: string
  /** How often a rendition becomes another before its first segment, where it goes on. */
  readonly #continued: Continued['changes']
  readonly #pictures: PictureSegments
  #sound: Sound | undefined
  /** How often the pictures became others, and before the first of them. */
  #changes: number
  readonly #changesBefore: number
  #zeroMicros: number | undefined
  readonly #configs: VideoConfig[] = []
  #numbers = { video: 0, audio: 0 }
  #hasSoundInit = false

  constructor(lengths: SegmentLengths, continued: Continued = { mark: '', changes: {} }) {
    this.#lengths = lengths
    this.#mark = continued.mark
    this.#continued = { ...continued.changes }
    const before = Object.values(continued.changes)
    this.#changesBefore = before.length === 0 ? 0 : Math.max(...before) + 1
    this.#changes = this.#changesBefore
    this.#pictures = new PictureSegments(lengths)
  }

  /** `isTaken` false: it is no use before the next key frame. */
  picture({ data, key, config, ptsMicros }: LivePicture): { isTaken: boolean; objects: HlsObject[] } {
    if (this.#zeroMicros === undefined && !key) return { isTaken: false, objects: [] }
    const { isTaken, segments } = this.#pictures.push({ data: new Uint8Array(data), key, config, ticks: this.#ticks(ptsMicros) })
    for (const start of this.#pictures.takeChanges()) {
      this.#changes++
      this.#sound?.segments.cutAt(Math.round((start * soundTimescale) / pictureTimescale))
    }
    return { isTaken, objects: this.#ofPictures(segments) }
  }

  /** `isTaken` false: it came too late. */
  sound(sound: LiveSound): { isTaken: boolean; objects: HlsObject[] } {
    const at = this.#samples(sound.ptsMicros)
    this.#sound ??= this.#beginSound(sound.ptsMicros)
    const { isTaken, segments } = this.#sound.segments.push(
      sound.is === 'packet' ? { ...sound, data: new Uint8Array(sound.data), at } : { ...sound, at },
    )
    return { isTaken, objects: this.#ofSound(segments) }
  }

  sends(kind: Rendition, sends: boolean): void {
    if (kind === 'video') this.#pictures.sends(sends)
  }

  wantsKey(nowMicros: number): boolean {
    return this.#zeroMicros !== undefined && this.#pictures.wantsKey(this.#ticks(nowMicros))
  }

  /** All of before this time has been told. To be called now and then, also while nothing comes: what time alone ends. */
  reached(nowMicros: number): HlsObject[] {
    if (this.#zeroMicros === undefined) return []
    return [
      ...this.#ofPictures(this.#pictures.reached(this.#ticks(nowMicros))),
      ...this.#ofSound(this.#sound?.segments.reached(this.#samples(nowMicros)) ?? []),
    ]
  }

  /** What is open ends, with what came. */
  cut(): HlsObject[] {
    return [...this.#ofPictures(this.#pictures.cut()), ...this.#ofSound(this.#sound?.segments.cut() ?? [])]
  }

  #beginSound(micros: number): Sound {
    const start = this.#samples(micros) - opusLead
    const segments = new SoundSegments(this.#lengths.targetSeconds, start)
    // Less than a segment: nothing is cut.
    segments.push({ is: 'missing', at: start, samples: opusLead })
    return { segments, changesBefore: this.#changes }
  }

  #since(micros: number): number {
    this.#zeroMicros ??= Math.round(micros) - leadMicros
    return Math.max(0, micros - this.#zeroMicros)
  }

  #ticks(micros: number): number {
    return Math.round((this.#since(micros) * pictureTimescale) / 1_000_000)
  }

  /** A decoder gives what is in a packet a little late. */
  #samples(micros: number): number {
    return Math.round((this.#since(micros) * soundTimescale) / 1_000_000) - opusLookAhead
  }

  #ofPictures(segments: readonly PictureSegment[]): HlsObject[] {
    return segments.flatMap((segment) => {
      const { config } = segment
      const known = this.#configs.findIndex((one) => isSameConfig(one, config))
      const number = known === -1 ? this.#configs.push(config) - 1 : known
      const map = `video-init-${this.#mark}${number}.mp4`
      const made = this.#segment('video', segment, map, pictureTimescale)
      if (known !== -1) return [made]
      const { width, height } = config
      const facts = { codec: videoCodecString(config, 'apart'), width, height, changesBefore: this.#changesBefore }
      const sampleEntries = [videoSampleEntry(config, 'apart')]
      return [
        initOf(
          made,
          map,
          facts,
          buildInitSegment({ ...{ kind: 'video', width, height }, timescale: pictureTimescale, sampleEntries }),
        ),
        made,
      ]
    })
  }

  #ofSound(segments: readonly SoundSegment[]): HlsObject[] {
    const map = this.#mark === '' ? 'audio-init.mp4' : `audio-init-${this.#mark}0.mp4`
    const made = segments.map((segment) => this.#segment('audio', segment, map, soundTimescale))
    const [first] = made
    if (first === undefined || this.#hasSoundInit) return made
    this.#hasSoundInit = true
    const size = { width: 0, height: 0 }
    const facts = { codec: 'opus', ...size, changesBefore: this.#sound?.changesBefore ?? 0 }
    const sampleEntries = [opusEntry(channels, 0)]
    return [
      initOf(first, map, facts, buildInitSegment({ kind: 'audio', timescale: soundTimescale, sampleEntries, ...size })),
      ...made,
    ]
  }

  #segment(rendition: Rendition, { start, end, samples, isAnother }: SoundSegment, map: string, timescale: number): HlsObject {
    const number = ++this.#numbers[rendition]
    const uri = `${rendition}-${this.#mark}${String(number).padStart(5, '0')}.m4s`
    const seconds = (end - start) / timescale
    const startMicros = (this.#zeroMicros ?? 0) + (start * 1_000_000) / timescale
    const data = buildFragment({ number, start, samples })
    const times = { fromMicros: startMicros, toMicros: startMicros + seconds * 1_000_000 }
    const changes = (isAnother ? 1 : 0) + this.#takeCatchUp(rendition)
    const segment = { uri, map, seconds, startMicros, changes }
    return { is: 'segment', rendition, uri, ...times, data, segment, bytes: data.length }
  }

  /** Both renditions become others together: what has to go on is behind by so many. Counts as told. */
  #takeCatchUp(rendition: Rendition): number {
    const before = this.#continued[rendition]
    if (before === undefined) return 0
    delete this.#continued[rendition]
    return (rendition === 'video' ? this.#changesBefore : (this.#sound?.changesBefore ?? this.#changes)) - before
  }
}

/** What is needed before a segment that is the first of its kind. */
const initOf = ({ rendition, fromMicros, toMicros }: HlsObject, uri: string, facts: RenditionFacts, data: Buffer): HlsObject => ({
  ...{ is: 'init', rendition, uri, fromMicros, toMicros, facts, data },
})
