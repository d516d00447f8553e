import { expect, test } from 'vitest'
import { comesAsComplete, HoleWatch } from './hole-watch.ts'

/** Which arrives when it was sent; `ahead`: what its clock is ahead of that, in ticks. */
const picture = (rtp: number, ahead = 0) => ({ rtpTimestamp: (rtp + ahead) >>> 0, receiveTimeMicros: rtp / 0.09 })

/** Holes, in pictures, before each of these; a key frame each ten. */
const holesBefore = (numbers: number[], start = 0, mimeType = 'video/H264') => {
  const watch = new HoleWatch()
  return numbers.map((n) => watch.before(picture(start + n * 6000), n % 10 === 0 || comesAsComplete(mimeType)) / 6000)
}
const upTo = (n: number) => Array.from({ length: n }, (_, at) => at)

test('a key frame that comes in its turn has none before it, across the wrap of the clock too', () =>
  expect(Math.max(...holesBefore(upTo(60).slice(5), 2 ** 32 - 100_000))).toBe(0))

test('a key frame that comes late has one', () => expect(holesBefore([...upTo(34), 40, 41]).slice(-2)).toEqual([7, 0]))

test('another picture that comes late has none: a sender who pauses goes on with it', () =>
  expect(holesBefore([...upTo(34), 45, 46]).slice(-2)).toEqual([0, 0]))

test.each(['video/VP8', 'video/VP9', 'video/AV1'])(
  'any picture of %s that comes late has one, and not the one that fills it',
  (mimeType) => expect(holesBefore([...upTo(34), 35, 34, 36], 0, mimeType).slice(-3)).toEqual([2, 0, 0]),
)

test.each([5, 15, 30, 60])('none where a camera of %i pictures a second begins', (framesPerSecond) => {
  const watch = new HoleWatch()
  const holes = upTo(20).map((n) => watch.before(picture((n * 90_000) / framesPerSecond), true))
  expect(holes).toEqual(holes.map(() => 0))
})

test.each([3600, -3600, 30_000])('a clock that jumps by %i s makes none, and hides none', (seconds) => {
  const watch = new HoleWatch()
  const numbers = [...upTo(34), 40, 41, 42, 43, 50, 51, 54]
  const holes = numbers.map((n) => watch.before(picture(n * 6000, n > 40 ? seconds * 90_000 : 0), true) / 6000)
  expect(holes.slice(-7)).toEqual([7, 0, 0, 0, 7, 0, 3])
})

test('B pictures make none', () => {
  const gop = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8]
  const numbers = upTo(60).map((n) => n - (n % 10) + gop[n % 10]!)
  expect(
    holesBefore(numbers)
      .slice(20)
      .filter((hole) => hole > 0),
  ).toEqual([])
})
