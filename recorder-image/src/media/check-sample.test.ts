import { describe, expect, it } from 'vitest'
import { picturesToDecode, soundToDecode } from './check-sample.ts'
import { frozenShare, silentShare } from './check-shares.ts'
import type { Mp4Track } from './mp4-head.ts'
import type { VideoConfig } from './video-codec.ts'

const config: VideoConfig = { codec: 'h264', width: 1280, height: 720, units: [] }

/** So many seconds at 30 pictures a second, a key frame every two seconds. */
function track(seconds: number, more: Partial<Mp4Track> = {}): Mp4Track {
  const count = seconds * 30
  return {
    ...{ kind: 'video', timescale: 90_000, sampleEntries: [], width: 1280, height: 720, sizes: new Uint32Array(count).fill(100) },
    ...{
      offsets: new Float64Array(count),
      starts: Float64Array.from({ length: count }, (_, at) => at * 3000),
      end: count * 3000,
    },
    keys: Uint32Array.from({ length: Math.ceil(count / 60) }, (_, at) => at * 60),
    edit: { delay: 0, mediaTime: 0, duration: 0 },
    ...more,
  }
}

const total = (stretches: { first: number; end: number }[]) => stretches.reduce((sum, { first, end }) => sum + end - first, 0)

describe('what is decoded', () => {
  it('is all of a file under a minute', () => {
    expect(total(picturesToDecode(track(58), [config], 58))).toBe(58 * 30)
    expect(soundToDecode(2000, 46.875, 42)).toEqual([{ first: 0, end: 2000 }])
  })

  it('is the same number of pictures of an hour as of a day, from the first to the last group', () => {
    for (const hours of [1, 24]) {
      const pictures = picturesToDecode(track(hours * 3600), [config], hours * 3600)
      expect(total(pictures)).toBe(240)
      expect(pictures[0]!.first).toBe(0)
      expect(pictures.at(-1)!.end).toBe(hours * 3600 * 30)
      expect(pictures).toHaveLength(4)
    }
  })

  it('is less of larger pictures, and never a whole hour without a key frame', () => {
    const large = { ...config, width: 3840, height: 2160 }
    expect(total(picturesToDecode(track(600), [large], 600))).toBe(120)
    expect(total(picturesToDecode(track(3600, { keys: Uint32Array.of(0) }), [config], 3600))).toBe(60)
  })

  it('has each size that there is', () => {
    const entries = new Uint8Array(3600 * 30).fill(1, 1_200, 1_260)
    const pictures = picturesToDecode(track(3600, { entries }), [config, { ...config, width: 640 }], 3600)
    expect(pictures.map(({ first }) => first)).toContain(1_200)
  })

  it('is sound in six stretches, the first and the last second among them', () => {
    const stretches = soundToDecode(168_750, 46.875, 3600)
    expect(stretches).toHaveLength(6)
    expect(stretches[0]).toEqual({ first: 0, end: 47 })
    expect(stretches.at(-1)).toEqual({ first: 168_703, end: 168_750 })
  })
})

describe('the share of time', () => {
  it('in which a picture stands still counts pictures held for more than a second', () => {
    expect(frozenShare(track(10))).toBe(0)
    const starts = Float64Array.of(0, 3000, 3000 + 450_000)
    expect(frozenShare(track(10, { starts, end: 900_000 }))).toBe(0.997)
  })

  it('that is silent counts frames of digital silence', () => {
    expect(silentShare(track(1, { sizes: Uint32Array.of(9, 9, 9, 300) }))).toBe(0.75)
  })
})
