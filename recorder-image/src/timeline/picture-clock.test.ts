import { expect, test } from 'vitest'
import { PictureClock } from './picture-clock.ts'

const hour = 3600
/** Where pictures come to lie, in seconds after the first one, that were sent at these times by their own clock and came at those. */
function place(...pictures: [sentSeconds: number, arrivedSeconds: number][]): number[] {
  const clock = new PictureClock()
  const ticks = (seconds: number) => (((4e9 + seconds * 90_000) % 2 ** 32) + 2 ** 32) % 2 ** 32
  const placed = pictures.map(([sent, arrived]) => clock.place({ rtpTimestamp: ticks(sent), receiveTimeMicros: arrived * 1e6 }))
  return placed.map(({ rtp }) => Math.round((rtp - placed[0]!.rtp) / 900) / 100)
}

test('pictures lie as far from each other as they were sent, where 32 bits wrap and after a pause of hours too', () =>
  expect(place([0, 0], [0.1, 0.1], [5 * hour, 5 * hour], [10 * hour, 10 * hour])).toEqual([0, 0.1, 5 * hour, 10 * hour]))

test('late ones lie where they were sent', () => expect(place([0, 0], [0.3, 0.3], [0.1, 0.4])).toEqual([0, 0.3, 0.1]))

test.each([hour, -hour, 8 * hour])(
  'a clock that jumps by %s s goes on behind what is late from before, which keeps its place',
  (jump) => {
    const [, , , first, late, next] = place([0, 0], [0.1, 0.1], [0.2, 0.2], [0.5 + jump, 0.5], [0.3, 0.6], [0.6 + jump, 0.7])
    expect(late).toBe(0.3)
    expect(first).toBeGreaterThan(5)
    expect(next! - first!).toBeCloseTo(0.1)
  },
)

test('a jump says how long the step took by arrival, and nothing else does', () => {
  const clock = new PictureClock()
  const jumped = [0, 3000, 2 ** 31, 2 ** 31 + 3000].map(
    (rtpTimestamp, n) => clock.place({ rtpTimestamp, receiveTimeMicros: n * 200_000 }).jumpedTicks,
  )
  expect(jumped).toEqual([undefined, undefined, 18_000, undefined])
})

test('a clock that jumps ahead and soon back goes on behind both, not as what is late from before', () => {
  const away = [0.2, 0.3, 1.2, 2.2].map((at): [number, number] => [at + hour, at])
  const back = place([0, 0], [0.1, 0.1], ...away, [2.7, 2.7], [2.8, 2.8]).slice(-2)
  expect(back[0]).toBeGreaterThan(10)
  expect(back[1]! - back[0]!).toBeCloseTo(0.1)
})

test('one picture of nonsense moves no other', () =>
  expect(place([0, 0], [0.1, 0.1], [777_777, 0.2], [0.3, 0.3], [0.4, 0.4], [3, 3]).filter((_, n) => n !== 2)).toEqual([
    0, 0.1, 0.3, 0.4, 3,
  ]))
