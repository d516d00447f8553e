/** How loud somebody is, every 10 ms, and from that when they speak. */
export const levelsPerSecond = 100

/** In dB below full scale; what is quieter is silence. */
const silence = 90
/** In frames of 10 ms: what is shorter is no speech, and no pause. */
const shortestSpeech = 8
const shortestPause = 50

/** Takes sound in samples from the recording's zero on. 0.4 MB an hour. */
export class LevelMeter {
  /** dB below full scale, at most `silence`. */
  readonly levels: Uint8Array
  readonly #frameSamples: number
  #frame = -1
  #squares = 0

  constructor(seconds: number, rate: number) {
    this.levels = new Uint8Array(Math.ceil(seconds * levelsPerSecond)).fill(silence)
    this.#frameSamples = rate / levelsPerSecond
  }

  add({ at, samples }: { at: number; samples: Int16Array }): void {
    for (let n = 0; n < samples.length; n++) {
      const frame = Math.floor((at + n) / this.#frameSamples)
      if (frame !== this.#frame) {
        this.end()
        this.#frame = frame
      }
      this.#squares += (samples[n]! / 32_768) ** 2
    }
  }

  /** No more comes. */
  end(): void {
    const frame = this.#frame
    if (frame >= 0 && frame < this.levels.length) {
      const below = this.#squares === 0 ? silence : Math.min(silence, -10 * Math.log10(this.#squares / this.#frameSamples))
      this.levels[frame] = Math.min(this.levels[frame]!, Math.max(0, Math.round(below)))
    }
    this.#squares = 0
  }
}

/**
 * When somebody spoke, in seconds. Louder by 10 dB than their own quiet, between −55 and −40 dB of full scale, is speech; less than half a second of quiet
 * is no pause. Pure.
 */
export function speechIn(levels: Uint8Array): { from: number; to: number }[] {
  const threshold = thresholdOf(levels)
  const spans: { from: number; to: number }[] = []
  for (let frame = 0; frame < levels.length; frame++) {
    if (levels[frame]! > threshold) continue
    const last = spans.at(-1)
    if (last !== undefined && frame - last.to < shortestPause) last.to = frame + 1
    else spans.push({ from: frame, to: frame + 1 })
  }
  return spans
    .filter(({ from, to }) => to - from >= shortestSpeech)
    .map(({ from, to }) => ({ from: from / levelsPerSecond, to: to / levelsPerSecond }))
}

/** In dB below full scale, like levels. */
function thresholdOf(levels: Uint8Array): number {
  const counts = new Uint32Array(silence + 1)
  for (const level of levels) counts[level]! += 1
  const sounding = levels.length - counts[silence]!
  let quieter = 0
  let floor = silence
  for (; floor > 0 && quieter < sounding / 10; floor--) if (floor < silence) quieter += counts[floor]!
  return Math.max(40, Math.min(55, floor - 10))
}
