import type { Mode } from '@trtc-recorder/api'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AudioAxis, type AudioPacket } from '../timeline/audio-axis.ts'
import { leastGapMicros, leastPauseMicros, type Stretch } from '../timeline/cuts.ts'
import { present } from '../timeline/presentation.ts'
import type { TimePoint } from '../timeline/time-table.ts'
import { soundKind } from './audio-format.ts'
import { axisRules } from './axis-rules.ts'
import { type FileTime, fileTime } from './file-time.ts'
import { AudioColumns } from './media-columns.ts'
import type { MediaFileIdentity } from './media-file.ts'
import { MediaIndex } from './media-index.ts'
import { type Mp4Track, movieTimescale } from './mp4-head.ts'
import { mp4Tracks } from './mp4-tracks.ts'
import { axisOfFrame } from './sound-frames.ts'

/** What a user sends for so long, or does not. Multiples of 20 ms; what is not sent is clearly shorter or clearly longer than what is cut. */
interface Scene {
  sends: 'both' | 'audio' | 'video' | 'nothing' | 'paused'
  slots: number
  /** Another subscription begins with it. */
  anew: boolean
}

const epochMicros = 1_795_000_000_000_000
const slotMicros = 20_000
const second = 50

const slots = fc.oneof(fc.integer({ min: second / 2, max: 1.7 * second }), fc.integer({ min: 2.5 * second, max: 6 * second }))
const scene: fc.Arbitrary<Scene> = fc
  .record({
    sends: fc.constantFrom<Scene['sends']>('both', 'both', 'audio', 'video', 'nothing', 'nothing', 'paused'),
    slots,
    anew: fc.boolean(),
  })
  // A pause is cut from a second on, and not one of a second exactly: a picture may be shown in its first 40 ms.
  .map((one) => (one.sends === 'paused' && Math.abs(one.slots - second) < 5 ? { ...one, slots: one.slots + 10 } : one))
const scenes = fc.array(scene, { minLength: 1, maxLength: 8 }).map((some) => {
  // Two that send nothing make one, which may be long although neither is.
  const joined = some.filter(({ sends }, at) => !(isSilent(sends) && isSilent(some[at - 1]?.sends)))
  return [{ sends: 'both', slots: 2 * second, anew: false } as Scene, ...joined, { ...joined[0]!, sends: 'both' } as Scene]
})
const isSilent = (sends: Scene['sends'] | undefined) => sends === 'nothing' || sends === 'paused'

const identityOf = (mode: Mode, more: Partial<MediaFileIdentity>): MediaFileIdentity => ({
  ...{ name: 'file.mp4', userId: 'alice', stream: 'main', mode, audioCodec: 'AAC', gaps: 'Cut', pause: 'Cut' },
  ...{ attempt: 1, part: 1, openedMicros: epochMicros, ...more },
})

interface Recorded extends FileTime {
  tracks: Mp4Track[]
  /** Where on the axis, and when by the wall clock, each packet begins. */
  packets: { axis: number; wallMicros: number }[]
  pictures: { wallMicros: number }[]
  axis: AudioAxis
}

/** Sends the scenes, and makes of what arrives what a file would become. */
function record(identity: MediaFileIdentity, played: readonly Scene[]): Recorded {
  const index = new MediaIndex()
  index.configs.push({ number: 0, codec: 'vp8', width: 16, height: 16, units: [] })
  const axis = new AudioAxis(axisRules(identity, index.pauses))
  const [packets, pictures]: [Recorded['packets'], Recorded['pictures']] = [[], []]
  let [slot, ssrc, sequence, position] = [0, 1, 0, 0]
  const lay = (packet: AudioPacket | undefined) => {
    for (const item of packet === undefined ? axis.end() : axis.push(packet)) {
      if (item.type === 'packet') packets.push({ axis: position, wallMicros: Buffer.from(item.data).readDoubleLE(0) })
      position += item.samples
    }
  }
  for (const { sends, slots, anew } of played) {
    if (anew) ssrc++
    const fromMicros = epochMicros + slot * slotMicros
    if (sends === 'paused') index.pauses.push({ fromMicros, toMicros: fromMicros + slots * slotMicros })
    for (let end = slot + slots; slot < end; slot++) {
      const receiveTimeMicros = epochMicros + slot * slotMicros
      if (sends === 'both' || sends === 'audio') {
        const data = Buffer.alloc(8)
        data.writeDoubleLE(receiveTimeMicros)
        const numbers = { sequenceNumber: sequence++ & 0xffff, rtpTimestamp: (slot * 960 + ssrc * 1e6) % 2 ** 32 }
        lay({ ssrc, ...numbers, receiveTimeMicros, data, samples: 960 })
      }
      if ((sends === 'both' || sends === 'video') && slot % 2 === 0 && identity.mode !== '00') {
        const rtpTimestamp = (slot * 1800 + ssrc * 1e6) % 2 ** 32
        pictures.push({ wallMicros: receiveTimeMicros })
        index.video.push(
          { ssrc: 1000 + ssrc, rtpTimestamp, receiveTimeMicros, bytes: 1, setBytes: 0, config: 0, key: true, leads: false },
          pictures.length,
        )
      }
    }
  }
  lay(undefined)
  const { primingSamples, format } = soundKind(identity)
  const frames = Math.ceil((axis.samples + primingSamples) / format!.samplesPerFrame)
  // The size of a frame tells which one it is, counted from one: one without bytes would be missing.
  for (let frame = 0; frame < frames; frame++) {
    index.audio.sizes.push(frame + 1)
    index.audio.offsets.push(frame)
  }
  const { ssrcs, rtpTimestamps, receiveTimesMicros, keys } = index.video
  const columns = { ssrcs: ssrcs.values, rtpTimestamps: rtpTimestamps.values, keys: keys.values, mayReorder: true }
  const presentation = present({ ...columns, receiveTimesMicros: receiveTimesMicros.values }, axis)!
  const time = fileTime(identity, presentation, index, axis)
  const tracks = identity.mode === '00' ? [] : mp4Tracks(time.inFile, index, soundKind(identity))
  return { ...time, tracks, packets, pictures, axis }
}

