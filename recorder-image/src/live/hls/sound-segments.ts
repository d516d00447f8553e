import type { FragmentSample } from '../../media/mp4-fragment.ts'
import { opusSilence } from '../../media/opus.ts'
import type { FeedItem } from '../../timeline/audio-axis.ts'

/** Times of sound are in samples at 48 kHz since the playlist's zero. */
export const soundTimescale = 48_000

/** A stretch of sound, whole: the next one begins where it ends. */
export interface SoundSegment {
  start: number
  end: number
  samples: FragmentSample[]
  /** It begins where the pictures become others. */
  isAnother: boolean
}

/** Sound that was sent may be on its way for so long; what time nothing came for by then is silent. */
const lagSamples = 1.5 * soundTimescale

/**
 * Cuts Opus packets into segments between any two of them, without a hole: where nothing comes, as while a microphone is off, silence is laid as time goes
 * on, so that whoever plays it does not wait. Takes the items of an audio axis. Pure.
 */
export class SoundSegments {
  /** Packets that came after silence had been laid at their time. */
  late = 0
  readonly #target: number
  /** Where the next item of the axis lies. */
  #axis: number
  /** Up to where sound was laid. */
  #laid: number
  #start: number
  #open: { data: Uint8Array; at: number }[] = []
  #isAnother = false
  /** Where the pictures become others. */
  #changes: number[] = []

  constructor(targetSeconds: number, start: number) {
    this.#target = targetSeconds * soundTimescale
    this.#axis = start
    this.#laid = start
    this.#start = start
  }

  push(items: readonly FeedItem[]): SoundSegment[] {
    return items.flatMap((item) => this.#take(item))
  }

  /** The next segment but one of the pictures begins there: a player wants the same of the sound. */
  cutAt(at: number): void {
    this.#changes.push(at)
  }

  tick(now: number): SoundSegment[] {
    return now - this.#laid < 2 * lagSamples ? [] : this.#silence(now - lagSamples)
  }

  /** What is open ends. */
  end(): SoundSegment[] {
    return this.#open.length === 0 ? [] : [this.#close(this.#laid)]
  }

  #take(item: FeedItem): SoundSegment[] {
    const from = this.#axis
    this.#axis += item.samples
    switch (item.type) {
      case 'packet':
        // It may be a little early, where a sender's clock is squeezed.
        if (this.#laid - from < item.samples / 2) return this.#lay(item.data, Math.max(from, this.#laid), item.samples)
        this.late++
        return []
      case 'silence':
        return this.#silence(this.#axis)
      case 'skew':
        return []
    }
  }

  #silence(until: number): SoundSegment[] {
    return opusSilence(until - this.#laid).flatMap(({ data, samples }) => this.#lay(data, this.#laid, samples))
  }

  #lay(data: Uint8Array, at: number, samples: number): SoundSegment[] {
    const [change] = this.#changes
    const isChange = change !== undefined && at >= change
    const segments = this.#open.length > 0 && (isChange || at - this.#start >= this.#target) ? [this.#close(at)] : []
    if (isChange) {
      this.#changes.shift()
      this.#isAnother = true
    }
    this.#open.push({ data, at })
    this.#laid = at + samples
    return segments
  }

  #close(end: number): SoundSegment {
    const samples = this.#open.map(({ data, at }, number) => ({
      // The first is heard from the beginning on, where little is missing in front of it.
      ...{ data, duration: (this.#open[number + 1]?.at ?? end) - (number === 0 ? this.#start : at), shownAfter: 0, key: true },
    }))
    const segment = { start: this.#start, end, samples, isAnother: this.#isAnother }
    this.#start = end
    this.#open = []
    this.#isAnother = false
    return segment
  }
}
