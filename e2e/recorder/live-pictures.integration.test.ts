import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { liveIndexObjectSchema } from '@trtc-recorder/api'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
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
beforeEach(() => world.reset())

const spec = { live: { stills: { seconds: 2 }, hls: { seconds: 2 } } }
const text = async (key: string) => String(await world.cos.fetch(bucket, key))
/** Folder of what the user's latest file became. */
const latest = async () => `${folder('hls')}/${/^(\d+)\/video\.m3u8$/m.exec(await text(`${folder('hls')}/index.m3u8`))![1]}`
const playlist = async (at: string, name: string) => readMediaPlaylist(await text(`${at}/${name}.m3u8`))
const segmentsSoFar = async () => (await playlist(await latest(), 'video').catch(() => undefined))?.segments.length

test('stills and HLS of a user are in COS while the recorder is in the room, show what was sent at their times, and are whole when it is over', async () => {
  await world.publish('alice', { audio: true, video: true })
  const recorder = await world.recordFromNow({ spec })
  await expect.poll(() => segmentsSoFar().catch(() => 0), { timeout: 30_000 }).toBeGreaterThan(2)
  const at = await latest()
  expect(await playlist(at, 'video')).toMatchObject({ isEnded: false, type: 'EVENT' })
  await world.dismissRoom()
  const { result } = await recorder.ended
  expect(result?.live.map(({ part, waiting, lost }) => [part, waiting, lost]).sort()).toEqual([
    ['hls', 0, 0],
    ['stills', 0, 0],
  ])
  const manifest = await world.manifest()
  const { live, losses } = manifest
  expect(losses).toEqual([])
  for (const part of ['stills', 'hls'] as const) {
    const late = await world.lateMillis(manifest, part)
    expect(late.length).toBeGreaterThan(1)
    console.log(`The last of ${late.length} (${part}) was in COS ${Math.max(...late)} ms after its end`)
    expect(Math.max(...late)).toBeLessThanOrEqual(2000)
  }

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

  for (const name of ['video', 'audio']) {
    const { isEnded, segments } = await playlist(at, name)
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

test('a recorder that is killed leaves playlists that name what is in COS; the next one goes on with them, and names what was being made as lost', async () => {
  await world.publish('alice', { audio: true, video: true })
  const killed = await world.recordFromNow({ spec })
  await expect.poll(() => segmentsSoFar().catch(() => 0), { timeout: 30_000 }).toBeGreaterThan(1)
  const at = await latest()
  killed.kill('SIGKILL')
  await killed.ended
  expect((await playlist(at, 'video')).isEnded).toBe(false)
  const next = await world.recordFromNow({ spec })
  await next.logged({ msg: 'File opened', userId: 'alice' })
  const isGoneOnWith = async () => (await playlist(at, 'video')).segments.some((one) => one.discontinuitySequence > 0)
  await expect.poll(isGoneOnWith, { timeout: 30_000 }).toBe(true)
  await world.dismissRoom()
  await next.ended
  const { losses } = await world.manifest()
  for (const name of ['video', 'audio']) {
    const { isEnded, segments } = await playlist(at, name)
    expect(isEnded).toBe(true)
    for (const { uri, map } of segments)
      for (const one of [uri, map]) expect((await world.cos.fetch(bucket, `${at}/${one}`)).length).toBeGreaterThan(0)
    const lost = losses.filter((loss) => loss.medium === name && loss.detail === 'hls: the recorder was killed while it was made')
    expect(lost.length).toBeGreaterThan(0)
    const { startMillis, seconds } = segments.findLast((one) => one.discontinuitySequence === 0)!
    // A segment that the killed one had made, and not named yet, is in COS, too.
    for (const { from } of lost) expect(Date.parse(from)).toBeGreaterThan(startMillis + seconds * 1000 - 2)
  }
})
