import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { opusSamples } from '../../media/opus.ts'
import { pictureReader } from '../../media/read-picture.ts'
import { type Clip, makeClip } from '../../media/testing/clip.ts'
import { machineProgram } from '../../media/testing/machine-program.ts'
import { newDirectory } from '../../media/testing/new-directory.ts'
import { epochMicros, send } from '../../media/testing/sender.ts'
import type { StoredVideoConfig } from '../../media/video-codec.ts'
import type { EncodedFrame } from '../../tap/frame.ts'
import type { LiveEvent, LiveSource } from '../part.ts'
import { Publisher } from './publisher.ts'
import { Attempt, Bucket as StrictBucket } from './testing/attempt.ts'
import { FramesPackaged } from './testing/package-clip.ts'
import { playHls } from './testing/play-hls.ts'
import { mayBecome, type ReadPlaylist, readMediaPlaylist } from './testing/read-playlist.ts'

const run = promisify(execFile)
const lengths = { targetSeconds: 1, mostSeconds: 2 }
let clip: Clip
let small: Clip
beforeAll(async () => {
  clip = await makeClip({ seconds: 6, size: '320x180' })
  small = await makeClip({ seconds: 6, size: '160x96' })
})

/** What is in a bucket: objects by their names, playlists with everything they ever said. */
class Bucket {
  readonly objects = new Map<string, Buffer>()
  readonly #playlists = new Map<string, ReadPlaylist>()
  readonly #publisher = new Publisher({
    ...{ type: 'Event', targetDurationSeconds: lengths.mostSeconds },
    folder: 'alice',
    journal: async () => {},
    onPlayable: () => {},
    putLatest: async () => true,
    putPlaylist: async (name, text) => {
      if (name !== 'index.m3u8') this.#check(name, readMediaPlaylist(text))
      this.objects.set(name, Buffer.from(text))
      return true
    },
  })
  readonly packaged = new FramesPackaged(lengths, (objects) => {
    for (const { data, ...object } of objects) {
      this.objects.set(object.uri, data)
      this.#publisher.add({ ...object, stored: Promise.resolve(true) })
    }
  })

  async end(): Promise<void> {
    this.packaged.end()
    await this.#publisher.end()
  }

  playlist(name: string): ReadPlaylist {
    return this.#playlists.get(name)!
  }

  #check(name: string, playlist: ReadPlaylist): void {
    const before = this.#playlists.get(name)
    if (before !== undefined) mayBecome(before, playlist)
    for (const { uri, map } of playlist.segments) expect([uri, map].every((one) => this.objects.has(one))).toBe(true)
    this.#playlists.set(name, playlist)
  }
}

async function bucketOf(frames: readonly EncodedFrame[]): Promise<Bucket> {
  const bucket = new Bucket()
  for (const frame of frames) bucket.packaged.push(frame)
  await bucket.end()
  return bucket
}

async function onDisk({ objects }: Bucket): Promise<string> {
  const directory = await newDirectory()
  await mkdir(directory, { recursive: true })
  for (const [name, data] of objects) await writeFile(join(directory, name), data)
  return directory
}

/** What the parts of a recorder are told of these frames. */
function* toldOf(source: LiveSource, frames: readonly EncodedFrame[]): Generator<LiveEvent> {
  let config: StoredVideoConfig | undefined
  for (const { kind, mimeType, data, receiveTimeMicros: ptsMicros } of frames) {
    if (kind === 'audio') {
      yield { type: 'sound', source, sound: { is: 'packet', data, samples: opusSamples(data), ptsMicros } }
    } else {
      const read = pictureReader(mimeType)!.read(data, config)
      if (read.config !== undefined) config = { ...read.config, number: 0 }
      const { key, parameterSets } = read
      yield { type: 'picture', source, picture: { data: read.data, parameterSets, key, config: config!, ptsMicros } }
    }
    yield { type: 'reached', source, micros: ptsMicros }
  }
}

