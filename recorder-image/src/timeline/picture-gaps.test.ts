import { describe, expect, it } from 'vitest'
import { type CountedHole, PictureGaps, type PictureLoss, type WatchedPicture } from './picture-gaps.ts'

/** The nth of 30 pictures a second. */
const picture = (n: number, more: Partial<WatchedPicture> = {}): WatchedPicture => ({
  ...{ rtpTimestamp: n * 3000, rtp: n * 3000, clock: 0, jumpedTicks: undefined, receiveTimeMicros: (n * 1e6) / 30 },
  ...{ key: n % 30 === 0, encoderBeganAnew: false, mayFollowHole: false, ...more },
})

/** Of the hole before the nth. */
const counted = (n: number, lost: number): CountedHole => ({ ssrc: 1, rtpTimestamp: n * 3000, lost })

const told = ({ pictures, picturesAre }: PictureLoss) => (picturesAre === undefined ? `${pictures}` : `at most ${pictures}`)

/** 30 pictures a second with a key frame each second, but for those that are left out. */
function watch(seconds: number, sent: (n: number) => boolean, gaps = new PictureGaps(), hole?: CountedHole) {
  const losses = []
  for (let n = 0; n < seconds * 30; n++) {
    if (!sent(n)) continue
    losses.push(...gaps.push(picture(n)))
  }
  if (hole !== undefined) gaps.counted(hole)
  return [...losses, ...gaps.end()]
}

