import { describe, expect, it } from 'vitest'
import { type CountedHole, PictureGaps, type WatchedPicture } from './picture-gaps.ts'

/** The nth of 30 pictures a second. */
const picture = (n: number, more: Partial<WatchedPicture> = {}): WatchedPicture => ({
  ...{ rtpTimestamp: n * 3000, rtp: n * 3000, clock: 0, jumpedTicks: undefined, receiveTimeMicros: (n * 1e6) / 30 },
  ...{ key: n % 30 === 0, anotherSize: false, mayFollowHole: false, ...more },
})

/** 30 pictures a second with a key frame each second, but for those that are left out. */
function watch(seconds: number, sent: (n: number) => boolean, gaps = new PictureGaps(), counted?: CountedHole) {
  const losses = []
  for (let n = 0; n < seconds * 30; n++) {
    if (!sent(n)) continue
    losses.push(...gaps.push(picture(n)))
  }
  if (counted !== undefined) gaps.counted(counted)
  return [...losses, ...gaps.end()]
}

describe('pictures that never came', () => {
  it('are those up to the next key frame', () => {
    expect(watch(10, (n) => n < 70 || n >= 90)).toEqual([{ fromMicros: 2_300_000, toMicros: 3_000_000, pictures: 20 }])
  })

  it('are none while the user has muted the camera', () => {
    const gaps = new PictureGaps()
    gaps.sends(false, 2_400_000)
    gaps.sends(true, 2_900_000)
    expect(watch(10, (n) => n < 70 || n >= 90, gaps)).toEqual([])
  })

  it('are those that were lost before the user muted the camera', () => {
    const muted = (lost: number, mutedAt: number) => {
      const gaps = new PictureGaps()
      gaps.sends(false, mutedAt)
      gaps.sends(true, 2_900_000)
      const losses = watch(3.1, (n) => n < 70 || n >= 90, gaps, { ssrc: 1, rtpTimestamp: 90 * 3000, lost, asked: 9 })
      return losses.map(({ pictures }) => pictures)
    }
    expect(muted(0, 2_450_000)).toEqual([])
    expect(muted(3, 2_450_000)).toEqual([4])
    expect(muted(3, 2_310_000)).toEqual([1])
  })

  it('are none where pictures come late', () => {
    const gaps = new PictureGaps()
    const losses = watch(3, (n) => n < 70, gaps)
    const arrive = (n: number, at: number) => losses.push(...gaps.push(picture(n, { receiveTimeMicros: at * 1e6 })))
    arrive(90, 3)
    for (let n = 70; n < 90; n++) arrive(n, 3.2)
    for (let n = 91; n < 200; n++) arrive(n, n / 30)
    expect([...losses, ...gaps.end()]).toEqual([])
  })

  it('are a number of them where two pictures say the same time, too', () => {
    const gaps = new PictureGaps()
    for (const n of [0, 0, 1]) gaps.push(picture(n))
    gaps.push(picture(30))
    gaps.counted({ ssrc: 1, rtpTimestamp: 30 * 3000, lost: 3, asked: 9 })
    expect(gaps.end().map(({ pictures }) => pictures)).toEqual([28])
  })

  it('are those between two arrivals where the sender’s clock jumped an hour between them', () => {
    const hour = 3600 * 90_000
    const after = (missing: number) => {
      const gaps = new PictureGaps()
      const losses = watch(3, () => true, gaps)
      for (let n = 90 + missing; n < 300; n++) {
        const jumped = n === 90 + missing ? { jumpedTicks: (missing + 1) * 3000, key: true } : {}
        losses.push(...gaps.push(picture(n, { rtp: n * 3000 + hour, ...jumped })))
      }
      return [...losses, ...gaps.end()].map(({ pictures }) => pictures)
    }
    expect(after(0)).toEqual([])
    expect(after(20)).toEqual([20])
  })

  it('are told of after a jump as before it', () => {
    const gaps = new PictureGaps()
    watch(3, () => true, gaps)
    for (let n = 90; n < 100; n++) gaps.push(picture(n, { rtp: n * 3000 + 1e6, ...(n === 90 && { jumpedTicks: 3000 }) }))
    for (let n = 120; n < 150; n++) gaps.push(picture(n, { rtp: n * 3000 + 1e6 }))
    expect(gaps.end().map(({ pictures }) => pictures)).toEqual([20])
  })

  it('cannot be told of a screen that sends when something changes', () => {
    const changes = new Set([0, 1, 2, 15, 16, 30, 31, 50, 51, 60, 90, 91, 92, 150, 151, 210, 240])
    expect(watch(10, (n) => changes.has(n))).toEqual([])
  })

  const cases: [string, Pick<CountedHole, 'lost' | 'asked'>, { anotherSize: boolean }, number][] = [
    ['nothing was missing, so the sender made none', { lost: 0, asked: 0 }, { anotherSize: false }, 0],
    ['packets stayed missing', { lost: 3, asked: 5 }, { anotherSize: false }, 20],
    ['packets were asked for again', { lost: 0, asked: 5 }, { anotherSize: false }, 20],
    ['packets were asked for again and came, and the encoder began anew', { lost: 0, asked: 5 }, { anotherSize: true }, 0],
    ['packets stayed missing, and the encoder began anew', { lost: 1, asked: 5 }, { anotherSize: true }, 20],
  ]
  it.each(cases)('are told by what the receiver counted: %s', (_, counts, { anotherSize }, expected) => {
    const gaps = new PictureGaps()
    const losses = []
    for (let n = 0; n < 300; n++) {
      if (n >= 70 && n < 90) continue
      losses.push(...gaps.push(picture(n, { anotherSize: anotherSize && n === 90 })))
      if (n === 140) gaps.counted({ ssrc: 1, rtpTimestamp: 90 * 3000, ...counts })
    }
    expect(losses.reduce((sum, { pictures }) => sum + pictures, 0)).toBe(expected)
  })

  it('are told by what the receiver counted on a line that is bad from the beginning', () => {
    const lossesWith = (lost: number) => {
      const gaps = new PictureGaps()
      const losses = []
      for (let n = 0; n < 150; n++) {
        if (n % 30 > 2) continue
        losses.push(...gaps.push(picture(n)))
        if (n % 30 === 0 && n > 0) gaps.counted({ ssrc: 1, rtpTimestamp: n * 3000, lost, asked: 9 })
      }
      return [...losses, ...gaps.end()].map(({ pictures }) => pictures)
    }
    expect(lossesWith(2)).toEqual([27, 27, 27, 27])
    expect(lossesWith(0)).toEqual([])
  })

  const ends: [string, { lost: number; after?: number; openMicros?: number; mutedAt?: number; until?: number }, number[]][] = [
    ['by the time at which it was looked', { lost: 3 }, [15]],
    ['by what came of the user beside them', { lost: 3, until: 3_300_000 }, [30]],
    ['by when the user stopped sending', { lost: 3, until: 9_000_000, mutedAt: 2_500_000 }, [6]],
    ['by that, which may be before the next look', { lost: 3, mutedAt: 3_300_000 }, [30]],
    ['as none where nothing is missing, and the sender made none', { lost: 0, until: 9_000_000 }, []],
    ['as none where another picture came after it was looked', { lost: 3, after: 68, until: 9_000_000 }, []],
  ]
  it.each(ends)(
    'with which a stream ends are counted %s',
    (_, { lost, after = 69, openMicros = 2_800_000, mutedAt, until }, expected) => {
      const gaps = new PictureGaps()
      for (let n = 0; n < 70; n++) gaps.push(picture(n))
      gaps.counted({ ssrc: 1, rtpTimestamp: after * 3000, lost, asked: 9, openMicros })
      if (mutedAt !== undefined) gaps.sends(false, mutedAt)
      expect(gaps.end(until).map(({ pictures }) => pictures)).toEqual(expected)
    },
  )

  it('are told once where a key frame comes after all', () => {
    const gaps = new PictureGaps()
    const losses = []
    for (let n = 0; n < 70; n++) losses.push(...gaps.push(picture(n)))
    gaps.counted({ ssrc: 1, rtpTimestamp: 69 * 3000, lost: 3, asked: 9, openMicros: 2_800_000 })
    for (let n = 90; n < 120; n++) losses.push(...gaps.push(picture(n)))
    expect([...losses, ...gaps.end(4_000_000)].map(({ pictures }) => pictures)).toEqual([20])
  })
})
