import type { Sound } from './sound.ts'

/** 2.5 ms: of it every rate that Opus is decoded at has whole samples. */
const grid = 120
/** Less is drift. */
const gapSamples = 2880
/** What is missing for longer is silent: a decoder that bridges it has nothing more to go by. */
const bridgedSamples = 4800
/** A stretch of silence that is one message of the backlog. */
const pieceSamples = 48_000

const samplesIn = (micros: number) => Math.floor((micros * 0.048) / grid) * grid

/**
 * Makes sound without a hole of what comes and goes, at the pace of the wall clock: what was lost is bridged, and while nothing is sent, muted or not, there
 * is silence, of at most so many seconds at a time. Pure.
 */
export class SoundClock {
  /** Wall clock of the end of all that was told. */
  #endMicros: number
  #muted = false
  /** Silence was told last. */
  #isSilent = false
  /** Not told yet, in order. */
  #mutes: { muted: boolean; atMicros: number }[] = []
  readonly #silenceSeconds: number

  constructor(startMicros: number, silenceSeconds: number) {
    this.#endMicros = startMicros
    this.#silenceSeconds = silenceSeconds
  }

  packet(data: Uint8Array, samples: number, atMicros: number): Sound[] {
    const mutes = this.#mutesUntil(atMicros)
    // Behind silence it lies where it belongs; between sound, a little silence would be heard.
    const before = [...mutes, ...this.#silenceUntil(atMicros, this.#isSilent || mutes.length > 0 ? grid : gapSamples)]
    this.#isSilent = false
    const packet: Sound = { type: 'packet', data, samples, atMicros: this.#endMicros }
    this.#endMicros += samples / 0.048
    return [...before, packet]
  }

  /** Nothing came there. */
  missing(samples: number, atMicros: number): Sound[] {
    const isNext = Math.abs(atMicros - this.#endMicros) * 0.048 < gapSamples
    if (!isNext || samples > bridgedSamples) return this.reached(atMicros + samples / 0.048)
    return [this.#told('missing', Math.floor(samples / grid) * grid)]
  }

  /** It is told where it lies: word of a mute may come before the sound that came before it. */
  muted(muted: boolean, atMicros: number): void {
    this.#mutes.push({ muted, atMicros })
  }

  /** Nothing of before this time is to come. */
  reached(micros: number): Sound[] {
    return [...this.#mutesUntil(micros), ...this.#silenceUntil(micros)]
  }

  #mutesUntil(micros: number): Sound[] {
    const due = this.#mutes.filter(({ atMicros }) => atMicros <= micros)
    this.#mutes = this.#mutes.slice(due.length)
    return due.flatMap(({ muted, atMicros }): Sound[] => {
      if (muted === this.#muted) return []
      this.#muted = muted
      return [...this.#silenceUntil(atMicros), { type: 'muted', muted, samples: 0, atMicros: this.#endMicros }]
    })
  }

  /** Nothing of a span is told, not even silence: it was paused. */
  skipTo(micros: number): void {
    this.#endMicros = Math.max(this.#endMicros, micros)
  }

  #silenceUntil(micros: number, leastSamples = gapSamples): Sound[] {
    this.skipTo(micros - this.#silenceSeconds * 1_000_000)
    let left = samplesIn(micros - this.#endMicros)
    if (left < leastSamples) return []
    this.#isSilent = true
    const pieces: Sound[] = []
    for (; left > 0; left -= pieceSamples) pieces.push(this.#told('silence', Math.min(left, pieceSamples)))
    return pieces
  }

  #told(type: 'missing' | 'silence', samples: number): Sound {
    const sound: Sound = { type, samples, atMicros: this.#endMicros }
    this.#endMicros += samples / 0.048
    return sound
  }
}
