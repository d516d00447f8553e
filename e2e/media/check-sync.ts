import { type Finding, type Measures, tolerance } from './expectation.ts'
import type { Span } from './hear.ts'
import { pattern } from './pattern.ts'
import type { Media } from './read-media.ts'

/** Beep and flash belong together: each flash that could be heard has its beep, each beep that could be seen has its flash. */
export function checkSync({ frames, sound }: Media): {
  findings: Finding[]
  measures: Pick<Measures, 'beepsCompared' | 'worstBeepToFlashSeconds'>
} {
  const nothing = { beepsCompared: 0, worstBeepToFlashSeconds: 0 }
  if (sound === undefined || frames.length === 0) return { findings: [], measures: nothing }
  const findings: Finding[] = []
  const flashes = frames.filter((frame) => frame.flash).map((frame) => frame.ptsSeconds)
  const distances: number[] = []
  const missing: string[] = []
  for (const flash of flashes) {
    const distance = nearest(flash, sound.beeps)
    const audible = {
      startSeconds: flash - tolerance.beepToFlashSeconds,
      endSeconds: flash + pattern.beepSeconds + tolerance.beepToFlashSeconds,
    }
    const heard =
      audible.startSeconds >= 0 &&
      audible.endSeconds <= sound.durationSeconds &&
      !sound.silences.some((silence) => overlap(silence, audible))
    if (distance < 0.5) distances.push(distance)
    else if (heard) missing.push(`flash at ${flash.toFixed(3)} s without a beep`)
  }
  for (const beep of sound.beeps) {
    const seen =
      nearest(
        beep,
        frames.map((frame) => frame.ptsSeconds),
      ) < tolerance.beepToFlashSeconds
    if (seen && nearest(beep, flashes) >= 0.5) missing.push(`beep at ${beep.toFixed(3)} s without a flash`)
  }
  const worst = distances.reduce((most, distance) => Math.max(most, distance), 0)
  const off = distances.filter((distance) => distance > tolerance.beepToFlashSeconds)
  if (off.length > 0) {
    const message = `${off.length} of ${distances.length} beeps are more than ${tolerance.beepToFlashSeconds * 1000} ms from their flash, at worst ${Math.round(worst * 1000)} ms`
    findings.push({ check: 'sync', message })
  }
  if (missing.length > 0)
    findings.push({
      check: 'sync',
      message: `${missing.slice(0, 5).join('; ')}${missing.length > 5 ? ` and ${missing.length - 5} more` : ''}`,
    })
  if (distances.length === 0 && flashes.length > 0 && sound.beeps.length > 0)
    findings.push({ check: 'sync', message: 'no beep lies near any flash' })
  return { findings, measures: { beepsCompared: distances.length, worstBeepToFlashSeconds: worst } }
}

const nearest = (time: number, times: readonly number[]) =>
  times.reduce((least, other) => Math.min(least, Math.abs(other - time)), Number.POSITIVE_INFINITY)
const overlap = (a: Span, b: Span) => a.startSeconds < b.endSeconds && b.startSeconds < a.endSeconds
