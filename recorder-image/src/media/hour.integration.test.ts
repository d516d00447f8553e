import type { Mode } from '@trtc-recorder/api'
import { beforeAll, describe, expect, it } from 'vitest'
import type { EncodedFrame } from '../tap/frame.ts'
import { readHead } from './head-file.ts'
import { readMediaIndex } from './media-index.ts'
import { type Clip, makeClip } from './testing/clip.ts'
import { joinFile } from './testing/join-file.ts'
import { newDirectory } from './testing/new-directory.ts'
import { play } from './testing/playback.ts'
import { openFile } from './testing/recording.ts'
import { epochMicros, seeded } from './testing/sender.ts'

/**
 * An hour, sent as fast as it is encoded: all that comes behind the tap is what records a room. The microphone is muted for two thirds of each minute but the last, so
 * that to encode it takes seconds.
 */
const seconds = 3600
const fps = 10
const speaks = (second: number) => second % 60 < 20 || second >= seconds - 60
/** Packets that are not sent are not counted. */
const packetsBefore = [0]
for (let second = 0; second < seconds; second++) packetsBefore.push(packetsBefore[second]! + (speaks(second) ? 50 : 0))
/** What the encoder may be behind, in seconds of sound: of ten minutes it would say that it is dead. */
const mostBehind = 240

let clip: Clip
beforeAll(async () => {
  clip = await makeClip({ seconds: 10, fps })
})

/** The frames of one second by the sender's clock, which is `ppm` slower than the wall's, in order of arrival. */
function sent(second: number, ppm: number, random: () => number): EncodedFrame[] {
  const rtpStart = { audio: 2 ** 32 - 48_000 * 1800, video: 2 ** 32 - 90_000 * 2400 }
  const frame = (kind: 'audio' | 'video', at: number, perSecond: number, data: Uint8Array, key: boolean): EncodedFrame => {
    const n = second * perSecond + at
    const clockRate = kind === 'audio' ? 48_000 : 90_000
    const wallSeconds = (n / perSecond) * (1 + ppm / 1e6)
    return {
      ...{ slot: 1, kind, key, data, ssrc: kind === 'audio' ? 1 : 2, mimeType: kind === 'audio' ? 'audio/opus' : clip.mimeType },
      sequenceNumber: kind === 'audio' ? (packetsBefore[second]! + at) & 0xffff : null,
      rtpTimestamp: (rtpStart[kind] + (n * clockRate) / perSecond) % 2 ** 32,
      receiveTimeMicros: epochMicros + Math.round((wallSeconds + 0.03 + 0.04 * random()) * 1e6),
    }
  }
  const pictures = Array.from({ length: fps }, (_, at) => {
    const { data, key } = clip.pictures[(second * fps + at) % clip.pictures.length]!
    return frame('video', at, fps, data, key)
  })
  const packets = Array.from({ length: speaks(second) ? 50 : 0 }, (_, at) =>
    frame('audio', at, 50, clip.packets[(second * 50 + at) % (50 * 10)]!.data, true),
  )
  return [...pictures, ...packets].sort((a, b) => a.receiveTimeMicros - b.receiveTimeMicros)
}

async function recordAnHour(mode: Mode, ppm: number) {
  const file = openFile(mode, await newDirectory(), { batchMs: 50 })
  const random = seeded(ppm)
  const perFrame = mode === '00' ? 1152 : 1024
  const encodedSeconds = async () =>
    ((await readMediaIndex(file.bodyPath.replace(/body$/, 'index'), 'waits')).audio.sizes.length * perFrame) / 48_000
  for (let second = 0; second < seconds; second++) {
    for (const frame of sent(second, ppm, random)) file.write(frame)
    if (second % 60 === 59)
      await expect.poll(encodedSeconds, { interval: 20, timeout: 300_000 }).toBeGreaterThan(second - mostBehind)
  }
  const finished = await file.finish()
  const path = file.bodyPath.replace(/\.body$/, '')
  await joinFile(await readHead(finished.head), file.bodyPath, path, finished.bodyBytes)
  return { finished, path }
}

// A quarter of a minute each, where nothing else wants the processors.
describe('the last ten seconds of an hour', { timeout: 400_000 }, () => {
  it.each([
    ['02', 300],
    ['00', -300],
  ] as const)('of mode %s are beeped and flashed at their time, by a clock that is %i ppm off', async (mode, ppm) => {
    const { finished, path } = await recordAnHour(mode, ppm)
    expect(finished.problem).toBeUndefined()
    const length = seconds * (1 + ppm / 1e6)
    expect(Math.abs(finished.durationSeconds - length)).toBeLessThan(0.05)
    const from = (seconds - 10.5) * (1 + ppm / 1e6)
    const { beeps, flashes, complaints } = await play(path, ['-ss', String(from)])
    expect(complaints).toBe('')
    const wanted = Array.from({ length: 10 }, (_, n) => (seconds - 10 + n) * (1 + ppm / 1e6) - from)
    const off = (times: readonly number[]) => {
      expect(times, `${times} of ${wanted}`).toHaveLength(wanted.length)
      return times.map((time, n) => time - wanted[n]!)
    }
    const heard = off(beeps)
    expect(Math.max(...heard.map(Math.abs))).toBeLessThan(0.01)
    if (mode === '00') return
    const shown = off(flashes)
    expect(Math.max(...shown.map(Math.abs))).toBeLessThan(0.01)
    expect(Math.max(...heard.map((at, n) => Math.abs(at - shown[n]!)))).toBeLessThan(0.01)
  })
})
