import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { liveIndexObjectSchema } from '@trtc-recorder/api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readMediaPlaylist } from '../../recorder-image/src/live/hls/testing/read-playlist.ts'
import { identities } from '../../sandbox/src/identities.ts'
import { markOf, readMedia } from '../media/index.ts'
import { clip, World } from './world.ts'

const { bucket } = identities.cos
const folder = (part: string) => `e2e/lesson.${Buffer.from('alice').toString('base64url')}.main.${part}`

let world: World
beforeAll(async () => {
  world = await World.start()
})
afterAll(() => world.close())

test('stills and HLS of a user are in COS while the recorder is in the room, show what was sent at their times, and are whole when it is over', async () => {
  await world.publish('alice', { audio: true, video: true })
  const recorder = await world.recordFromNow({ spec: { live: { stills: { seconds: 2 }, hls: { seconds: 2 } } } })
  const text = async (key: string) => String(await world.cos.fetch(bucket, key))
  const source = async () => /^(\d+)\/video\.m3u8$/m.exec(await text(`${folder('hls')}/index.m3u8`))![1]!
  const playlist = async (name: string) => readMediaPlaylist(await text(`${folder('hls')}/${await source()}/${name}.m3u8`))
  await expect
    .poll(async () => (await playlist('video').catch(() => undefined))?.segments.length, { timeout: 30_000 })
    .toBeGreaterThan(2)
  expect(await playlist('video')).toMatchObject({ isEnded: false, type: 'EVENT' })
  await world.dismissRoom()
  const { result } = await recorder.ended
  expect(result?.live.map(({ part, waiting, lost }) => [part, waiting, lost]).sort()).toEqual([
    ['hls', 0, 0],
    ['stills', 0, 0],
  ])
  const { live, losses } = await world.manifest()
  expect(losses).toEqual([])

  const sent = (await world.sent('alice', 'video')).map((span) => ({
    ...span,
    numberAt: (millis: number) => (millis - span.epochMillis) / span.intervalMillis,
  }))
  const framesInLoop = clip.fps * clip.loopSeconds
  /** How many pictures a picture is away from the one that was sent then. */
  const distance = (frameNumber: number, millis: number) =>
    Math.min(
      ...sent.map(({ numberAt }) =>
        Math.abs(((frameNumber - numberAt(millis) + framesInLoop * 1.5) % framesInLoop) - framesInLoop / 2),
      ),
    )
  const directory = await mkdtemp(join(tmpdir(), 'live-'))
  const fetched = async (name: string, ...keys: string[]) => {
    const path = join(directory, name)
    await writeFile(path, Buffer.concat(await Promise.all(keys.map((key) => world.cos.fetch(bucket, key)))))
    return readMedia(path)
  }

  const [stills] = live.filter(({ part }) => part === 'stills')
  const { entries } = liveIndexObjectSchema.parse(JSON.parse(await text(stills!.path)))
  expect(entries.length).toBeGreaterThan(1)
  for (const { path, startTime } of entries) {
    const { streams, frames, decodeErrors } = await fetched('still.jpeg', path)
    expect([decodeErrors, streams]).toMatchObject([[], [{ codec: 'mjpeg', width: clip.width, height: clip.height }]])
    expect(frames[0]!.userMark).toBe(markOf('alice'))
    expect(distance(frames[0]!.frameNumber!, Date.parse(startTime))).toBeLessThan(2)
  }

  const at = `${folder('hls')}/${await source()}`
  for (const name of ['video', 'audio']) {
    const { isEnded, segments } = await playlist(name)
    expect(isEnded).toBe(true)
    expect(segments.some(({ isGap }) => isGap)).toBe(false)
    const media = await fetched(`${name}.mp4`, `${at}/${segments[0]!.map}`, ...segments.map(({ uri }) => `${at}/${uri}`))
    expect(media.decodeErrors).toEqual([])
    if (name === 'audio') {
      expect(media.sound!.beeps.length).toBeGreaterThan(3)
      continue
    }
    const numbers = media.frames.map(({ frameNumber }) => frameNumber!)
    expect(numbers).toEqual(numbers.map((_, n) => (numbers[0]! + n) % framesInLoop))
    const zero = segments[0]!.startMillis - media.frames[0]!.ptsSeconds * 1000
    for (const { frameNumber, ptsSeconds } of media.frames)
      expect(distance(frameNumber!, zero + ptsSeconds * 1000)).toBeLessThan(2)
  }
})
