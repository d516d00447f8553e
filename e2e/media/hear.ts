import { pattern } from './pattern.ts'

export interface Span {
  startSeconds: number
  endSeconds: number
}

/** One steady tone, for as long as it was the loudest of all user tones. */
export interface Pitch extends Span {
  hertz: number
  /** The next loudest tone at the same time, in decibels below this one, at worst. Below −20 nobody would call it a voice. */
  othersDecibels: number
  othersHertz: number
}

/** Quieter than this is silence: −50 dB of full scale. */
const silenceLevel = 0.003
const shortestSilenceSeconds = 0.1

/**
 * Onsets of the beep, in seconds. A window of 5 ms slides in steps of 1 ms; where half of it is beep, its middle is the onset,
 * which is exact to about a millisecond for a hard start.
 */
export function findBeeps(samples: Float32Array, sampleRate: number): number[] {
  const window = Math.round(sampleRate * 0.005)
  const step = Math.round(sampleRate * 0.001)
  const levels: number[] = []
  for (let start = 0; start + window <= samples.length; start += step) {
    levels.push(toneLevel(samples, start, window, pattern.beepHertz, sampleRate))
  }
  const loudest = levels.reduce((most, level) => Math.max(most, level), 0)
  const threshold = loudest / 2
  if (threshold < 0.02) return []
  const onsets: number[] = []
  const shortest = pattern.beepSeconds * 500
  for (let index = 0, length = 0; index <= levels.length; index++) {
    if ((levels[index] ?? 0) >= threshold) length++
    else {
      if (length >= shortest) onsets.push(((index - length) * step + window / 2) / sampleRate)
      length = 0
    }
  }
  return onsets
}

/** Goertzel: amplitude of one frequency in a stretch of samples. */
function toneLevel(samples: Float32Array, start: number, count: number, hertz: number, sampleRate: number): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * hertz) / sampleRate)
  let previous = 0
  let beforePrevious = 0
  for (let index = start; index < start + count; index++) {
    const now = samples[index]! + coefficient * previous - beforePrevious
    beforePrevious = previous
    previous = now
  }
  const power = previous * previous + beforePrevious * beforePrevious - coefficient * previous * beforePrevious
  return (2 * Math.sqrt(Math.max(0, power))) / count
}

const lowestPitchHertz = 250
const highestPitchHertz = 1000
const pitchWindow = 4096
const pitchStepSeconds = 0.1

/** An encoder spends its bits on the beep, so what lies beside a tone just then says nothing about who speaks. */
const besideBeepSeconds = 0.03

/**
 * The tones that were heard between 250 and 1000 Hz, one span for each time one of them was the loudest. Listens between the
 * beeps only.
 */
export function findPitches(samples: Float32Array, sampleRate: number, beeps: readonly number[]): Pitch[] {
  const pitches: Pitch[] = []
  const step = Math.round(sampleRate * pitchStepSeconds)
  for (let start = 0; start + pitchWindow <= samples.length; start += step) {
    const startSeconds = start / sampleRate
    const endSeconds = (start + pitchWindow) / sampleRate
    const covered = (beep: number) =>
      beep - besideBeepSeconds < endSeconds && beep + pattern.beepSeconds + besideBeepSeconds > startSeconds
    if (beeps.some(covered)) continue
    const heard = loudestTone(samples.subarray(start, start + pitchWindow), sampleRate)
    if (heard === undefined) continue
    const last = pitches.at(-1)
    if (last !== undefined && Math.abs(last.hertz - heard.hertz) < 5 && startSeconds - last.endSeconds < 0.35) {
      last.endSeconds = endSeconds
      if (heard.othersDecibels > last.othersDecibels)
        Object.assign(last, { othersDecibels: heard.othersDecibels, othersHertz: heard.othersHertz })
    } else pitches.push({ startSeconds, endSeconds, ...heard })
  }
  return pitches
}

function loudestTone(samples: Float32Array, sampleRate: number): Omit<Pitch, keyof Span> | undefined {
  // A window that is half silence would smear the tone; so would one of a few samples of it.
  const quarter = samples.length / 4
  for (let part = 0; part < 4; part++) if (rms(samples, part * quarter, quarter) < silenceLevel) return undefined
  const levels = spectrum(samples)
  const bin = sampleRate / samples.length
  const low = Math.floor(lowestPitchHertz / bin)
  const high = Math.ceil(highestPitchHertz / bin)
  const loudestOutside = (centre: number, width: number) => {
    let best = -1
    for (let index = low; index <= high; index++) {
      if (Math.abs(index - centre) > width && levels[index]! > (levels[best] ?? -1)) best = index
    }
    return best
  }
  const best = loudestOutside(Number.NEGATIVE_INFINITY, 0)
  if (levels[best]! < silenceLevel) return undefined
  const other = loudestOutside(best, 3)
  return {
    hertz: peak(levels, best) * bin,
    othersDecibels: 20 * Math.log10(Math.max(levels[other]!, 1e-9) / levels[best]!),
    othersHertz: peak(levels, other) * bin,
  }
}