/** Time in the file, in seconds, that a table gives for a wall-clock time. */
function mediaAt(times: readonly TimePoint[], wallMicros: number): number {
  const to = Math.max(
    1,
    times.findIndex((point) => point.wallMicros >= wallMicros),
  )
  const [left, right] = [times[to - 1]!, times[to]!]
  const share = (wallMicros - left.wallMicros) / (right.wallMicros - left.wallMicros)
  return left.mediaSeconds + share * (right.mediaSeconds - left.mediaSeconds)
}

/** The same the other way; of a cut the time after it. */
function wallAt(times: readonly TimePoint[], mediaSeconds: number): number {
  const from = Math.min(
    times.length - 2,
    Math.max(
      0,
      times.findLastIndex((point) => point.mediaSeconds <= mediaSeconds),
    ),
  )
  const [left, right] = [times[from]!, times[from + 1]!]
  const share = (mediaSeconds - left.mediaSeconds) / (right.mediaSeconds - left.mediaSeconds)
  return left.wallMicros + share * (right.wallMicros - left.wallMicros)
}

/** When what lies at a place on the axis is heard, in seconds of the file; not a number where its frame was left out. */
function hearing(track: Mp4Track, identity: MediaFileIdentity): (axis: number) => number {
  const sound = soundKind(identity)
  const numbers = new Map(Array.from(track.sizes, (frame, at) => [frame, at]))
  return (axis) => {
    const frame = Math.floor((axis + sound.primingSamples) / sound.format!.samplesPerFrame)
    const start = track.starts[numbers.get(frame + 1) ?? Number.NaN] ?? Number.NaN
    const within = axis - axisOfFrame(noFrames, sound, frame)
    return track.edit.delay / movieTimescale + (start - track.edit.mediaTime + within) / track.timescale
  }
}
const noFrames = new AudioColumns()

/** The largest of some differences; not a number is larger than all. */
const largest = (differences: readonly number[]) =>
  differences.reduce((most, one) => (Math.abs(one) <= most ? most : Number.isNaN(one) ? Infinity : Math.abs(one)), 0)

const shownAt = ({ starts, timescale, edit }: Mp4Track, number: number) =>
  edit.delay / movieTimescale + starts[number]! / timescale

const cutsIn = (times: readonly TimePoint[]): Stretch[] =>
  times.flatMap((point, at) => {
    const before = times[at - 1]
    if (before === undefined || point.mediaSeconds - before.mediaSeconds > 1e-6) return []
    return [{ fromMicros: before.wallMicros, toMicros: point.wallMicros }]
  })

/** How long what is to be taken out lasts, and how much of each stretch may stay. */
function wantedCut(played: readonly Scene[], { gaps, pause, mode }: MediaFileIdentity): { seconds: number; count: number } {
  const merged: { sends: 'something' | 'nothing' | 'paused'; slots: number }[] = []
  for (const { sends, slots } of played) {
    const isNothing = isSilent(sends) || (mode === '00' && sends === 'video')
    const is = sends === 'paused' ? 'paused' : isNothing ? 'nothing' : 'something'
    merged.push({ sends: is, slots })
  }
  let [seconds, count] = [0, 0]
  for (let at = 0; at < merged.length; at++) {
    let end = at
    while (merged[end]?.sends === 'nothing' || merged[end]?.sends === 'paused') end++
    const absence = merged.slice(at, end)
    const total = absence.reduce((sum, { slots }) => sum + slots, 0) * slotMicros
    for (const { sends, slots } of absence) {
      const isCut = sends === 'paused' ? pause === 'Cut' && total >= leastPauseMicros : gaps === 'Cut' && total >= leastGapMicros
      if (isCut) [seconds, count] = [seconds + slots / second, count + 1]
    }
    at = Math.max(at, end - 1)
  }
  return { seconds, count }
}

