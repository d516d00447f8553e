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

/** When white pictures began to show, by the clock by which beeps are heard. */
const flashesAt = ({ pictures }: ChromiumPlayback) =>
  pictures
    .filter(({ brightness }, at) => brightness > 150 && (pictures[at - 1]?.brightness ?? 0) <= 150)
    .map(({ shownAt }) => shownAt)

describe('Chromium', () => {
  it.each([
    ['the camera comes later', { audio: [0, 5], video: [2, 5] }],
    ['the microphone comes later', { audio: [2, 5], video: [0, 5] }],
  ] as const)('plays a file in step in which %s', async (_, { audio, video }) => {
    const frames = send(
      { clip, from: audio[0], to: audio[1], atSeconds: audio[0], kinds: ['audio'] },
      { clip, from: video[0], to: video[1], atSeconds: video[0], kinds: ['video'] },
    )
    const { path } = await record('02', frames)
    const playback = await playInChromium(path)
    expect(playback.error).toBe('')
    expect(playback.durationSeconds).toBeCloseTo(5, 1)
    // Those that both have; the first picture is white from the start where it is held.
    const beeps = playback.beepsAt.slice(-2)
    const flashes = flashesAt(playback).slice(-2)
    expect(beeps).toHaveLength(2)
    for (const [at, flash] of flashes.entries()) expect(Math.abs(flash - beeps[at]!), `${flashes} ${beeps}`).toBeLessThan(0.15)
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

  it.each(['vp8', 'vp9'] as const)('plays %s in MP4', async (codec) => {
    const clip = await makeClip({ seconds: 3, size: '320x180', codec })
    const { path } = await record('02', send({ clip, from: 0, to: 3, atSeconds: 0 }))
    const { error, pictures } = await playInChromium(path, { rate: 4 })
    expect(error).toBe('')
    expect(pictures.at(-1)).toMatchObject({ width: 320, height: 180 })
    expect(pictures.at(-1)!.time).toBeGreaterThan(2.5)
  })
})
