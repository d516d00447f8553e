import { describe, expect, it } from 'vitest'
import { AudioAxis } from './audio-axis.ts'
import type { Arrival } from './pieces.ts'
import { present as presentColumns } from './presentation.ts'

type Picture = Arrival & { key: boolean }

const start = 1_795_000_000_000_000

/** 30 pictures a second, sent from `from` to `to` seconds after the start. */
function pictures(
  from: number,
  to: number,
  options: { ssrc?: number; rtp?: number; delay?: number; ppm?: number } = {},
): Picture[] {
  const { ssrc = 1, rtp = 0, delay = 0.02, ppm = 0 } = options
  return Array.from({ length: Math.round((to - from) * 30) }, (_, n) => ({
    ssrc,
    key: n % 30 === 0,
    rtpTimestamp: (rtp + n * 3000) % 2 ** 32,
    receiveTimeMicros: start + Math.round((from + (n / 30) * (1 + ppm / 1e6) + delay) * 1e6),
  }))
}

function sound(...stretches: { from: number; to: number; ssrc?: number; delay?: number; ppm?: number }[]): AudioAxis {
  const axis = new AudioAxis()
  let sequenceNumber = 0
  for (const { from, to, ssrc = 9, delay = 0.02, ppm = 0 } of stretches) {
    for (let n = 0; n < Math.round((to - from) * 50); n++) {
      const receiveTimeMicros = start + Math.round((from + n * 0.02 * (1 + ppm / 1e6) + delay) * 1e6)
      axis.push({
        ...{ ssrc, sequenceNumber: sequenceNumber++ & 0xffff, rtpTimestamp: n * 960 },
        ...{ receiveTimeMicros, data: new Uint8Array(1), samples: 960 },
      })
    }
  }
  axis.end()
  return axis
}

const present = (arrivals: Picture[], axis: AudioAxis) =>
  presentColumns(
    {
      ssrcs: Uint32Array.from(arrivals, ({ ssrc }) => ssrc),
      rtpTimestamps: Uint32Array.from(arrivals, ({ rtpTimestamp }) => rtpTimestamp),
      receiveTimesMicros: Float64Array.from(arrivals, ({ receiveTimeMicros }) => receiveTimeMicros),
      keys: Uint8Array.from(arrivals, ({ key }) => (key ? 1 : 0)),
      mayReorder: true,
    },
    axis,
  )

const none = new AudioAxis()

describe('presentation times', () => {
  it('are the sender’s, to the tick, while one clock runs', () => {
    const { video } = present(pictures(0, 2, { rtp: 2 ** 32 - 9000 }), none)!
    expect(Array.from(video!.ticks)).toEqual(Array.from({ length: 60 }, (_, n) => n * 3000))
    expect(video!.lastTicks).toBe(3000)
  })

  it('start with whichever came first', () => {
    const late = present(pictures(2.5, 4), sound({ from: 0, to: 4 }))!
    expect(late.video!.startMicros - late.startMicros).toBeCloseTo(2_500_000, -2)
    expect(late.audio!.startMicros).toBe(late.startMicros)
    expect((late.endMicros - late.startMicros) / 1e6).toBeCloseTo(4, 3)
  })

  it('put a second subscription at its wall-clock place and never turn back', () => {
    const { video } = present([...pictures(0, 2), ...pictures(3, 5, { ssrc: 2, rtp: 77 })], none)!
    expect(video!.ticks[60]).toBe(270_000)
    const overlapping = present([...pictures(0, 2), ...pictures(2, 4, { ssrc: 2, delay: -0.5 })], none)!
    overlapping.video!.decodeTicks.forEach((tick, n, ticks) => {
      if (n > 0) expect(tick).toBeGreaterThan(ticks[n - 1]!)
    })
  })

  it('keep what comes late of an abandoned subscription in its place', () => {
    const frames = [...pictures(0, 2.2), ...pictures(1.99, 3.99, { ssrc: 2 })].sort(
      (a, b) => a.receiveTimeMicros - b.receiveTimeMicros,
    )
    const { video } = present(frames, none)!
    expect(Array.from(video!.samples, (at) => frames[at]!.ssrc)).toEqual([...new Array(66).fill(1), ...new Array(60).fill(2)])
  })

  it('say where pictures were missing, but not that a slow screen is slow', () => {
    const { gaps } = present([...pictures(0, 2), ...pictures(4.5, 6, { rtp: 4.5 * 90_000 })], none)!
    expect(gaps).toMatchObject([{ kind: 'video', seconds: expect.closeTo(2.533, 2) }])
    const slow = Array.from({ length: 10 }, (_, n) => ({
      ssrc: 1,
      key: n === 0,
      rtpTimestamp: n * 180_000,
      receiveTimeMicros: start + n * 2e6,
    }))
    expect(present(slow, none)!.gaps).toEqual([])
  })

  it('follow the wall clock over an hour of drift, as the axis does', () => {
    const { audio } = present([], sound({ from: 0, to: 3600, ppm: 60 }))!
    expect(audio!.samples / 48_000).toBeCloseTo(3600.216, 2)
    expect(audio!.place(48_000 * 1800) / 48_000).toBeCloseTo(1800, 2)
  })

  it('keep sound where one clock ran exactly as it was', () => {
    const { audio } = present([], sound({ from: 0, to: 60 }))!
    expect([-1024, 0, 48_000, 2_000_000].map((at) => Math.round(audio!.place(at)))).toEqual([-1024, 0, 48_000, 2_000_000])
  })

  it('are nothing when nothing came', () => {
    expect(present([], none)).toBeUndefined()
  })
})
