import { describe, expect, it } from 'vitest'
import { ClockWindows, fitClock, wallMicros } from './clock.ts'

/** Delays of a stream of 50 packets a second: `seconds` long, clock fast by `ppm`, `delayMicros` on the way. */
function windows(seconds: number, ppm: number, delayMicros: (n: number) => number) {
  const clock = new ClockWindows()
  for (let n = 0; n < seconds * 50; n++) {
    const sent = n * 20_000
    clock.add(sent, 1_000_000 + sent * (1 + ppm / 1e6) + delayMicros(n))
  }
  return clock
}

const pseudoRandom = (n: number) => (((n * 2_654_435_761) >>> 0) % 1000) / 1000

describe('where a sender’s clock lies on ours', () => {
  it('goes by the packets that came through fastest', () => {
    const fit = fitClock(windows(20, 0, (n) => 5_000 + 60_000 * pseudoRandom(n)).windows)
    expect(wallMicros(fit, 0)).toBeGreaterThanOrEqual(1_005_000)
    expect(wallMicros(fit, 0)).toBeLessThan(1_007_000)
    expect(fit.drift).toBe(0)
  })

  it('is not moved by a burst every second, nor by a bad spell', () => {
    const fit = fitClock(windows(60, 0, (n) => (n % 50 < 12 ? 200_000 : n > 400 && n < 1000 ? 90_000 : 4_000)).windows)
    expect(wallMicros(fit, 0)).toBe(1_004_000)
  })

  it('follows a drift of 80 ppm over an hour to a millisecond', () => {
    const fit = fitClock(windows(3600, 80, (n) => 3_000 + 30_000 * pseudoRandom(n)).windows)
    for (const seconds of [0, 1800, 3600]) {
      const truth = 1_003_000 + seconds * 1e6 * (1 + 80e-6)
      expect(Math.abs(wallMicros(fit, seconds * 1e6) - truth)).toBeLessThan(1_500)
    }
  })

  it('sees no drift in jitter', () => {
    expect(fitClock(windows(900, 0, (n) => 3_000 + 40_000 * pseudoRandom(n)).windows).drift).toBe(0)
  })

  it('keeps an entry for two seconds, however many packets came', () => {
    expect(windows(100, 0, () => 0).windows).toHaveLength(50)
  })
})
