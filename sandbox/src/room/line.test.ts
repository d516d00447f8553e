import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { RtpHeader } from 'werift'
import { goodLine, Line } from './line.ts'
import { RecordingSink } from './testing/recording-sink.ts'

let sink: RecordingSink
let line: Line
let chance = 0
const packet = (sequenceNumber: number) =>
  line.protect(
    new RtpHeader({ version: 2, payloadType: 111, sequenceNumber, timestamp: 0, ssrc: 1, marker: false }),
    Buffer.from('x'),
  )

beforeEach(() => {
  vi.useFakeTimers()
  sink = new RecordingSink()
  chance = 0
  line = new Line(sink, () => chance)
})
afterEach(() => {
  vi.useRealTimers()
})

describe('a line to a subscriber', () => {
  it('that is good passes everything at once', () => {
    line.send(packet(1))
    expect(sink.sequenceNumbers).toEqual([1])
  })

  it('lets some fall behind their successors, and brings some twice', () => {
    line.quality = { ...goodLine, latePercent: 50, lateMillis: 30 }
    line.send(packet(1))
    chance = 0.9
    line.send(packet(2))
    line.quality = { ...goodLine, twicePercent: 100 }
    line.send(packet(3))
    vi.advanceTimersByTime(50)
    expect(sink.sequenceNumbers).toEqual([2, 3, 1, 3])
  })

  it('takes its time for a repair', () => {
    line.quality = { ...goodLine, repairMillis: 60 }
    line.send(packet(1), true)
    line.send(packet(2))
    vi.advanceTimersByTime(59)
    expect(sink.sequenceNumbers).toEqual([2])
    vi.advanceTimersByTime(1)
    expect(sink.sequenceNumbers).toEqual([2, 1])
  })

  it('holds all while it is frozen', () => {
    line.freeze(10_000)
    line.send(packet(1))
    line.send(packet(2))
    vi.advanceTimersByTime(9_999)
    expect(sink.sequenceNumbers).toEqual([])
    vi.advanceTimersByTime(1)
    expect(sink.sequenceNumbers).toEqual([1, 2])
  })
})
