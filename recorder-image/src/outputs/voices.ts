/** How loud somebody is, every 10 ms, and from that when they speak. */
export const levelsPerSecond = 100

/** In dB below full scale; what is quieter is silence. */
const silence = 90
/** In frames of 10 ms: what is shorter is no speech, and no pause. */
const shortestSpeech = 8
const shortestPause = 50
/** What sounds for so long without a moment of silence is heard over the noise of a room. */
const shortestRoom = 300
const shortestSilence = 10
/** How much louder than that speech begins, and goes on. In dB. */
const begins = 10
const goesOn = 5

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
 * When somebody spoke, in seconds. Speech begins 10 dB above the noise of the room and lasts as long as it is 5 dB above it; less than half a second of quiet is no pause. The noise is what
 * a tenth of the time is no louder than, while it sounds without a moment of silence; a microphone that is silent between words has none, and then what is louder than −40 dB of full scale
 * is speech. Pure.
 */
export function speechIn(levels: Uint8Array): { from: number; to: number }[] {
  const threshold = thresholdOf(levels)
  const quietest = threshold + begins - goesOn
  const spans: { from: number; to: number }[] = []
  for (let frame = 0; frame < levels.length; frame++) {
    if (levels[frame]! > threshold) continue
    let from = frame
    while (from > 0 && levels[from - 1]! <= quietest) from--
    let to = frame + 1
    while (to < levels.length && levels[to]! <= quietest) to++
    const last = spans.at(-1)
    if (last !== undefined && from - last.to < shortestPause) last.to = to
    else spans.push({ from, to })
    frame = to
  }
  return spans
    .filter(({ from, to }) => to - from >= shortestSpeech)
    .map(({ from, to }) => ({ from: from / levelsPerSecond, to: to / levelsPerSecond }))
}

/** From how loud on speech begins, in dB below full scale, like levels. Beneath −55 dB nothing is. */
function thresholdOf(levels: Uint8Array): number {
  const room = quietOf(levels, shortestRoom)
  return Math.min(55, room === undefined ? Math.max(40, (quietOf(levels, 1) ?? silence) - begins) : room - begins)
}

/** What a tenth of all that sounds is no louder than, in stretches of so many frames at least without a moment of silence. Undefined where there are none. */
function quietOf(levels: Uint8Array, shortest: number): number | undefined {
  const counts = new Uint32Array(silence + 1)
  let sounding = 0
  let start = 0
  let silentFrames = 0
  const end = (frame: number) => {
    if (frame - start >= shortest) {
      for (const level of levels.subarray(start, frame)) {
        if (level === silence) continue
        counts[level]! += 1
        sounding++
      }
    }
  }
  for (const [frame, level] of levels.entries()) {
    if (level < silence) {
      if (silentFrames >= shortestSilence) start = frame
      silentFrames = 0
    } else if (++silentFrames === shortestSilence) end(frame - shortestSilence + 1)
  }
  if (silentFrames < shortestSilence) end(levels.length - silentFrames)
  if (sounding === 0) return undefined
  let level = silence
  for (let quieter = 0; quieter <= sounding / 10; ) quieter += counts[--level]!
  return level
}
