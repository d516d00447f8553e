import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Sound } from './sound.ts'
import { SoundClock } from './sound-clock.ts'

const packet = new Uint8Array([1])
const start = 1_764_000_000_000_000
const millis = (count: number) => start + count * 1000
const said = (sounds: readonly Sound[]) =>
  sounds.map((sound) => [sound.type, sound.type === 'muted' ? sound.muted : sound.samples / 48])
const secondsOf = (sounds: readonly Sound[]) => sounds.reduce((sum, { samples }) => sum + samples, 0) / 48_000

describe('sound on the clock', () => {
  test('that comes without a hole goes on as it is', () => {
    const clock = new SoundClock(start, 60)
    const sounds = [0, 20, 40].flatMap((at) => clock.packet(packet, 960, millis(at)))
    expect(said(sounds)).toEqual(new Array(3).fill(['packet', 20]))
  })

  test('of which a packet is lost is bridged, and of which a second is missing is silent', () => {
    const clock = new SoundClock(start, 60)
    const sounds = [
      ...clock.packet(packet, 960, millis(0)),
      ...clock.missing(960, millis(20)),
      ...clock.packet(packet, 960, millis(40)),
      ...clock.missing(48_000, millis(60)),
      ...clock.packet(packet, 960, millis(1060)),
    ]
    expect(said(sounds)).toEqual([
      ['packet', 20],
      ['missing', 20],
      ['packet', 20],
      ['silence', 1000],
      ['packet', 20],
    ])
  })

  test('is silent while the user is muted, at the pace of the clock, and says where the mute begins and ends', () => {
    const clock = new SoundClock(start, 60)
    clock.muted(true, millis(40))
    const sounds = [
      // Word of the mute was faster than the last packet before it.
      ...[0, 20].flatMap((at) => clock.packet(packet, 960, millis(at))),
      ...clock.reached(millis(540)),
      ...clock.reached(millis(1040)),
    ]
    clock.muted(false, millis(1540))
    sounds.push(...clock.missing(72_000, millis(40)), ...clock.packet(packet, 960, millis(1540)))
    const half = ['silence', 500]
    const spoken = ['packet', 20]
    expect(said(sounds)).toEqual([spoken, spoken, ['muted', true], half, half, half, ['muted', false], spoken])
  })

  test('lies where it belongs after silence, to 2.5 ms', () => {
    const clock = new SoundClock(start, 60)
    const sounds = [
      ...clock.reached(millis(500)),
      ...clock.packet(packet, 960, millis(536)),
      ...clock.packet(packet, 960, millis(576)),
    ]
    expect(said(sounds)).toEqual([
      ['silence', 500],
      ['silence', 35],
      ['packet', 20],
      ['packet', 20],
    ])
  })

  test('of a pause is nothing, not even silence', () => {
    const clock = new SoundClock(start, 60)
    const before = clock.packet(packet, 960, millis(0))
    clock.skipTo(millis(10_000))
    expect(said([...before, ...clock.missing(480_000, millis(20)), ...clock.packet(packet, 960, millis(10_020))])).toEqual([
      ['packet', 20],
      ['packet', 20],
    ])
  })

  test('is silent for so long and no longer where nothing could be told for hours', () => {
    const clock = new SoundClock(start, 60)
    expect(secondsOf(clock.reached(millis(3 * 3600_000)))).toBe(60)
  })

  test('is as long as the time it took, whatever comes and does not', () => {
    const step = fc.record({
      gapMillis: fc.constantFrom(0, 0, 0, 20, 60, 400, 3000),
      packets: fc.integer({ min: 1, max: 20 }),
      told: fc.constantFrom('missing', 'reached', 'neither'),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const clock = new SoundClock(start, 60)
        const sounds: Sound[] = []
        let at = 0
        for (const { gapMillis, packets, told } of steps) {
          if (told === 'missing' && gapMillis > 0) sounds.push(...clock.missing(gapMillis * 48, millis(at)))
          at += gapMillis
          if (told === 'reached') sounds.push(...clock.reached(millis(at)))
          for (let n = 0; n < packets; n++, at += 20) sounds.push(...clock.packet(packet, 960, millis(at)))
        }
        expect(Math.abs(secondsOf(sounds) - at / 1000)).toBeLessThan(0.0601)
        expect(sounds.every(({ samples }) => samples % 120 === 0)).toBe(true)
        sounds.slice(1).forEach(({ atMicros }, n) => {
          expect(atMicros).toBeCloseTo(sounds[n]!.atMicros + sounds[n]!.samples / 0.048, 0)
        })
      }),
    )
  })
})
