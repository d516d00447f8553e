import { mkdir, mkdtemp, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { seeded } from '../../media/testing/sender.ts'
import type { StoredVideoConfig } from '../../media/video-codec.ts'
import type { LiveEvent, LiveSource } from '../part.ts'
import { Attempt, Bucket } from './testing/attempt.ts'
import type { ReadPlaylist } from './testing/read-playlist.ts'

const epochMicros = Date.UTC(2026, 10, 26, 14) * 1000
/** A sequence and a picture parameter set of 320x180, baseline. */
const units = ['6742c00ddb05067e7840000003004000000c83c50ab8', '68ca8f20'].map((hex) => Uint8Array.from(Buffer.from(hex, 'hex')))
const h264: StoredVideoConfig = { codec: 'h264', width: 320, height: 180, units, number: 0 }
const larger: StoredVideoConfig = { ...h264, width: 640, height: 360, number: 1 }
const vp8: StoredVideoConfig = { codec: 'vp8', width: 320, height: 180, units: [], number: 0 }
const file = '1400000001_101_YWxpY2U_main_20261126140000000.mp4'
const folder = 'lessons/maths.YWxpY2U.main.hls'

const source: LiveSource = { id: 1, userId: 'alice', stream: 'main', attempt: 1, file }
/** The same user in the next attempt. */
const later: LiveSource = { ...source, attempt: 2, file: file.replace('20261126140000000', '20261126140020000') }

/** What is told of some seconds of somebody: ten pictures a second, a key frame every other second, and sound. */
function* told(seconds: number, { from = 0, config = h264, sound = true, of = source } = {}): Generator<LiveEvent> {
  for (let tenth = from * 10; tenth < (from + seconds) * 10; tenth++) {
    const ptsMicros = epochMicros + tenth * 100_000
    const picture = { data: Buffer.alloc(50, tenth), parameterSets: Buffer.of(), key: tenth % 20 === 0, config, ptsMicros }
    yield { type: 'picture', source: of, picture }
    for (let packet = 0; sound && packet < 5; packet++) {
      const data = Uint8Array.of(31 << 3, tenth, packet)
      yield { type: 'sound', source: of, sound: { is: 'packet', data, samples: 960, ptsMicros: ptsMicros + packet * 20_000 } }
    }
    yield { type: 'reached', source: of, micros: ptsMicros }
  }
}

/** What is played beside each other is of the same count of discontinuities, as players go by it. */
function expectInStep(video: ReadPlaylist, audio: ReadPlaylist): void {
  for (const { startMillis, seconds, discontinuitySequence } of video.segments) {
    const middle = startMillis + seconds * 500
    const beside = audio.segments.find((one) => one.startMillis <= middle && middle < one.startMillis + one.seconds * 1000)
    if (beside !== undefined) expect(beside.discontinuitySequence).toBe(discontinuitySequence)
  }
}

const newVolume = async () => mkdtemp(join(tmpdir(), 'hls-'))
const gaps = ({ segments }: ReadPlaylist) => segments.flatMap(({ isGap, sequence }) => (isGap ? [sequence] : []))

describe('HLS of a user', () => {
  test('is made of whom and what is meant', async () => {
    const { part } = new Attempt(new Bucket(), await newVolume(), 1, undefined, {
      ...{ users: { include: ['host_.*$'], exclude: ['host_2'] }, streams: ['main'] },
    })
    expect(part.wants({ userId: 'host_1', stream: 'main' })).toEqual(['audio', 'video'])
    for (const userId of ['host_2', 'guest']) expect(part.wants({ userId, stream: 'main' })).toEqual([])
    expect(part.wants({ userId: 'host_1', stream: 'aux' })).toEqual([])
    await part.end()
  })

  test('asks for a key frame where none came for as long as a segment is meant to be, and not before', async () => {
    const attempt = new Attempt(new Bucket(), await newVolume(), 1)
    attempt.part.on({ type: 'opened', source })
    for (const event of told(2)) attempt.part.on(event)
    expect(attempt.asked).toEqual([])
    for (const event of told(2, { from: 2 })) {
      attempt.part.on(event.type === 'picture' ? { ...event, picture: { ...event.picture, key: false } } : event)
    }
    expect(new Set(attempt.asked)).toEqual(new Set([source.id]))
    attempt.part.on({ type: 'closed', source })
    await attempt.end()
  })

  test('asks for a key frame where it begins without one, as a sender that makes none but recovery points does', async () => {
    const attempt = new Attempt(new Bucket(), await newVolume(), 1)
    attempt.part.on({ type: 'opened', source })
    for (const event of told(1)) {
      attempt.part.on(event.type === 'picture' ? { ...event, picture: { ...event.picture, key: false } } : event)
    }
    expect(new Set(attempt.asked)).toEqual(new Set([source.id]))
    attempt.part.on({ type: 'closed', source })
    await attempt.end()
  })

  test('is two playlists and one that names them, for the file and for whoever watches the user', async () => {
    const bucket = new Bucket()
    const directory = await newVolume()
    const attempt = new Attempt(bucket, directory, 1)
    attempt.part.on({ type: 'opened', source })
    for (const event of told(7)) attempt.part.on(event)
    attempt.part.on({ type: 'closed', source })
    const { counts, losses } = await attempt.end()
    expect(bucket.problems).toEqual([])
    expect([losses, counts]).toEqual([[], [{ part: 'hls', stored: 10, waiting: 0, lost: 0 }]])
    for (const name of ['video', 'audio']) {
      const { isEnded, segments } = bucket.playlists.get(`${folder}/20261126140000000/${name}.m3u8`)!
      expect(isEnded).toBe(true)
      expect(segments.map(({ seconds }) => seconds)).toEqual([2, 2, 2, 1].map((length) => expect.closeTo(length, 1)))
    }
    const text = bucket.objects.get(`${folder}/20261126140000000/index.m3u8`)!.data.toString()
    expect(text).toMatch(
      /URI="audio\.m3u8"\n#EXT-X-STREAM-INF:BANDWIDTH=\d+,CODECS="avc1\.42c00d,opus",RESOLUTION=320x180,AUDIO="sound"\nvideo\.m3u8\n$/,
    )
    const latest = bucket.objects.get(`${folder}/index.m3u8`)!
    expect(latest.data.toString()).toContain('\n20261126140000000/video.m3u8\n')
    expect(latest.cacheControl).toBe('no-cache')
    // Once, when there is something to play.
    expect(attempt.told).toEqual([
      [
        ...['playlistStored', `${folder}/20261126140000000/index.m3u8`],
        ...[expect.stringMatching(/^2026-11-26T1(3:59:59\.9|4:00:00\.0)/), expect.stringMatching(/^2026-11-26T14:00:0[2-7]/)],
      ],
    ])
    expect(bucket.objects.get(`${folder}/20261126140000000/video-00001.m4s`)!.cacheControl).toContain('immutable')
    expect((await readdir(directory)).filter((name) => name.includes('.hls.'))).toEqual([])
  })

  test('has of pictures that HLS does not know their sound, and the ledger says so', async () => {
    const bucket = new Bucket()
    const attempt = new Attempt(bucket, await newVolume(), 1)
    attempt.part.on({ type: 'opened', source })
    for (const event of told(3, { config: vp8 })) attempt.part.on(event)
    const { losses } = await attempt.end()
    expect(losses).toMatchObject([
      { reason: 'LiveOutputLost', medium: 'video', detail: 'hls: pictures are vp8, and HLS has those of H.264 only' },
    ])
    expect(bucket.objects.get(`${folder}/index.m3u8`)!.data.toString()).toMatch(
      /CODECS="opus"\n20261126140000000\/audio\.m3u8\n$/,
    )
  })

  test('names a segment that COS did not take as a gap, and goes on', async () => {
    const bucket = new Bucket()
    bucket.refuses = (key) => key.endsWith('video-00002.m4s')
    const attempt = new Attempt(bucket, await newVolume(), 1)
    attempt.part.on({ type: 'opened', source })
    for (const event of told(7)) attempt.part.on(event)
    const { losses } = await attempt.end()
    expect(bucket.problems).toEqual([])
    expect(gaps(bucket.playlists.get(`${folder}/20261126140000000/video.m3u8`)!)).toEqual([1])
    expect(losses).toMatchObject([{ medium: 'video', from: '2026-11-26T14:00:02.000Z', to: '2026-11-26T14:00:04.000Z' }])
  })

  test('ends what is open when the recording is paused, stands still, and goes on with silence and the last key frame for the pause', async () => {
    const bucket = new Bucket()
    const attempt = new Attempt(bucket, await newVolume(), 1)
    attempt.part.on({ type: 'opened', source })
    for (const event of told(3)) attempt.part.on(event)
    attempt.part.on({ type: 'paused', source })
    attempt.part.on({ type: 'resumed', source, micros: 0 })
    for (const event of told(3, { from: 10 })) attempt.part.on(event)
    await attempt.end()
    expect(bucket.problems).toEqual([])
    const { segments } = bucket.playlists.get(`${folder}/20261126140000000/video.m3u8`)!
    expect(segments.map(({ seconds }) => seconds)).toEqual([2, 1, 2, 2, 2, 1, 2, 1].map((length) => expect.closeTo(length, 1)))
  })

  test('of a recorder that is killed at random names only what is in COS, and is ended by the next attempt', async () => {
    const random = seeded(9)
    for (let run = 0; run < 12; run++) {
      const bucket = new Bucket()
      bucket.delay = () => Math.floor(random() * 30)
      const directory = await newVolume()
      const killed = new Attempt(bucket, directory, 1, random)
      killed.part.on({ type: 'opened', source })
      const until = Math.floor(random() * 60)
      let tenths = 0
      for (const event of told(12)) {
        killed.part.on(event)
        if (event.type !== 'reached') continue
        if (tenths++ === until) break
        for (let turns = Math.floor(random() * 40); turns > 0; turns--) await setImmediate()
      }
      killed.life.isOver = true
      for (let turns = 0; turns < 200; turns++) await setImmediate()
      const { losses } = await new Attempt(bucket, directory, 2).end()
      expect(bucket.problems, `run ${run}`).toEqual([])
      for (const { isEnded } of bucket.playlists.values()) expect(isEnded, `run ${run}`).toBe(true)
      for (const { reason, detail } of losses)
        expect([reason, detail]).toEqual(['LiveOutputLost', expect.stringMatching(/^hls: /)])
    }
  })

  test('of a recorder that was killed goes on in the next attempt as the same playlists, from an EXT-X-DISCONTINUITY on', async () => {
    const bucket = new Bucket()
    const directory = await newVolume()
    const killed = new Attempt(bucket, directory, 1)
    killed.part.on({ type: 'opened', source })
    for (const event of told(5)) killed.part.on(event)
    const playlists = () => ['video', 'audio'].map((name) => bucket.playlists.get(`${folder}/20261126140000000/${name}.m3u8`))
    await expect.poll(() => playlists().map((one) => one?.segments.length)).toEqual([2, 2])
    killed.life.isOver = true
    const next = new Attempt(bucket, directory, 2)
    next.part.on({ type: 'opened', source: later })
    for (const event of told(5, { from: 20, of: later })) next.part.on(event)
    next.part.on({ type: 'closed', source: later })
    await next.end()
    expect(bucket.problems).toEqual([])
    expect(bucket.playlists.size).toBe(2)
    for (const playlist of playlists()) {
      const { isEnded, segments } = playlist!
      expect(isEnded).toBe(true)
      expect(segments.map(({ discontinuitySequence }) => discontinuitySequence)).toEqual([0, 0, 1, 1, 1])
      const seconds = segments.map(({ startMillis }) => startMillis / 1000 - epochMicros / 1_000_000)
      expect(seconds).toEqual([0, 2, 20, 22, 24].map((second) => expect.closeTo(second, 1)))
    }
    expect(bucket.objects.get(`${folder}/index.m3u8`)!.data.toString()).toContain('\n20261126140000000/video.m3u8\n')
    expect((await readdir(directory)).filter((name) => name.includes('.hls.'))).toEqual([])
  })

  test('of a recorder that is killed at random goes on where the next attempt finds the user, with the two in step', async () => {
    const random = seeded(11)
    for (let run = 0; run < 12; run++) {
      const bucket = new Bucket()
      bucket.delay = () => Math.floor(random() * 30)
      const directory = await newVolume()
      const killed = new Attempt(bucket, directory, 1, random)
      killed.part.on({ type: 'opened', source })
      const until = Math.floor(random() * 120)
      const hasSound = random() < 0.7
      let tenths = 0
      for (const event of [...told(6, { sound: hasSound }), ...told(6, { from: 6, config: larger, sound: hasSound })]) {
        killed.part.on(event)
        if (event.type !== 'reached') continue
        if (tenths++ === until) break
        for (let turns = Math.floor(random() * 40); turns > 0; turns--) await setImmediate()
      }
      killed.life.isOver = true
      for (let turns = 0; turns < 200; turns++) await setImmediate()
      const before = [...bucket.playlists.values()]
      const next = new Attempt(bucket, directory, 2)
      next.part.on({ type: 'opened', source: later })
      for (const event of told(5, { from: 20, of: later, sound: !hasSound || random() < 0.7 })) next.part.on(event)
      for (const event of told(5, { from: 25, of: later, config: larger })) next.part.on(event)
      next.part.on({ type: 'closed', source: later })
      const { losses } = await next.end()
      expect(bucket.problems, `run ${run}`).toEqual([])
      for (const { isEnded } of bucket.playlists.values()) expect(isEnded, `run ${run}`).toBe(true)
      for (const { reason, detail } of losses)
        expect([reason, detail]).toEqual(['LiveOutputLost', expect.stringMatching(/^hls: /)])
      const latest = bucket.objects.get(`${folder}/index.m3u8`)!.data.toString()
      const [, at] = /^(\d+)\/video\.m3u8$/m.exec(latest)!
      const [video, audio] = ['video', 'audio'].map((name) => bucket.playlists.get(`${folder}/${at}/${name}.m3u8`)!)
      expect(video!.segments.at(-1)!.startMillis, `run ${run}`).toBeGreaterThan(epochMicros / 1000 + 27_000)
      expectInStep(video!, audio!)
      if (before.length === 0) continue
      expect(at).toBe('20261126140000000')
      expect(bucket.playlists.size, `run ${run}`).toBe(2)
    }
  })

  test('of an attempt before that cannot be read are in the ledger by the name of their journal', async () => {
    const directory = await newVolume()
    await mkdir(join(directory, 'alice.mp4.hls.jsonl'))
    const next = new Attempt(new Bucket(), directory, 2)
    expect((await next.end()).losses).toMatchObject([{ reason: 'DiskDamaged', detail: expect.stringContaining('all lines of') }])
  })

  test('that COS does not take at the end are in the ledger: whoever plays them waits', async () => {
    const bucket = new Bucket()
    bucket.refuses = (name) => name.endsWith('.m3u8')
    const attempt = new Attempt(bucket, await newVolume(), 1)
    attempt.part.on({ type: 'opened', source })
    for (const event of told(5)) attempt.part.on(event)
    const { losses } = await attempt.end()
    expect(losses.filter(({ detail }) => detail.includes('are not ended'))).toMatchObject([
      { userId: source.userId, reason: 'LiveOutputLost', detail: expect.stringContaining('COS did not take them') },
    ])
  })

  describe('of a recorder that was killed', () => {
    afterEach(() => vi.useRealTimers())

    test('waits a minute for the user to come back, and is then ended: whoever comes later has playlists of their own', async () => {
      const bucket = new Bucket()
      const directory = await newVolume()
      const killed = new Attempt(bucket, directory, 1)
      killed.part.on({ type: 'opened', source })
      for (const event of told(5)) killed.part.on(event)
      const left = () => bucket.playlists.get(`${folder}/20261126140000000/video.m3u8`)
      await expect.poll(() => left()?.segments.length).toBe(2)
      killed.life.isOver = true
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      const next = new Attempt(bucket, directory, 2)
      await vi.advanceTimersByTimeAsync(59_999)
      for (let turns = 0; turns < 200; turns++) await setImmediate()
      expect(left()!.isEnded).toBe(false)
      await vi.advanceTimersByTimeAsync(1)
      vi.useRealTimers()
      await expect.poll(() => left()!.isEnded).toBe(true)
      next.part.on({ type: 'opened', source: later })
      for (const event of told(5, { from: 90, of: later })) next.part.on(event)
      await next.end()
      expect(bucket.problems).toEqual([])
      expect(left()!.segments.map(({ sequence }) => sequence)).toEqual([0, 1])
      expect(bucket.playlists.get(`${folder}/20261126140020000/video.m3u8`)!.isEnded).toBe(true)
      expect(bucket.objects.get(`${folder}/index.m3u8`)!.data.toString()).toContain('\n20261126140020000/video.m3u8\n')
    })
  })
})
