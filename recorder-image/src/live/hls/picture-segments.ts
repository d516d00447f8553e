import type { FragmentSample } from '../../media/mp4-fragment.ts'
import { isSameConfig, type VideoConfig } from '../../media/video-codec.ts'

/** Times of pictures are in 90 kHz ticks since the playlist's zero. */
export const pictureTimescale = 90_000

export interface SegmentLengths {
  /** How long a segment is meant to be, in seconds. */
  targetSeconds: number
  /** How long it may be at most: what EXT-X-TARGETDURATION says. */
  mostSeconds: number
}

/** A picture in decoding order, as a sample of MP4. */
export interface SegmentPicture {
  data: Uint8Array
  key: boolean
  ticks: number
  config: VideoConfig
}

/** A stretch of time, whole: the next one begins where it ends. */
export interface PictureSegment {
  config: VideoConfig
  start: number
  end: number
  samples: FragmentSample[]
  /** Its pictures are of another configuration than those before it. */
  isAnother: boolean
}

/** A key frame that comes so much early is worth a cut: senders are not exact. */
const earlyShare = 0.1
/** How long the last picture is shown where nothing follows: as long as the one before it, unless that was long. */
const usualTicks = 3000
const mostUsualTicks = 9000

interface Open {
  config: VideoConfig
  start: number
  pictures: { data: Uint8Array; key: boolean; ticks: number }[]
}

/**
 * Cuts pictures into segments, each from a key frame on, without a hole between them: where no pictures come, the last key frame is shown again. Every
 * picture is in one segment, but those that come after a segment became too long without a key frame. Pure.
 */
export class PictureSegments {
  readonly #target: number
  readonly #most: number
  #open: Open | undefined
  #held: { data: Uint8Array; config: VideoConfig } | undefined
  /** Where the last segment ended; undefined: there was none. */
  #end: number | undefined
  #lastConfig: VideoConfig | undefined
  #sends = true
  /** Where the pictures became others, and nobody was told yet. */
  #changes: number[] = []

  constructor({ targetSeconds, mostSeconds }: SegmentLengths) {
    this.#target = targetSeconds * pictureTimescale
    this.#most = mostSeconds * pictureTimescale
  }

  /** `isTaken` false: it needs pictures that are in no segment, and a key frame is needed. */
  push(picture: SegmentPicture): { isTaken: boolean; segments: PictureSegment[] } {
    const segments: PictureSegment[] = []
    const open = this.#open
    if (open !== undefined && this.#isCutBy(picture, open))
      segments.push(this.#close(open, Math.min(picture.ticks, open.start + this.#most)))
    if (this.#open === undefined) {
      if (!picture.key) return { isTaken: false, segments }
      segments.push(...this.#begin(picture))
    }
    const { config, data, key, ticks } = picture
    if (key) {
      if (this.#held !== undefined && !isSameConfig(this.#held.config, config)) this.#changes.push(this.#open?.start ?? ticks)
      this.#held = { data, config }
    }
    this.#open?.pictures.push({ data, key, ticks: Math.max(ticks, this.#open.start) })
    return { isTaken: true, segments }
  }

  /** Where the pictures became others since the last time: known before the segment that begins there is whole. */
  takeChanges(): number[] {
    return this.#changes.splice(0)
  }

  /** Whether the camera is on, by what the room says. */
  sends(sends: boolean): void {
    this.#sends = sends
  }

  /** A key frame now would end a segment that is long enough, or is needed to go on. */
  wantsKey(now: number): boolean {
    if (!this.#sends) return false
    return this.#open === undefined ? this.#end !== undefined : now - this.#open.start >= this.#target
  }

  /** What time alone ends, or fills. All of before `now` has been pushed. */
  reached(now: number): PictureSegment[] {
    const segments: PictureSegment[] = []
    const open = this.#open
    const limit = this.#sends ? this.#most : this.#target
    if (open !== undefined && now - open.start >= limit) segments.push(this.#close(open, open.start + limit))
    while (this.#open === undefined && this.#end !== undefined && now - this.#end >= this.#target) {
      segments.push(...this.#fill(this.#end + this.#target))
    }
    return segments
  }

  /** What is open ends with its last picture. */
  cut(): PictureSegment[] {
    const open = this.#open
    if (open === undefined) return []
    return [this.#close(open, open.start)]
  }

  #isCutBy({ key, config, ticks }: SegmentPicture, open: Open): boolean {
    const length = ticks - open.start
    if (!key) return length >= this.#most
    return length >= this.#target * (1 - earlyShare) || !isSameConfig(config, open.config)
  }

  #begin({ ticks, config }: SegmentPicture): PictureSegment[] {
    const end = this.#end ?? ticks
    const held = this.#held
    this.#open = { config, start: end, pictures: [] }
    if (ticks <= end || held === undefined) return []
    if (isSameConfig(held.config, config) && ticks - end < this.#target) {
      this.#open.pictures.push({ data: held.data, key: true, ticks: end })
      return []
    }
    this.#open = undefined
    const segments: PictureSegment[] = []
    for (let from = end; from < ticks; from = this.#end ?? ticks)
      segments.push(...this.#fill(Math.min(ticks, from + this.#target)))
    this.#open = { config, start: ticks, pictures: [] }
    return segments
  }

  #fill(end: number): PictureSegment[] {
    if (this.#held === undefined || this.#end === undefined) return []
    const { config, data } = this.#held
    return [this.#close({ config, start: this.#end, pictures: [{ data, key: true, ticks: this.#end }] }, end)]
  }

  /** The last picture is shown up to `end`, or as long as pictures usually are. */
  #close({ config, start, pictures }: Open, end: number): PictureSegment {
    const { samples, end: exactEnd } = samplesOf(pictures, start, end)
    const isAnother = this.#lastConfig !== undefined && !isSameConfig(this.#lastConfig, config)
    this.#lastConfig = config
    this.#end = exactEnd
    this.#open = undefined
    return { config, start, end: exactEnd, samples, isAnother }
  }
}

/** Pictures are decoded in their order, at the times at which pictures are shown in theirs. */
function samplesOf(pictures: Open['pictures'], start: number, wantedEnd: number): { samples: FragmentSample[]; end: number } {
  const shown = pictures.map((_, at) => at).sort((a, b) => pictures[a]!.ticks - pictures[b]!.ticks)
  const times: number[] = []
  const shownAt = new Map<number, number>()
  shown.forEach((at, place) => {
    const before = times[place - 1]
    // The first is shown from the beginning on.
    const time = before === undefined ? start : Math.max(pictures[at]!.ticks, before + 1)
    times.push(time)
    shownAt.set(at, time)
  })
  const last = times.at(-1)!
  const before = times.at(-2)
  const end = wantedEnd > last ? wantedEnd : last + (before === undefined ? usualTicks : Math.min(last - before, mostUsualTicks))
  const samples = pictures.map(({ data, key }, at) => ({
    ...{ data, key },
    duration: (times[at + 1] ?? end) - times[at]!,
    shownAfter: shownAt.get(at)! - times[at]!,
  }))
  return { samples, end }
}
