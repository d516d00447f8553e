import { beforeAll, describe, expect, it } from 'vitest'
import { type ChromiumPlayback, playInChromium } from './testing/chromium-playback.ts'
import { type Clip, makeClip } from './testing/clip.ts'
import { record } from './testing/recording.ts'
import { send } from './testing/sender.ts'

let clip: Clip
let small: Clip
beforeAll(async () => {
  clip = await makeClip({ seconds: 8, size: '320x180' })
  small = await makeClip({ seconds: 8, size: '160x96' })
})

/** When beeps were heard, by the time of the picture that was shown then. */
function beepTimes({ pictures, beepsAt }: ChromiumPlayback): number[] {
  return beepsAt.map((at) => {
    const shown = pictures.findLast(({ shownAt }) => shownAt <= at) ?? pictures[0]!
    return shown.time + Math.max(0, at - shown.shownAt)
  })
}

/** Each of `actual` is within `tolerance` seconds of one of `expected`. */
function expectAmong(actual: number[], expected: readonly number[], tolerance: number): void {
  for (const time of actual) {
    const distance = Math.min(...expected.map((one) => Math.abs(one - time)))
    expect(distance, `${time} of ${actual} against ${expected}`).toBeLessThan(tolerance)
  }
}

describe('Chromium', () => {
  it.each([
    ['the camera comes later', { audio: 0, video: 2 }, { beeps: [0, 1, 2, 3, 4], flashes: [2, 3, 4] }],
    ['the microphone comes later', { audio: 2, video: 0 }, { beeps: [2, 3, 4], flashes: [0, 1, 2, 3, 4] }],
  ] as const)('plays a file in step in which %s', async (_, from, expected) => {
    const frames = send(
      { clip, from: from.audio, to: 5, atSeconds: from.audio, kinds: ['audio'] },
      { clip, from: from.video, to: 5, atSeconds: from.video, kinds: ['video'] },
    )
    const { path } = await record('02', frames)
    const playback = await playInChromium(path)
    expect(playback.error).toBe('')
    expect(playback.durationSeconds).toBeCloseTo(5, 1)
    expect(playback.pictures[0]!.time).toBe(0)
    // A busy machine may miss a picture or a beep; what it has is at its time.
    const flashes = playback.pictures.slice(1).filter(({ brightness }) => brightness > 150)
    expect(flashes.length).toBeGreaterThan(0)
    expectAmong(
      flashes.map(({ time }) => time),
      expected.flashes,
      0.01,
    )
    expect(playback.beepsAt.length).toBeGreaterThan(1)
    expectAmong(beepTimes(playback), expected.beeps, 0.2)
  })

  it('plays a change of size, from the beginning and from a place behind it', async () => {
    const { path, finished } = await record(
      '02',
      send(
        { clip, from: 0, to: 2, atSeconds: 0 },
        { clip: small, from: 2, to: 4, atSeconds: 2 },
        { clip, from: 4, to: 6, atSeconds: 4 },
      ),
    )
    expect(finished.video?.codec).toMatch(/^avc3/)
    for (const from of [0, 3.2]) {
      const { error, pictures } = await playInChromium(path, { rate: 4, from })
      expect(error).toBe('')
      expect([...new Set(pictures.map(({ width, height }) => `${width}x${height}`))].sort()).toEqual(['160x96', '320x180'])
      expect(pictures.at(-1)!.time).toBeGreaterThan(5.5)
    }
  })

  it.each(['vp8', 'vp9', 'av1'] as const)('plays %s in MP4', async (codec) => {
    const clip = await makeClip({ seconds: 3, size: '320x180', codec })
    const { path } = await record('02', send({ clip, from: 0, to: 3, atSeconds: 0 }))
    const { error, pictures } = await playInChromium(path, { rate: 4 })
    expect(error).toBe('')
    expect(pictures.at(-1)).toMatchObject({ width: 320, height: 180 })
    expect(pictures.at(-1)!.time).toBeGreaterThan(2.5)
  })
})