describe('pictures that never came', () => {
  it('are those up to the next key frame', () => {
    expect(watch(4, (n) => n < 70 || n >= 90, new PictureGaps(), counted(90, 3))).toEqual([
      { fromMicros: 2_300_000, toMicros: 3_000_000, pictures: 20 },
    ])
  })

  it('are that many at most where the receiver has not said that anything was lost', () => {
    expect(watch(10, (n) => n < 70 || n >= 90)).toEqual([
      { fromMicros: 2_300_000, toMicros: 3_000_000, pictures: 20, picturesAre: 'AtMost' },
    ])
  })

  it('are none while the user has muted the camera', () => {
    const gaps = new PictureGaps()
    gaps.sends(false, 2_400_000)
    gaps.sends(true, 2_900_000)
    expect(watch(4, (n) => n < 70 || n >= 90, gaps, counted(90, 0))).toEqual([])
  })

  it('are those before and after a mute at most, where it is not known whether any was lost', () => {
    const gaps = new PictureGaps()
    gaps.sends(false, 2_400_000)
    gaps.sends(true, 2_900_000)
    expect(watch(10, (n) => n < 70 || n >= 90, gaps).map(told)).toEqual(['at most 6'])
  })

  it('are those that were lost before the user muted the camera', () => {
    const muted = (lost: number, mutedAt: number) => {
      const gaps = new PictureGaps()
      gaps.sends(false, mutedAt)
      gaps.sends(true, 2_900_000)
      return watch(3.1, (n) => n < 70 || n >= 90, gaps, counted(90, lost)).map(told)
    }
    expect(muted(0, 2_450_000)).toEqual([])
    // Before the mute four or five, and two or three between the end of it and the next key frame.
    expect(muted(3, 2_450_000)).toEqual(['at most 8'])
    expect(muted(3, 2_310_000)).toEqual(['at most 4'])
  })

  it('are those of several mutes before the next key frame, without what they took', () => {
    const gaps = new PictureGaps()
    for (const [sends, at] of [
      [false, 2.4],
      [true, 2.5],
      [false, 2.6],
      [true, 2.9],
    ] as const)
      gaps.sends(sends, at * 1e6)
    expect(watch(3.1, (n) => n < 70 || n >= 90, gaps, counted(90, 3)).map(told)).toEqual(['at most 9'])
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
    gaps.counted(counted(30, 3))
    expect(gaps.end().map(told)).toEqual(['at most 28'])
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
      return [...losses, ...gaps.end()].map(told)
    }
    expect(after(0)).toEqual([])
    expect(after(20)).toEqual(['at most 20'])
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

  type Counted = Pick<CountedHole, 'lost' | 'cameTooLate' | 'isUnsure'>
  const cases: [string, Counted, Partial<WatchedPicture>, string[]][] = [
    ['nothing was missing, so the sender made none', { lost: 0 }, {}, []],
    ['packets stayed missing', { lost: 3 }, {}, ['20']],
    ['they may be those of another hole', { lost: 3, isUnsure: true }, {}, ['at most 20']],
    ['all came, some of them too late', { lost: 0, cameTooLate: true }, {}, ['at most 20']],
    ['nothing stayed missing, and the encoder began anew', { lost: 0 }, { encoderBeganAnew: true }, []],
    ['packets stayed missing, and the encoder began anew', { lost: 1 }, { encoderBeganAnew: true }, ['at most 20']],
  ]
  it.each(cases)('are told by what the receiver counted: %s', (_, counts, more, expected) => {
    const gaps = new PictureGaps()
    const losses = []
    for (let n = 0; n < 300; n++) {
      if (n >= 70 && n < 90) continue
      losses.push(...gaps.push(picture(n, n === 90 ? more : {})))
      if (n === 140) gaps.counted({ ...counted(90, 0), ...counts })
    }
    expect(losses.map(told)).toEqual(expected)
  })

  const silences: [string, number[], string][] = [
    ['went on all the time', [0, 20_000, 90_000], '20'],
    ['came no more at one look', [0, 250_000, 20_000], 'at most 20'],
  ]
  it.each(silences)('are as many as the rhythm says where packets %s', (_, quietMicros, expected) => {
    const gaps = new PictureGaps()
    for (let n = 0; n < 70; n++) gaps.push(picture(n))
    for (const [at, quiet] of quietMicros.entries()) {
      gaps.counted({ ...counted(69, 1), openMicros: 2_600_000 + at * 100_000, quietMicros: quiet })
    }
    for (let n = 90; n < 100; n++) gaps.push(picture(n))
    gaps.counted(counted(90, 3))
    expect(gaps.end().map(told)).toEqual([expected])
  })

  it('are as many as there can be at the faster of two rhythms, where it changes with the loss', () => {
    const gaps = new PictureGaps()
    for (let n = 0; n < 140; n += 2) gaps.push(picture(n))
    for (let n = 180; n < 230; n++) gaps.push(picture(n))
    gaps.counted(counted(180, 3))
    expect(gaps.end().map(told)).toEqual(['at most 41'])
  })

  it('are told by what the receiver counted on a line that is bad from the beginning', () => {
    const lossesWith = (lost: number) => {
      const gaps = new PictureGaps()
      const losses = []
      for (let n = 0; n < 150; n++) {
        if (n % 30 > 2) continue
        losses.push(...gaps.push(picture(n)))
        if (n % 30 === 0 && n > 0) gaps.counted(counted(n, lost))
      }
      return [...losses, ...gaps.end()].map(told)
    }
    expect(lossesWith(2)).toEqual(['at most 27', 'at most 27', 'at most 27', 'at most 27'])
    expect(lossesWith(0)).toEqual([])
  })

  const ends: [string, { lost: number; after?: number; openMicros?: number; mutedAt?: number; until?: number }, string[]][] = [
    ['by the time at which it was looked', { lost: 3 }, ['at most 15']],
    ['by what came of the user beside them', { lost: 3, until: 3_300_000 }, ['at most 30']],
    ['by when the user stopped sending', { lost: 3, until: 9_000_000, mutedAt: 2_500_000 }, ['at most 6']],
    ['by that, which may be before the next look', { lost: 3, mutedAt: 3_300_000 }, ['at most 30']],
    ['as none where the last had just come when it was looked', { lost: 3, openMicros: 2_310_000 }, []],
    ['as one at least where its user had stopped before it came', { lost: 3, mutedAt: 2_290_000 }, ['at most 1']],
    ['as none where nothing is missing, and the sender made none', { lost: 0, until: 9_000_000 }, []],
    ['as none where another picture came after it was looked', { lost: 3, after: 68, until: 9_000_000 }, []],
  ]
  it.each(ends)(
    'with which a stream ends are counted %s',
    (_, { lost, after = 69, openMicros = 2_800_000, mutedAt, until }, expected) => {
      const gaps = new PictureGaps()
      for (let n = 0; n < 70; n++) gaps.push(picture(n))
      gaps.counted({ ...counted(after, lost), openMicros })
      if (mutedAt !== undefined) gaps.sends(false, mutedAt)
      expect(gaps.end(until).map(told)).toEqual(expected)
    },
  )

  it('are told once where a key frame comes after all', () => {
    const gaps = new PictureGaps()
    const losses = []
    for (let n = 0; n < 70; n++) losses.push(...gaps.push(picture(n)))
    gaps.counted({ ...counted(69, 3), openMicros: 2_800_000 })
    for (let n = 90; n < 120; n++) losses.push(...gaps.push(picture(n)))
    expect([...losses, ...gaps.end(4_000_000)].map(({ pictures }) => pictures)).toEqual([20])
  })
})