/** Pictures and samples as ffmpeg decodes them: their times in seconds. */
async function decoded(path: string, stream: 'v' | 'a'): Promise<number[]> {
  const muxer = ['-map', `0:${stream}`, '-fps_mode', 'passthrough', '-copyts', '-f', 'framecrc', '-']
  const { stdout, stderr } = await run(machineProgram('ffmpeg'), ['-v', 'warning', '-i', path, ...muxer])
  expect(stderr).toBe('')
  const timebase = /#tb 0: (\d+)\/(\d+)/.exec(stdout)!
  const tick = Number(timebase[1]) / Number(timebase[2])
  return stdout.split('\n').flatMap((line) => (/^0,/.test(line) ? [Number(line.split(',')[2]) * tick] : []))
}

describe('HLS of one user', () => {
  test('has every picture and packet in one segment, and ffmpeg plays it', async () => {
    const bucket = await bucketOf(send({ clip, from: 0, to: 5, atSeconds: 0 }))
    const directory = await onDisk(bucket)
    const pictures = await decoded(join(directory, 'video.m3u8'), 'v')
    expect(pictures.length).toBe(150)
    expect(Math.max(...pictures.slice(1).map((time, at) => Math.abs(time - pictures[at]! - 1 / 30)))).toBeLessThan(0.002)
    const sound = await decoded(join(directory, 'audio.m3u8'), 'a')
    // A packet of silence in front, without which a decoder takes the first one for far too loud.
    expect(sound.length).toBe(251)
    expect(bucket.playlist('video.m3u8')).toMatchObject({ type: 'EVENT', isEnded: true, targetDuration: 2 })
    expect(bucket.playlist('video.m3u8').segments.map(({ seconds }) => seconds)).toEqual(new Array(5).fill(expect.closeTo(1, 1)))
    expect(bucket.playlist('video.m3u8').segments[0]!.startMillis).toBe(epochMicros / 1000 + 20)
    expect(bucket.objects.get('index.m3u8')!.toString()).toMatch(
      /CODECS="avc1\.[0-9a-f]{6},opus",RESOLUTION=320x180,AUDIO="sound"\nvideo\.m3u8/,
    )
  })

  test('begins anew in both renditions where the pictures become others', async () => {
    const bucket = await bucketOf(send({ clip, from: 0, to: 2.5, atSeconds: 0 }, { clip: small, from: 3, to: 5, atSeconds: 3 }))
    for (const name of ['video.m3u8', 'audio.m3u8']) {
      const { segments } = bucket.playlist(name)
      const other = segments.find(({ discontinuitySequence }) => discontinuitySequence === 1)!
      expect(Math.abs(other.startMillis - epochMicros / 1000 - 3020)).toBeLessThan(22)
      expect(segments.at(-1)!.discontinuitySequence).toBe(1)
    }
    expect(new Set(bucket.playlist('video.m3u8').segments.map(({ map }) => map)).size).toBe(2)
    // What players do at a discontinuity: they begin with its own initialisation section.
    const directory = await newDirectory()
    const parts = Map.groupBy(bucket.playlist('video.m3u8').segments, ({ discontinuitySequence }) => discontinuitySequence)
    for (const [number, segments] of parts) {
      const path = join(directory, `${number}.mp4`)
      await writeFile(
        path,
        Buffer.concat([segments[0]!.map, ...segments.map(({ uri }) => uri)].map((uri) => bucket.objects.get(uri)!)),
      )
      expect((await decoded(path, 'v')).length).toBe([75, 60][number])
    }
  })

  test('is played by hls.js in Chromium while it goes on, and when it is over, through a change of size', async () => {
    const bucket = new Bucket()
    const frames = send(
      { clip, from: 0, to: 2, atSeconds: 0 },
      { clip: small, from: 2, to: 4, atSeconds: 2, kinds: ['video'] },
      { clip, from: 2, to: 4, atSeconds: 2, kinds: ['audio'] },
    )
    let at = 0
    const until = (seconds: number) => {
      for (; at < frames.length && frames[at]!.receiveTimeMicros <= epochMicros + seconds * 1_000_000; at++)
        bucket.packaged.push(frames[at]!)
    }
    until(2)
    let timer: NodeJS.Timeout | undefined
    const goOn = () => {
      const begun = performance.now()
      timer = setInterval(() => {
        const seconds = 2 + (performance.now() - begun) / 1000
        until(seconds)
        if (seconds < 4.2) return
        clearInterval(timer)
        void bucket.end()
      }, 100)
    }
    try {
      const { live, after } = await playHls((name) => {
        if (timer === undefined && name === 'index.m3u8') goOn()
        return bucket.objects.get(name)
      })
      for (const { errors, pictures, isLive } of [live, after]) {
        expect(errors).toEqual([])
        const last = pictures.at(-1)!
        expect(last.time - pictures[0]!.time).toBeGreaterThan(3.5)
        expect([...new Set(pictures.map(({ width }) => width))]).toEqual([320, 160])
        expect(isLive).toBe(pictures === live.pictures)
        // A white picture begins each second of the clip: 20 ms after it was sent. A busy machine shows few of them.
        const white = pictures.slice(1).filter(({ brightness }) => brightness > 150)
        for (const { dateMillis } of white) expect(Math.abs(((dateMillis - epochMicros / 1000) % 1000) - 20)).toBeLessThan(25)
      }
      expect(live.loudMillis.length).toBeGreaterThan(0)
    } finally {
      clearInterval(timer)
    }
  })

  test('is played by hls.js in Chromium on across a kill of the recorder, and when it is over', async () => {
    const file = (name: string) => `1400000001_101_YWxpY2U_main_${name}.mp4`
    const first: LiveSource = { id: 1, userId: 'alice', stream: 'main', attempt: 1, file: file('20261122120000000') }
    const second: LiveSource = { ...first, attempt: 2, file: file('20261122120010000') }
    const bucket = new StrictBucket()
    const directory = await newDirectory()
    await mkdir(directory, { recursive: true })
    const read = (name: string) => bucket.objects.get(`lessons/maths.YWxpY2U.main.hls/${name}`)?.data
    const killed = new Attempt(bucket, directory, 1)
    killed.part.on({ type: 'opened', source: first })
    for (const event of toldOf(first, send({ clip, from: 0, to: 5, atSeconds: 0 }))) killed.part.on(event)
    await expect.poll(() => [...bucket.playlists.values()].map(({ segments }) => segments.length)).toEqual([2, 2])
    killed.life.isOver = true
    // The next recorder sees alice ten seconds later, with a camera of another size, and is there in the middle of a second.
    const frames = send(
      { clip: small, from: 0, to: 5, atSeconds: 14.5, kinds: ['video'] },
      { clip, from: 0, to: 5, atSeconds: 14.5, kinds: ['audio'] },
    )
    const next = new Attempt(bucket, directory, 2)
    let timer: NodeJS.Timeout | undefined
    const goOn = () => {
      next.part.on({ type: 'opened', source: second })
      const events = [...toldOf(second, frames)]
      const begun = performance.now()
      let at = 0
      timer = setInterval(() => {
        const until = epochMicros + 14_500_000 + (performance.now() - begun) * 1000
        for (let event = events[at]; event !== undefined && timeOf(event, 0) <= until; event = events[++at]) next.part.on(event)
        if (at < events.length) return
        clearInterval(timer)
        void next.end()
      }, 100)
    }
    try {
      const { live, after } = await playHls((name) => {
        if (timer === undefined && name === 'index.m3u8') goOn()
        return read(name)
      })
      expect(bucket.problems).toEqual([])
      for (const { errors, pictures, isLive } of [live, after]) {
        expect(errors).toEqual([])
        expect(isLive).toBe(pictures === live.pictures)
        // Four seconds of the killed recorder and five of the next, one behind the other.
        expect(pictures.at(-1)!.time - pictures[0]!.time).toBeGreaterThan(8.5)
        expect([...new Set(pictures.map(({ width }) => width))]).toEqual([320, 160])
        // By their wall clock they are what they are: more than ten seconds apart. hls.js looks a few times a second which segment it is in, and this plays at up to four times the pace.
        const change = pictures.find(({ width }) => width === 160)!.time
        const seconds = (size: number) =>
          pictures
            .filter(({ time, width, dateMillis }) => width === size && dateMillis > 0 && Math.abs(time - change) > 1)
            .map(({ dateMillis }) => dateMillis - epochMicros / 1000)
        expect(Math.max(...seconds(320))).toBeLessThan(4100)
        expect(Math.min(...seconds(160))).toBeGreaterThan(14_400)
        expect(Math.max(...seconds(160))).toBeGreaterThan(19_200)
      }
      const loud = live.loudMillis.map((millis) => millis - epochMicros / 1000)
      expect(loud.some((millis) => millis < 4100)).toBe(true)
      expect(loud.some((millis) => millis > 14_400)).toBe(true)
    } finally {
      clearInterval(timer)
    }
  })

  test('is played by hls.js in Chromium while its window slides: over a mute, a change of size and a kill of the recorder, and what is left when it is over', async () => {
    const file = (name: string) => `1400000001_101_YWxpY2U_main_${name}.mp4`
    const first: LiveSource = { id: 1, userId: 'alice', stream: 'main', attempt: 1, file: file('20261122120000000') }
    const second: LiveSource = { ...first, attempt: 2, file: file('20261122120018000') }
    const bucket = new StrictBucket()
    const directory = await newDirectory()
    await mkdir(directory, { recursive: true })
    const folder = 'lessons/maths.YWxpY2U.main.hls'
    // Segments of a second, and a window of twelve: all of it goes by twice.
    const sliding = { playlist: 'Live', seconds: 1 } as const
    const before = send(
      { clip, from: 0, to: 6, atSeconds: 0 },
      { clip: small, from: 0, to: 6, atSeconds: 6, kinds: ['video'] },
      // Muted for four seconds.
      { clip, from: 4, to: 6, atSeconds: 10, kinds: ['audio'] },
      { clip: small, from: 0, to: 3, atSeconds: 12 },
    )
    const after = send(
      { clip: small, from: 0, to: 6, atSeconds: 18 },
      { clip: small, from: 0, to: 6, atSeconds: 24 },
      { clip: small, from: 0, to: 6, atSeconds: 30 },
    )
    const attempts = [
      { source: first, frames: before, attempt: new Attempt(bucket, directory, 1, undefined, sliding) },
      { source: second, frames: after, attempt: undefined as Attempt | undefined },
    ]
    const lists = () => [...bucket.playlists].filter(([key]) => key.endsWith('/video.m3u8')).map(([, playlist]) => playlist)
    const events = attempts.flatMap(({ source, frames }, at) => [...toldOf(source, frames)].map((event) => ({ at, event })))
    attempts[0]!.attempt!.part.on({ type: 'opened', source: first })
    let next = 0
    let nowMicros = epochMicros
    const goOnUntil = (micros: number) => {
      for (let one = events[next]; one !== undefined && timeOf(one.event, nowMicros) <= micros; one = events[++next]) {
        const { at, event } = one
        nowMicros = timeOf(event, nowMicros)
        if (at === 1 && attempts[1]!.attempt === undefined) {
          attempts[0]!.attempt!.life.isOver = true
          attempts[1]!.attempt = new Attempt(bucket, directory, 2, undefined, sliding)
          attempts[1]!.attempt.part.on({ type: 'opened', source: second })
        }
        attempts[at]!.attempt!.part.on(event)
      }
    }
    const seen: ReadPlaylist[] = []
    let timer: NodeJS.Timeout | undefined
    // From when on the browser asks: it takes its time to start.
    let begunMillis: number
    goOnUntil(epochMicros + 4_000_000)
    await expect.poll(() => lists()[0]?.segments.length).toBeGreaterThan(2)
    const goOn = () => {
      goOnUntil(epochMicros + (performance.now() - begunMillis) * 1000)
      if (next < events.length) return
      clearInterval(timer)
      void attempts[1]!.attempt!.end()
    }
    try {
      const { live, after } = await playHls(
        (name) => {
          if (timer === undefined) {
            begunMillis = performance.now() - 4000
            timer = setInterval(goOn, 100)
          }
          const found = bucket.objects.get(`${folder}/${name}`)?.data
          if (found !== undefined && name.endsWith('/video.m3u8')) seen.push(readMediaPlaylist(found.toString()))
          return found
        },
        { fromLiveEdge: true, seconds: 60 },
      )
      expect(bucket.problems).toEqual([])
      expect([live.errors, after.errors]).toEqual([[], []])
      expect([live.isLive, after.isLive]).toEqual([true, false])
      // More than two windows went by, without a stretch that was not shown but that of the kill.
      const dates = live.pictures
        .filter(({ dateMillis }) => dateMillis > 0)
        .map(({ dateMillis }) => dateMillis - epochMicros / 1000)
      expect(dates.at(-1)! - dates[0]!).toBeGreaterThan(26_000)
      expect([...new Set(live.pictures.map(({ width }) => width))]).toEqual([320, 160])
      expect(live.loudMillis.some((millis) => millis - epochMicros / 1000 > 30_000)).toBe(true)
      // What hls.js was given: a window that slides, of which nothing is named that is not there, and what has left it is there still.
      const firsts = seen.map(({ segments }) => segments[0]!)
      expect(firsts.at(-1)!.startMillis - epochMicros / 1000).toBeGreaterThan(15_000)
      expect(firsts.at(-1)!.sequence).toBeGreaterThan(firsts[0]!.sequence)
      expect(firsts.every(({ sequence }, at) => at === 0 || sequence >= firsts[at - 1]!.sequence)).toBe(true)
      for (const { segments, targetDuration } of seen)
        expect(segments.reduce((sum, { seconds }) => sum + seconds, 0)).toBeLessThanOrEqual(7 * targetDuration)
      for (const { uri } of seen.flatMap(({ segments }) => segments))
        expect([...bucket.objects.keys()].some((key) => key.endsWith(`/${uri}`))).toBe(true)
      // The change of size and the kill have left it, and are counted: sound and pictures alike.
      const [pictures, sound] = ['video', 'audio'].map((name) => {
        const [, playlist] = [...bucket.playlists].find(([key]) => key.endsWith(`/${name}.m3u8`))!
        return playlist
      })
      for (const playlist of [pictures!, sound!]) {
        expect(playlist).toMatchObject({ type: undefined, isEnded: true })
        expect(playlist.segments[0]).toMatchObject({ discontinuitySequence: 2 })
        expect(playlist.segments.at(-1)).toMatchObject({ discontinuitySequence: 2 })
      }
      // When it is over it has what the window had: the last of it.
      expect(after.pictures.at(-1)!.time - after.pictures[0]!.time).toBeGreaterThan(10)
      expect(after.pictures.at(-1)!.time - after.pictures[0]!.time).toBeLessThan(14)
      expect([...new Set(after.pictures.map(({ width }) => width))]).toEqual([160])
    } finally {
      clearInterval(timer)
    }
  })
})

/** When an event is told; what has no time comes right behind the one before it. */
const timeOf = (event: LiveEvent, before: number) => (event.type === 'reached' ? event.micros : before)