/** Where between the bins the top of a parabola through three of them is. */
function peak(levels: Float64Array, index: number): number {
  const [left, top, right] = [levels[index - 1] ?? 0, levels[index]!, levels[index + 1] ?? 0]
  const curve = left - 2 * top + right
  return curve === 0 ? index : index + (left - right) / (2 * curve)
}

/** Amplitudes of a Hann-windowed Fourier transform (radix 2); a full-scale sine at a bin is 1. */
export function spectrum(samples: Float32Array): Float64Array {
  const count = samples.length
  const real = new Float64Array(count)
  const imaginary = new Float64Array(count)
  const bits = Math.log2(count)
  for (let index = 0; index < count; index++) {
    let reversed = 0
    for (let bit = 0; bit < bits; bit++) reversed |= ((index >> bit) & 1) << (bits - 1 - bit)
    real[reversed] = samples[index]! * (0.5 - 0.5 * Math.cos((2 * Math.PI * index) / count))
  }
  for (let size = 2; size <= count; size *= 2) {
    const half = size / 2
    for (let offset = 0; offset < half; offset++) {
      const cosine = Math.cos((-2 * Math.PI * offset) / size)
      const sine = Math.sin((-2 * Math.PI * offset) / size)
      for (let low = offset; low < count; low += size) {
        const high = low + half
        const [highReal, highImaginary] = [real[high]!, imaginary[high]!]
        const turnedReal = highReal * cosine - highImaginary * sine
        const turnedImaginary = highReal * sine + highImaginary * cosine
        real[high] = real[low]! - turnedReal
        imaginary[high] = imaginary[low]! - turnedImaginary
        real[low] = real[low]! + turnedReal
        imaginary[low] = imaginary[low]! + turnedImaginary
      }
    }
  }
  // 4/N: two halves of the spectrum, and a Hann window passes half.
  return real.map((value, index) => (4 * Math.hypot(value, imaginary[index]!)) / count)
}

/** A hole of one packet of sound is 20 ms; what surrounds it is heard again within a quarter of that. */
const dipWindowSeconds = 0.005
const shortestDipSeconds = 0.01
const dipShare = 0.25

/** Stretches of at least 10 ms in which much less can be heard than usual: packets that are missing, in a steady tone. */
export function findDips(samples: Float32Array, sampleRate: number): Span[] {
  const step = Math.round(sampleRate * dipWindowSeconds)
  const levels = Array.from({ length: Math.floor(samples.length / step) }, (_, n) => rms(samples, n * step, step))
  const usual = levels.toSorted((a, b) => a - b)[levels.length >> 1] ?? 0
  const dips: Span[] = []
  let start = 0
  for (let n = 0; n <= levels.length; n++) {
    if (n < levels.length && levels[n]! < usual * dipShare) continue
    if ((n - start) * dipWindowSeconds >= shortestDipSeconds) {
      dips.push({ startSeconds: (start * step) / sampleRate, endSeconds: (n * step) / sampleRate })
    }
    start = n + 1
  }
  return dips
}

/** Stretches of at least 100 ms in which nothing can be heard. */
export function findSilences(samples: Float32Array, sampleRate: number): Span[] {
  const step = Math.round(sampleRate * 0.01)
  const silences: Span[] = []
  let start: number | undefined
  const close = (end: number) => {
    if (start !== undefined && (end - start) / sampleRate >= shortestSilenceSeconds) {
      silences.push({ startSeconds: start / sampleRate, endSeconds: end / sampleRate })
    }
    start = undefined
  }
  for (let position = 0; position < samples.length; position += step) {
    if (rms(samples, position, Math.min(step, samples.length - position)) < silenceLevel) start ??= position
    else close(position)
  }
  close(samples.length)
  return silences
}

function rms(samples: Float32Array, start: number, count: number): number {
  let sum = 0
  for (let index = start; index < start + count; index++) sum += samples[index]! * samples[index]!
  return Math.sqrt(sum / count)
}
