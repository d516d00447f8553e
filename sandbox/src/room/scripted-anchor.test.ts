import { beforeEach, describe, expect, it } from 'vitest'
import type { ClipSource } from './clip-source.ts'
import { Downlink } from './downlink.ts'
import { Impairments } from './impairments.ts'
import { ScriptedAnchor } from './scripted-anchor.ts'
import { Subscription } from './subscription.ts'
import { RecordingSink } from './testing/recording-sink.ts'

const epochMillis = 1_800_000_000_000
const ssrcs = { audio: 1, video: 2, aux: 3 }

/** Ten frames a second, a key frame each second; a payload tells track, clip and number. */
const videoSource = (track: 'video' | 'aux', key = 'clip'): ClipSource => ({
  track,
  key,
  intervalMillis: 100,
  clockHz: 90_000,
  clipFrames: 20,
  encoderMillis: 0,
  codec: 'h264',
  shownAs: (n) => n,
  packetsOf: (n) => ({ payloads: [Buffer.from(`${track} ${key} ${n}`)], key: n % 10 === 0 }),
  nextKey: (n) => Math.ceil(n / 10) * 10,
})
const audioSource: ClipSource = {
  track: 'audio',
  key: 'sound',
  intervalMillis: 20,
  clockHz: 48_000,
  clipFrames: 0,
  encoderMillis: 0,
  codec: 'opus',
  shownAs: (n) => n,
  packetsOf: (n) => ({ payloads: [Buffer.from(`audio ${n}`)], key: true }),
  nextKey: (n) => n,
}

/** The same of an encoder that makes a key frame at every other picture if it is asked for one. */
const obliging = (track: 'video' | 'aux'): ClipSource => ({
  ...videoSource(track),
  packetsOf: (n, keyFrom) => {
    const key = n % 10 === 0 || n === keyFrom
    return { payloads: [Buffer.from(key ? `key ${n}` : `${n}`)], key }
  },
  nextKey: (n) => Math.ceil(n / 2) * 2,
})

let anchor: ScriptedAnchor
let sink: RecordingSink
let subscription: Subscription
beforeEach(() => {
  anchor = new ScriptedAnchor({ userId: 'alice', tinyId: '1', epochMillis })
  sink = new RecordingSink()
  subscription = new Subscription(anchor, new Downlink(sink, { opus: 111, h264: 108, vp8: undefined }, new Impairments()), ssrcs)
})
const at = (seconds: number) => epochMillis + seconds * 1000
const play = (seconds: number, ...sources: ClipSource[]) => {
  anchor.play(sources, at(seconds))
  subscription.sync()
}
const want = (...tracks: ('audio' | 'video' | 'aux')[]) => subscription.want(new Set(tracks))
const of = (ssrc: number) => sink.packets.filter((packet) => packet.ssrc === ssrc)
const spans = (track: string) => anchor.sent().flatMap((span) => (span.track === track ? [[span.first, span.last]] : []))