const rules = fc.record({
  gaps: fc.constantFrom('Keep' as const, 'Cut' as const),
  pause: fc.constantFrom('Silence' as const, 'Cut' as const),
})

function expectTimesRight({ times, mediaSeconds, endMicros, packets, pictures }: Recorded): void {
  expect(times.at(-1)!.mediaSeconds).toBeCloseTo(mediaSeconds, 3)
  expect(Math.abs(times.at(-1)!.wallMicros - endMicros)).toBeLessThan(1000)
  // The middle of what was sent, which no cut touches.
  const middles = [...packets, ...pictures].map(({ wallMicros }) => wallMicros + slotMicros / 2)
  expect(largest(middles.map((middle) => wallAt(times, mediaAt(times, middle)) - middle))).toBeLessThan(2)
}

/** All that is random prints its seed when it fails. */
describe('a file of which time was taken out', { timeout: 60_000 }, () => {
  it('lasts as long as its user sent, shows and plays all of it at the time its table says, in step (300 cases)', () => {
    fc.assert(
      fc.property(scenes, rules, (played, rules) => {
        const identity = identityOf('02', rules)
        const recorded = record(identity, played)
        const { tracks, times, packets, pictures } = recorded
        expectTimesRight(recorded)
        const whole = played.reduce((sum, { slots }) => sum + slots, 0) / second
        const wanted = wantedCut(played, identity)
        // Silence of 20 ms on both sides of each, and what is left of a frame; the last picture is shown for 40 ms.
        expect(recorded.mediaSeconds).toBeGreaterThan(whole - wanted.seconds - 0.05)
        expect(recorded.mediaSeconds).toBeLessThan(whole - wanted.seconds + 0.1 * wanted.count + 0.05)
        const [video, audio] = [tracks.find(({ kind }) => kind === 'video')!, tracks.find(({ kind }) => kind === 'audio')!]
        const shown = pictures.map(({ wallMicros }, number) => shownAt(video, number) - mediaAt(times, wallMicros))
        expect(largest(shown)).toBeLessThan(0.001)
        const hear = hearing(audio, identity)
        const heard = packets.map(({ axis, wallMicros }) => hear(axis) - mediaAt(times, wallMicros))
        expect(largest(heard)).toBeLessThan(0.01)
      }),
      { numRuns: 300 },
    )
  })

  it('is MP3 of as much sound as was sent, and its table leads to each packet (300 cases)', () => {
    fc.assert(
      fc.property(scenes, rules, (played, rules) => {
        const identity = identityOf('00', rules)
        const recorded = record(identity, played)
        expectTimesRight(recorded)
        const whole = played.reduce((sum, { slots }) => sum + slots, 0) / second
        const wanted = wantedCut(played, identity)
        expect(recorded.mediaSeconds).toBeGreaterThan(whole - wanted.seconds - 0.05)
        expect(recorded.mediaSeconds).toBeLessThan(whole - wanted.seconds + 0.05 * wanted.count + 0.05)
        const off = recorded.packets.map(({ axis, wallMicros }) => axis / 48_000 - mediaAt(recorded.times, wallMicros))
        expect(largest(off)).toBeLessThan(0.002)
      }),
      { numRuns: 300 },
    )
  })

  it('has two points of one time for each cut, and nothing that was sent lies between them', () => {
    const played: Scene[] = [
      { sends: 'both', slots: 100, anew: false },
      { sends: 'nothing', slots: 500, anew: false },
      { sends: 'both', slots: 100, anew: true },
      { sends: 'paused', slots: 250, anew: false },
      { sends: 'video', slots: 100, anew: false },
    ]
    const { times, mediaSeconds } = record(identityOf('02', {}), played)
    const cuts = cutsIn(times).map(({ fromMicros, toMicros }) => [fromMicros, toMicros].map((at) => (at - epochMicros) / 1e6))
    expect(cuts).toEqual([
      [expect.closeTo(2.04, 1), expect.closeTo(11.96, 1)],
      [expect.closeTo(14.04, 1), expect.closeTo(19, 1)],
    ])
    expect(mediaSeconds).toBeCloseTo(6, 0)
  })
})
