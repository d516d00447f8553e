import { describe, expect, it } from 'vitest'
import type { SentSpan } from '../../sandbox/src/room/index.ts'
import {
  beepMoments,
  begunInFile,
  compare,
  farthest,
  holesInSound,
  type Moment,
  pictureMoments,
  unevenness,
  wallMillisIn,
} from './moments.ts'

const span = (first: number, last: number, more: Partial<SentSpan> = {}): SentSpan => ({
  ...{ track: 'video', epochMillis: 10_000, intervalMillis: 100, first, last, clipFrames: 50 },
  ...more,
})
const always = () => ({ from: 0, to: Number.POSITIVE_INFINITY })
const pictures = (spans: SentSpan[], edgeFrames = 0, windowOf: typeof always = always) =>
  pictureMoments(spans, { windowOf, edgeFrames })
const seenAs = (moments: readonly Moment[], lateMillis = 0) =>
  moments.map(({ wallMillis, number }) => ({ wallMillis: wallMillis + lateMillis, ptsMillis: wallMillis - 10_000, number }))

describe('moments', () => {
  it('are all pictures that were sent: required within a window, optional outside', () => {
    const moments = pictures([span(48, 51)], 0, () => ({ from: 14_900, to: 15_000 }))
    expect(moments.map(({ verdict, number, wallMillis }) => [number, wallMillis, verdict])).toEqual([
      [48, 14_800, 'optional'],
      [49, 14_900, 'required'],
      [0, 15_000, 'required'],
      [1, 15_100, 'optional'],
    ])
  })

  it('with B frames are optional at the ends of what was sent', () =>
    expect(pictures([span(10, 14)], 2).map(({ number, verdict }) => `${number} ${verdict}`)).toEqual([
      ...['8 optional', '9 optional', '10 optional', '11 optional', '12 required', '13 optional', '14 optional'],
      ...['15 optional', '16 optional'],
    ]))

  it('are beeps at full seconds: required if all of one was sent, optional if some of it was', () => {
    const sound = span(2, 63, { track: 'audio', intervalMillis: 50, clipFrames: 0 })
    const moments = beepMoments([{ ...sound, first: 1, last: 60 }], { windowOf: always })
    expect(moments.map(({ wallMillis, verdict }) => [wallMillis, verdict])).toEqual([
      [10_050, 'optional'],
      [11_000, 'required'],
      [12_000, 'required'],
      [13_000, 'optional'],
    ])
  })
})

describe('what is in a file', () => {
  const sent = pictures([span(0, 99)])

  it('is what was sent, once each', () => {
    expect(compare(sent, seenAs(sent, 15))).toMatchObject({ missing: [], forbidden: [], matched: { length: 100 } })
  })

  it('has a beep in whose middle it begins from there on, and not at a time that would say where the file lies', () => {
    const beeps = [10_000, 11_000].map((wallMillis) => ({ verdict: 'optional' as const, wallMillis, number: 0, span: 0 }))
    const heard = [10_021, 11_002].map((wallMillis) => ({ wallMillis, ptsMillis: wallMillis - 10_021, number: 0 }))
    const { matched } = compare(beeps, heard)
    expect(farthest(matched)).toBe(21)
    expect(farthest(begunInFile(matched))).toBe(2)
  })

  it('lacks a picture', () => expect(compare(sent, seenAs(sent.toSpliced(20, 1))).missing).toEqual([sent[20]]))

  it('has one twice, one that was not sent, and one of another round', () => {
    const seen = seenAs([sent[20]!, sent[20]!, { ...sent[21]!, number: 70 }, { ...sent[22]!, wallMillis: 13_900 }])
    expect(compare(sent, seen).forbidden).toEqual(seen.slice(1))
  })

  it('keeps to the clock of its sender, which may run fast and begin anew but not step', () => {
    const { matched } = compare(sent, seenAs(sent))
    const moved = (by: (n: number) => number) =>
      matched.map(({ seen, moment }, n) => ({ seen: { ...seen, ptsMillis: seen.ptsMillis + by(n) }, moment }))
    expect(unevenness(moved((n) => n * 0.03))).toBeLessThan(0.001)
    expect(unevenness(moved((n) => (n === 50 ? 3 : 0)))).toBeGreaterThan(2.9)
    const twoSpans = compare(pictures([span(0, 49), span(50, 99)]), seenAs(sent)).matched
    const stepped = twoSpans.map(({ seen, moment }, n) => ({
      seen: { ...seen, ptsMillis: seen.ptsMillis + (n < 50 ? 0 : 5) },
      moment,
    }))
    expect(unevenness(stepped)).toBeLessThan(0.001)
  })

  it('has a hole where its user was sending sound, and none where they were not', () => {
    const file = { startTime: new Date(10_000).toISOString(), times: [] }
    const sound = [span(0, 49, { track: 'audio', intervalMillis: 20 }), span(100, 149, { track: 'audio', intervalMillis: 20 })]
    const dips = [
      { startSeconds: 0.5, endSeconds: 0.52 },
      { startSeconds: 1, endSeconds: 2 },
    ]
    expect(holesInSound(file, dips, sound, { windowOf: always })).toEqual([{ from: 10_500, to: 10_520 }])
  })
})

it('a file is placed by the table of the manifest, and goes on evenly beyond its ends', () => {
  const at = (seconds: number) => new Date(seconds * 1000).toISOString()
  const times = [
    { mediaSeconds: 0, time: at(100) },
    { mediaSeconds: 10, time: at(110.1) },
    { mediaSeconds: 20, time: at(120.1) },
  ]
  const wall = (seconds: number) => wallMillisIn({ startTime: at(0), times }, seconds) / 1000
  expect([0, 5, 10, 15, 25].map(wall)).toEqual([100, 105.05, 110.1, 115.1, 125.1])
})
