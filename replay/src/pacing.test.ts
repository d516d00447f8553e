import fc from 'fast-check'
import { expect, it } from 'vitest'
import { correctionFor } from './pacing.ts'

const still = { targetSeconds: 100, rate: 1, seekSeconds: 0.1 }

it.each([
  ['a picture or less apart: nothing', 0.005, { do: 'pace', playbackRate: 1 }],
  ['a little ahead: a little slower', 0.03, { do: 'pace', playbackRate: 0.97 }],
  ['a little behind: a little faster', -0.03, { do: 'pace', playbackRate: 1.03 }],
  ['more: as much as is not heard', -0.1, { do: 'pace', playbackRate: 1.06 }],
  ['far away: to where the clock will be when it is there', 2, { do: 'seek', toSeconds: 100.1 }],
])('%s', (_, driftSeconds, expected) => expect(correctionFor({ ...still, driftSeconds })).toEqual(expected))

it('brings every player within 40 ms, from wherever a seek left it, at every speed', () => {
  fc.assert(
    fc.property(
      fc.double({ min: -3, max: 3, noNaN: true }),
      fc.constantFrom(0.5, 1, 1.5, 2),
      fc.array(fc.double({ min: -0.004, max: 0.004, noNaN: true }), { minLength: 60, maxLength: 60 }),
      (drift, rate, noise) => {
        let now = drift
        for (const jitter of noise) {
          const correction = correctionFor({ targetSeconds: 0, driftSeconds: now + jitter, rate, seekSeconds: 0 })
          now = correction.do === 'seek' ? correction.toSeconds : now + (correction.playbackRate - rate) * 0.1
        }
        expect(Math.abs(now)).toBeLessThan(0.04)
      },
    ),
  )
})