describe('a scripted anchor', () => {
  it('begins with a key frame and sends what is due, at the RTP time that belongs to its number', () => {
    play(0.95, videoSource('video'), audioSource)
    want('audio', 'video')
    anchor.tick(at(1.25))
    expect(of(ssrcs.video).map(({ payload }) => payload)).toEqual(['video clip 10', 'video clip 11', 'video clip 12'])
    expect(of(ssrcs.audio)).toHaveLength(15) // 48..62
    const [first, second] = of(ssrcs.video)
    expect((second!.timestamp - first!.timestamp) >>> 0).toBe(9000)
    const sound = of(ssrcs.audio)
    expect((sound[14]!.timestamp - sound[0]!.timestamp) >>> 0).toBe(14 * 960)
  })

  it('makes a key frame where it is asked for one and its clip has one, but no two within 300 ms', () => {
    play(0.95, obliging('video'))
    want('video')
    const sent = (seconds: number) => {
      anchor.tick(at(seconds))
      return of(ssrcs.video).map(({ payload }) => payload)
    }
    expect(sent(1.25)).toEqual(['key 10', '11', '12'])
    anchor.requestKeyFrame('video')
    expect(sent(1.55).slice(3)).toEqual(['13', 'key 14', '15'])
    anchor.requestKeyFrame('video')
    expect(sent(1.85).slice(6)).toEqual(['16', '17', '18'])
    anchor.requestKeyFrame('video')
    expect(sent(2.15).slice(9)).toEqual(['19', 'key 20', '21'])
    anchor.requestKeyFrame('video')
    expect(sent(2.55).slice(12)).toEqual(['22', '23', '24', '25'])
    anchor.requestKeyFrame('video')
    expect(sent(2.85).slice(16)).toEqual(['key 26', '27', '28'])
  })

  it('begins at once, after mute too, where its clip has a key frame there', () => {
    play(0.35, obliging('video'))
    want('video')
    anchor.tick(at(0.6))
    anchor.muted.add('video')
    anchor.tick(at(0.9))
    anchor.muted.delete('video')
    anchor.tick(at(1.35))
    expect(of(ssrcs.video).map(({ payload }) => payload)).toEqual(['key 4', '5', '6', 'key 10', '11', '12', '13'])
  })

  it('sends nothing twice and nothing early', () => {
    play(0, videoSource('video'))
    want('video')
    for (const seconds of [0.99, 1, 1, 1.05, 1.1]) anchor.tick(at(seconds))
    expect(of(ssrcs.video).map(({ payload }) => payload)).toEqual(['video clip 10', 'video clip 11'])
  })

  it('tells what it sent, whether somebody listened or not', () => {
    play(0, videoSource('video'))
    anchor.tick(at(2.3))
    expect(anchor.sent()).toEqual([{ track: 'video', epochMillis, intervalMillis: 100, first: 10, last: 23, clipFrames: 20 }])
  })

  it('sends nothing of a muted track, and begins with a key frame after it', () => {
    play(0, videoSource('video'), audioSource)
    want('audio', 'video')
    anchor.tick(at(1.2))
    anchor.muted.add('video')
    const soundBefore = of(ssrcs.audio).length
    anchor.tick(at(1.5))
    expect(of(ssrcs.video)).toHaveLength(3)
    expect(of(ssrcs.audio).length).toBe(soundBefore + 15)
    anchor.muted.delete('video')
    anchor.tick(at(2.1))
    expect(spans('video')).toEqual([
      [10, 12],
      [20, 21],
    ])
    expect(of(ssrcs.video).at(-2)).toMatchObject({ payload: 'video clip 20', sequenceNumber: 4 })
  })

  it('sends to a subscriber only what it asked for', () => {
    play(0, videoSource('video'), audioSource, videoSource('aux'))
    want('video')
    anchor.tick(at(1.1))
    expect(new Set(sink.packets.map(({ ssrc }) => ssrc))).toEqual(new Set([ssrcs.video]))
    want('audio')
    sink.packets.length = 0
    anchor.tick(at(2.1))
    expect(new Set(sink.packets.map(({ ssrc }) => ssrc))).toEqual(new Set([ssrcs.audio]))
    subscription.close()
    sink.packets.length = 0
    anchor.tick(at(3.1))
    expect(sink.packets).toEqual([])
  })

  it('adds and takes away a track while the others go on without a gap', () => {
    play(0, videoSource('video'), audioSource)
    want('audio', 'video', 'aux')
    anchor.tick(at(1.5))
    play(1.5, videoSource('video'), audioSource, videoSource('aux'))
    expect([...anchor.publishes]).toEqual(['video', 'audio', 'aux'])
    anchor.tick(at(2.2))
    play(2.2, videoSource('video'), audioSource)
    anchor.tick(at(3))
    expect(spans('video')).toEqual([[10, 30]])
    expect(spans('audio')).toEqual([[1, 150]])
    expect(spans('aux')).toEqual([[20, 22]])
    expect(of(ssrcs.video).map(({ sequenceNumber }) => sequenceNumber)).toEqual(Array.from({ length: 21 }, (_, i) => i + 1))
    expect(of(ssrcs.aux).map(({ payload }) => payload)).toEqual(['aux clip 20', 'aux clip 21', 'aux clip 22'])
  })

  it('plays another clip to the same subscribers: sequence numbers and RTP time go on', () => {
    play(0, videoSource('video'))
    want('video')
    anchor.tick(at(1.4))
    play(1.4, videoSource('video', 'other'))
    anchor.tick(at(2))
    expect(
      of(ssrcs.video)
        .map(({ payload, sequenceNumber }) => [sequenceNumber, payload])
        .slice(-2),
    ).toEqual([
      [5, 'video clip 14'],
      [6, 'video other 20'],
    ])
    const [before, after] = of(ssrcs.video).slice(-2)
    expect((after!.timestamp - before!.timestamp) >>> 0).toBe(6 * 9000)
    expect(spans('video')).toEqual([
      [10, 14],
      [20, 20],
    ])
  })

  it('stands still with its clocks, and goes on where it stopped', () => {
    play(0, videoSource('video'))
    want('video')
    anchor.tick(at(1.25))
    anchor.standStill(10)
    anchor.tick(at(11.2))
    expect(of(ssrcs.video)).toHaveLength(3)
    anchor.tick(at(11.35))
    const [, , before, after] = of(ssrcs.video)
    expect(after).toMatchObject({ payload: 'video clip 13', sequenceNumber: 4, timestamp: (before!.timestamp + 9000) >>> 0 })
    expect(anchor.sent().map(({ epochMillis: epoch, first, last }) => [epoch - epochMillis, first, last])).toEqual([
      [0, 10, 12],
      [10_000, 13, 13],
    ])
  })

  it('rests with its camera while its clock runs on, and goes on with a key frame', () => {
    play(0, videoSource('video'))
    want('video')
    anchor.tick(at(1.25))
    anchor.restCamera(10)
    anchor.tick(at(11.95))
    expect(of(ssrcs.video)).toHaveLength(3)
    anchor.tick(at(12.05))
    const [, , before, after] = of(ssrcs.video)
    expect(after).toMatchObject({ payload: 'video clip 20', timestamp: (before!.timestamp + 972_000) >>> 0 })
  })

  it('jumps ahead with its clocks, but for what was taken before', () => {
    const order = [0, 3, 1, 2]
    play(0, { ...videoSource('video'), encoderMillis: 200, shownAs: (n) => n - (n % 4) + order[n % 4]! })
    want('video')
    anchor.tick(at(1.4)) // 10 to 12, the last of which begins four anew
    anchor.tick(at(1.5)) // 13, shown as 15
    anchor.jumpClock(3600)
    anchor.tick(at(1.9))
    const sent = of(ssrcs.video).slice(2)
    const since = sent.map(({ timestamp }) => ((timestamp - sent[0]!.timestamp) | 0) / 9000)
    expect(since).toEqual([0, 3, 1, 2, 36_004, 36_007])
  })

  it('has clocks that run fast and wrap when they are told to', () => {
    anchor = new ScriptedAnchor({ ...{ userId: 'alice', tinyId: '1', epochMillis }, clock: { ppm: 500, wrapsAfterSeconds: 2 } })
    subscription = new Subscription(
      anchor,
      new Downlink(sink, { opus: 111, h264: 108, vp8: undefined }, new Impairments()),
      ssrcs,
    )
    play(0, videoSource('video'))
    want('video')
    anchor.tick(at(4))
    expect(of(ssrcs.video).map(({ timestamp }) => timestamp | 0)).toEqual(
      Array.from({ length: 31 }, (_, n) => Math.round((n - 10) * 9000 * 1.0005)),
    )
  })

  it('sends a frame before those that are shown before it, at its own RTP time', () => {
    const order = [0, 3, 1, 2]
    play(0, { ...videoSource('video'), encoderMillis: 200, shownAs: (n) => n - (n % 4) + order[n % 4]! })
    want('video')
    anchor.tick(at(2.55))
    const [first, ...others] = of(ssrcs.video).slice(10)
    expect(first!.payload).toBe('video clip 20')
    expect(others.map(({ timestamp }) => ((timestamp - first!.timestamp) >>> 0) / 9000)).toEqual([3, 1, 2])
  })
})
