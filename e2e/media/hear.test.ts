import { describe, expect, it } from 'vitest'
import { renderSound, type Take } from './generator.ts'
import { findBeeps, findPitches, findSilences } from './hear.ts'
import { pitchHzOf } from './pattern.ts'

const rate = 16_000
const take = (more: Partial<Take> = {}): Take => ({ userId: 'alice', mode: '00', seconds: 4, framesPerSecond: 15, ...more })

describe('listening', () => {
  it('finds each beep within two milliseconds of its onset', () => {
    const beeps = findBeeps(renderSound(take({ soundDelaySeconds: 0.25 }), rate), rate)
    expect(beeps).toHaveLength(4)
    for (const [second, beep] of beeps.entries()) expect(Math.abs(beep - second - 0.25)).toBeLessThan(0.002)
  })

  it('hears no beep in a tone alone', () => {
    const tone = Float32Array.from({ length: rate }, (_, index) => 0.1 * Math.sin((2 * Math.PI * 440 * index) / rate))
    expect(findBeeps(tone, rate)).toEqual([])
  })

  it('tells when one user’s tone takes over from another’s', () => {
    const sound = renderSound(take({ intruder: { userId: 'carol', from: 2, to: 4, instead: true } }), rate)
    const pitches = findPitches(sound, rate, findBeeps(sound, rate))
    expect(pitches.map((pitch) => Math.round(pitch.hertz / 10) * 10)).toEqual(['alice', 'carol'].map(pitchHzOf))
    expect(pitches[1]!.startSeconds).toBeGreaterThan(1.9)
  })

  it('hears a second tone under the first', () => {
    const sound = renderSound(take({ intruder: { userId: 'carol', from: 2, to: 3 } }), rate)
    const worst = Math.max(...findPitches(sound, rate, findBeeps(sound, rate)).map((pitch) => pitch.othersDecibels))
    expect(worst).toBeGreaterThan(-3)
  })

  it('finds silence where there is some, to a hundredth of a second', () => {
    const silence = { startSeconds: 1.5, endSeconds: 2.25 }
    expect(findSilences(renderSound(take({ silences: [silence] }), rate), rate)).toEqual([silence])
    expect(findSilences(renderSound(take(), rate), rate)).toEqual([])
  })
})
