import type { FragmentSample } from '../../media/mp4-fragment.ts'
import { opusSilence } from '../../media/opus.ts'

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

/** The next stretch of sound: an Opus packet, or time in which nothing came. */
export type SegmentSound =
  | { is: 'packet'; data: Uint8Array; samples: number; at: number }
  | { is: 'missing'; samples: number; at: number }

/** So long nothing is laid where nothing came: mostly something comes. */
const patienceSamples = soundTimescale

/**
 * Cuts Opus packets into segments between any two of them, without a hole: where nothing comes, as while a microphone is off, silence is laid as time goes
 * on, so that whoever plays it does not wait. Pure.
 */
export class SoundSegments {
  readonly #target: number
  /** Up to where sound was laid. */
  #laid: number
  #start: number
  #open: { data: Uint8Array; at: number }[] = []
  #isAnother = false
  /** Where the pictures become others. */
  #changes: number[] = []

  constructor(targetSeconds: number, start: number) {
    this.#target = targetSeconds * soundTimescale
    this.#laid = start
    this.#start = start
  }

  /** `isTaken` false: it came after silence had been laid in its place. */
  push(sound: SegmentSound): { isTaken: boolean; segments: SoundSegment[] } {
    const { at, samples } = sound
    switch (sound.is) {
      case 'packet': {
        // It may be a little early or late: senders' clocks drift.
        if (this.#laid - at >= samples / 2) return { isTaken: false, segments: [] }
        const silence = at - this.#laid >= samples ? this.#silence(at) : []
        return { isTaken: true, segments: [...silence, ...this.#lay(sound.data, Math.max(at, this.#laid), samples)] }
      }
      case 'missing':
        return { isTaken: true, segments: this.#silence(at + samples) }
    }
  }

  /** The pictures become others there: a player wants the sound to begin anew, too. */
  cutAt(at: number): void {
    this.#changes.push(at)
  }

  /** All of before `now` has been pushed. */
  reached(now: number): SoundSegment[] {
    return now - this.#laid < patienceSamples ? [] : this.#silence(now)
  }

  /** What is open ends. */
  cut(): SoundSegment[] {
    return this.#open.length === 0 ? [] : [this.#close(this.#laid)]
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
