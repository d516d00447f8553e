import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { VideoConfig } from '../../media/video-codec.ts'
import { type PictureSegment, PictureSegments } from './picture-segments.ts'

const lengths = { targetSeconds: 4, mostSeconds: 8 }
const small: VideoConfig = { codec: 'h264', width: 320, height: 180, units: [Uint8Array.of(1)] }
const large: VideoConfig = { codec: 'h264', width: 640, height: 360, units: [Uint8Array.of(2)] }
const seconds = (ticks: number) => ticks / 90_000

/** Ten pictures a second, each a number; a key frame where `isKey` says so. What a player is given, and what it was not. */
function cut(
  until: number,
  how: {
    isKey(at: number, asked: boolean): boolean
    isSent?(at: number): boolean
    configAt?(at: number): VideoConfig
    cameraAt?(at: number): boolean
  },
) {
  const { isKey, isSent = () => true, configAt = () => small, cameraAt = () => true } = how
  const pictures = new PictureSegments(lengths)
  const segments: PictureSegment[] = []
  const taken: number[] = []
  const leftOut: number[] = []
  const asked: number[] = []
  for (let tenth = 0; tenth < until * 10; tenth++) {
    const at = tenth / 10
    pictures.sends(cameraAt(at))
    if (isSent(at) && cameraAt(at)) {
      const key = isKey(at, asked.includes((tenth - 2) / 10))
      const { isTaken, segments: cut } = pictures.push({
        data: Uint8Array.of(tenth >> 8, tenth & 255),
        key,
        ticks: tenth * 9000,
        config: configAt(at),
      })
      segments.push(...cut)
      ;(isTaken ? taken : leftOut).push(tenth)
    }
    segments.push(...pictures.reached(tenth * 9000))
    if (pictures.wantsKey(tenth * 9000)) asked.push(at)
  }
  segments.push(...pictures.cut())
  return { segments, taken, leftOut, asked, lengths: segments.map(({ start, end }) => seconds(end - start)) }
}

const numberOf = (data: Uint8Array) => data[0]! * 256 + data[1]!

describe('pictures in segments', () => {
  test('are cut at the first key frame after the target duration', () => {
    const { lengths, asked } = cut(20, { isKey: (at) => at % 2 === 0 })
    expect(lengths).toEqual([4, 4, 4, 4, 4])
    expect(asked).toEqual([])
  })

  test('are cut where a key frame is asked for, when none came for the target duration', () => {
    const { lengths, leftOut } = cut(20, { isKey: (at, asked) => at === 0 || asked })
    expect(lengths).toEqual([4.2, 4.2, 4.2, 4.2, 3.2].map((length) => expect.closeTo(length)))
    expect(leftOut).toEqual([])
  })

  test('end with the longest segment that a playlist allows where a sender gives no key frame, and go on with the next', () => {
    const { segments, lengths, leftOut } = cut(16, { isKey: (at) => at === 0 || at === 12 })
    expect(leftOut).toEqual(Array.from({ length: 40 }, (_, at) => 80 + at))
    // What is held up to the key frame is the one before.
    expect(lengths).toEqual([8, 4, 4])
    expect(segments[1]!.samples.map(({ data }) => numberOf(data))).toEqual([0])
  })

  test('hold the last key frame while a camera is off, as time goes on', () => {
    const { segments, lengths } = cut(20, { isKey: (at) => at === 0 || at === 15, cameraAt: (at) => at < 2 || at >= 15 })
    expect(lengths).toEqual([4, 4, 4, 8])
    expect(segments[1]!.samples).toMatchObject([{ key: true, data: Uint8Array.of(0, 0), duration: 4 * 90_000 }])
    expect(segments[3]!.samples.slice(0, 2).map(({ data }) => numberOf(data))).toEqual([0, 150])
  })

  test('are others from where their size changes', () => {
    const { segments } = cut(12, { isKey: (at) => at % 3 === 0, configAt: (at) => (at >= 3 && at < 9 ? large : small) })
    expect(segments.map(({ config, isAnother, start }) => [config.width, isAnother, seconds(start)])).toEqual([
      [320, false, 0],
      [640, true, 3],
      [320, true, 9],
    ])
  })

  test('of a sender with B pictures are decoded in their order, and shown in theirs', () => {
    const pictures = new PictureSegments(lengths)
    // I P B B P B B, in the order in which they are decoded.
    for (const [at, shown] of [0, 3, 1, 2, 6, 4, 5].entries()) {
      pictures.push({ data: Uint8Array.of(shown), key: at === 0, ticks: shown * 3000, config: small })
    }
    const [segment] = pictures.cut()
    let decoded = segment!.start
    const shownAt = segment!.samples.map(({ duration, shownAfter }) => {
      decoded += duration
      return (decoded - duration + shownAfter) / 3000
    })
    expect(shownAt).toEqual([0, 3, 1, 2, 6, 4, 5])
    expect(segment!.samples.every(({ duration }) => duration === 3000)).toBe(true)
  })

  test('are each in exactly one segment, and segments follow each other without a hole, whatever comes', () => {
    const stretch = fc.record({
      tenths: fc.integer({ min: 1, max: 200 }),
      key: fc.integer({ min: 1, max: 150 }),
      sent: fc.constantFrom(1, 1, 1, 7, 90),
      camera: fc.boolean(),
      config: fc.constantFrom(small, large),
    })
    fc.assert(
      fc.property(fc.array(stretch, { minLength: 1, maxLength: 5 }), (stretches) => {
        const plan = stretches.flatMap((one) => Array.from({ length: one.tenths }, () => one))
        const of = (at: number) => plan[Math.round(at * 10)]!
        let last: VideoConfig | undefined
        const { segments, taken, leftOut } = cut(plan.length / 10, {
          isKey: (at, asked) => {
            const { config, key } = of(at)
            const isKey = asked || last !== config || Math.round(at * 10) % key === 0
            last = config
            return isKey
          },
          isSent: (at) => Math.round(at * 10) % of(at).sent === 0,
          configAt: (at) => of(at).config,
          cameraAt: (at) => of(at).camera,
        })
        const shown: number[] = []
        segments.forEach(({ start, end, samples, config, isAnother }, at) => {
          const before = segments[at - 1]
          if (before !== undefined) {
            expect(start).toBe(before.end)
            expect(isAnother).toBe(before.config !== config)
          }
          expect(samples[0]!.key).toBe(true)
          expect(seconds(end - start)).toBeLessThanOrEqual(lengths.mostSeconds + 0.4)
          expect(samples.every(({ duration }) => duration > 0)).toBe(true)
          expect(samples.reduce((sum, { duration }) => sum + duration, start)).toBe(end)
          for (const { data } of samples) if (numberOf(data) > (shown.at(-1) ?? -1)) shown.push(numberOf(data))
        })
        expect(shown).toEqual(taken)
        expect(taken.length === 0 || leftOut.length === 0 || !leftOut.some((one) => taken.includes(one))).toBe(true)
      }),
      { numRuns: 300 },
    )
  })
})
