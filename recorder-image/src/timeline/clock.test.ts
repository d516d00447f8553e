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
    expect(wallMicros(fit, 20e6) - wallMicros(fit, 0)).toBe(20e6)
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

  it('follows 300 ppm within a minute, and is not moved by a queue that lasts for a third of it', () => {
    const fit = fitClock(windows(60, -300, (n) => (n > 1000 && n < 2000 ? 700_000 : 3_000) + 10_000 * pseudoRandom(n)).windows)
    for (const seconds of [0, 30, 60]) {
      expect(Math.abs(wallMicros(fit, seconds * 1e6) - (1_003_000 + seconds * 1e6 * (1 - 300e-6)))).toBeLessThan(1_500)
    }
  })

  it.each([300, -300, 50])('follows %i ppm of who spoke for four seconds twice in 40 minutes', (ppm) => {
    const clock = new ClockWindows()
    const truth = (seconds: number) => 1_000_000 + seconds * 1e6 * (1 + ppm / 1e6)
    for (const start of [600, 3000])
      for (let n = 0; n < 200; n++) clock.add((start + n / 50) * 1e6, truth(start + n / 50) + 40_000 * pseudoRandom(n + start))
    const fit = fitClock(clock.windows)
    for (const seconds of [600, 604, 3000, 3004])
      expect(Math.abs(wallMicros(fit, seconds * 1e6) - truth(seconds))).toBeLessThan(5_000)
  })

  it('follows a clock that slowly changes its pace over a day', () => {
    const clock = new ClockWindows()
    const truth = (seconds: number) => 1_000_000 + seconds * 1e6 + 20 * seconds + 2e4 * Math.sin((2 * Math.PI * seconds) / 86_400)
    for (let second = 0; second < 86_400; second++) clock.add(second * 1e6, truth(second) + 20_000 * pseudoRandom(second))
    const fit = fitClock(clock.windows)
    for (let second = 0; second < 86_400; second += 600) {
      expect(Math.abs(wallMicros(fit, second * 1e6) - truth(second))).toBeLessThan(5_000)
    }
  })

  it('is not moved when the recorder’s clock was wrong for a moment', () => {
    const fit = fitClock(windows(60, 0, (n) => (n > 1000 && n < 1200 ? -10_000_000 : 4_000)).windows)
    expect(wallMicros(fit, 0)).toBe(1_004_000)
  })

  it('sees no drift in jitter', () => {
    const fit = fitClock(windows(900, 0, (n) => 3_000 + 40_000 * pseudoRandom(n)).windows)
    expect(wallMicros(fit, 900e6) - wallMicros(fit, 0)).toBe(900e6)
  })

  it('keeps an entry a second, however many packets came', () => {
    expect(windows(100, 0, () => 0).windows).toHaveLength(100)
  })
})

it('is not worked out each second where hours say the same', () => {
  const clock = new ClockWindows()
  const add = (at: number) => clock.add(at * 1_000_000, at * 1_000_000 + 40_000 + (at % 7) * 1000)
  for (let at = 0; at < 7200; at++) add(at)
  const lines = new Set()
  for (let at = 7200; at < 7680; at++) {
    add(at)
    lines.add(clock.line())
  }
  expect(lines.size).toBeLessThanOrEqual(480 / 24 + 1)
})
