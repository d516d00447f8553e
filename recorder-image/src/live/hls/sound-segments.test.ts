import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { opusSamples } from '../../media/opus.ts'
import { type SegmentSound, type SoundSegment, SoundSegments } from './sound-segments.ts'

const rate = 48_000
/** A packet of 20 ms that says its number; its first byte says its length. */
const packet = (number: number, at = number * 960): SegmentSound => ({
  ...{ is: 'packet', samples: 960, at },
  data: Uint8Array.of(31 << 3, number >> 8, number & 255),
})
const isSilence = (data: Uint8Array) => data[1] === 0xff && data[2] === 0xfe
const numbersIn = (segments: SoundSegment[]) =>
  segments.flatMap(({ samples }) => samples.filter(({ data }) => !isSilence(data)).map(({ data }) => data[1]! * 256 + data[2]!))
const secondsOf = (segments: SoundSegment[]) => segments.map(({ start, end }) => (end - start) / rate)

describe('sound in segments', () => {
  test('is cut between two packets when the target duration is reached', () => {
    const sound = new SoundSegments(4, 0)
    const segments = Array.from({ length: 500 }, (_, number) => sound.push(packet(number)).segments).flat()
    segments.push(...sound.cut())
    expect(secondsOf(segments)).toEqual([4, 4, 2])
    expect(numbersIn(segments)).toEqual(Array.from({ length: 500 }, (_, number) => number))
  })

  test('goes on in silence while a microphone is off, and what comes then is at its time', () => {
    const sound = new SoundSegments(4, 0)
    const segments = Array.from({ length: 50 }, (_, number) => sound.push(packet(number)).segments).flat()
    for (let second = 1; second <= 20; second++) segments.push(...sound.reached(second * rate))
    expect(secondsOf(segments)).toEqual([4, 4, 4, 4])
    segments.push(
      ...sound.push({ is: 'missing', samples: 19 * rate, at: rate }).segments,
      ...sound.push(packet(50, 20 * rate)).segments,
      ...sound.cut(),
    )
    const last = segments.at(-1)!
    expect(last.end).toBe(20 * rate + 960)
    expect(numbersIn([last])).toEqual([50])
  })

  test('that comes after silence had to be laid at its time is left out, and told of', () => {
    const sound = new SoundSegments(4, 0)
    expect(sound.push(packet(0)).isTaken).toBe(true)
    sound.reached(10 * rate)
    expect(sound.push(packet(1)).isTaken).toBe(false)
  })

  test('is cut where the pictures become others', () => {
    const sound = new SoundSegments(4, 0)
    const segments = Array.from({ length: 50 }, (_, number) => sound.push(packet(number)).segments).flat()
    sound.cutAt(1.5 * rate)
    segments.push(...Array.from({ length: 100 }, (_, number) => sound.push(packet(50 + number)).segments).flat(), ...sound.cut())
    expect(secondsOf(segments)).toEqual([1.5, 1.5])
    expect(segments.map(({ isAnother }) => isAnother)).toEqual([false, true])
  })

  test('is each packet in one segment, without a hole between any two, whatever comes', () => {
    const item = fc.oneof(
      { weight: 20, arbitrary: fc.constant('packet' as const) },
      fc.record({ silence: fc.integer({ min: 1, max: 3000 }).map((n) => n * 120) }),
      fc.record({ skew: fc.integer({ min: -48, max: 48 }) }),
      fc.record({ away: fc.integer({ min: 1, max: 20 }) }),
    )
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 400 }), (items) => {
        const sound = new SoundSegments(2, 1000)
        const segments: SoundSegment[] = []
        let sent = 0
        let now = 1000
        for (const one of items) {
          if (one === 'packet') {
            segments.push(...sound.push(packet(sent++, now)).segments)
            now += 960
          } else if ('silence' in one) {
            segments.push(...sound.push({ is: 'missing', samples: one.silence, at: now }).segments)
            now += one.silence
          } else if ('skew' in one) now += one.skew
          else {
            const samples = one.away * rate
            for (let second = 0; second < one.away; second++) segments.push(...sound.reached(now + second * rate))
            segments.push(...sound.push({ is: 'missing', samples, at: now }).segments)
            now += samples
          }
        }
        segments.push(...sound.cut())
        expect(numbersIn(segments)).toEqual(Array.from({ length: sent }, (_, number) => number))
        segments.forEach(({ start, end, samples }, at) => {
          expect(start).toBe(at === 0 ? 1000 : segments[at - 1]!.end)
          expect(samples.reduce((sum, { duration }) => sum + duration, start)).toBe(end)
          for (const { duration, data } of samples) expect(Math.abs(duration - opusSamples(data))).toBeLessThanOrEqual(480)
        })
      }),
      { numRuns: 200 },
    )
  })
})
