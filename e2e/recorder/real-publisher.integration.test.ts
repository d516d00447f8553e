import type { ManifestFile } from '@trtc-recorder/api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkDecoding } from '../media/check-format.ts'
import { framesAsSent, type Media, markOf } from '../media/index.ts'
import { cameraSeconds, World } from './world.ts'

/**
 * Publishers with a Chromium, a camera and an encoder of their own, whose packets the room forwards as they come: one in H.264 and one in VP8, who mutes
 * her camera for a while. What is recorded is compared with what the room forwarded, frame by frame, and with what the camera saw.
 */
const users = { carol: 'h264', dave: 'vp8' } as const
const cameraFps = 30
const codecs = { h264: 'avc1', vp8: 'vp08' } as const
const mutedSeconds = 2

interface Recorded {
  file: ManifestFile
  media: Media
  /** RTP times of the pictures that the room forwarded, in seconds from the first. */
  forwarded: number[]
}

let world: World
const recorded = new Map<string, Recorded>()
beforeAll(async () => {
  world = await World.start()
  const recorder = await world.recordFromNow()
  const [carol] = await Promise.all(Object.entries(users).map(([userId, codec]) => world.publishReally(userId, codec)))
  for (const userId of Object.keys(users))
    for (const kind of ['audio', 'video']) await recorder.logged({ msg: 'Media arrived', userId, kind })
  const seconds = (n: number) => new Promise((resolve) => setTimeout(resolve, n * 1000))
  await seconds(3)
  await carol!.muteVideo(true)
  await seconds(mutedSeconds)
  await carol!.muteVideo(false)
  await seconds(4)
  recorder.kill('SIGTERM')
  const forwarded = new Map<string, number[]>()
  for (const userId of Object.keys(users)) forwarded.set(userId, await world.forwarded(userId, 'video'))
  await recorder.ended
  const { files, losses } = await world.manifest()
  expect(losses).toEqual([])
  for (const file of files) {
    const [first = 0, ...others] = forwarded.get(file.userId)!
    const since = [first, ...others].map((rtp) => ((rtp - first) | 0) / 90_000)
    recorded.set(file.userId, { file, media: await world.media(file), forwarded: since })
  }
})
afterAll(() => world.close())

describe.each(Object.entries(users))('%s, who sends %s', (userId, codec) => {
  test('is in one file, as it came, that decodes', () => {
    expect(recorded.size).toBe(2)
    const { file, media } = recorded.get(userId)!
    expect(file).toMatchObject({ status: 1, video: { codec: expect.stringContaining(codecs[codec]) } })
    expect(checkDecoding(media)).toEqual([])
    expect(media.sound!.beeps.length).toBeGreaterThan(0)
  })

  test('every picture that the room forwarded is there, by the sender’s clock within 1 ms', () => {
    const { media, forwarded } = recorded.get(userId)!
    const shown = framesAsSent(media).map(({ ptsSeconds }) => ptsSeconds)
    // Forwarding begins with the first key frame; what was sent at the end was on its way.
    const first = forwarded.findIndex((_, at) => isSame(shown, forwarded.slice(at, at + shown.length)))
    expect(first, 'the pictures are not a stretch of what was forwarded').toBeGreaterThanOrEqual(0)
    expect(forwarded[first]).toBeLessThan(3)
    expect(forwarded.at(-1)! - forwarded[first + shown.length - 1]!).toBeLessThan(0.5)
  })

  test('they show what the camera saw, in order', () => {
    const { media } = recorded.get(userId)!
    const frames = framesAsSent(media)
    expect(new Set(frames.map(({ userMark }) => userMark))).toEqual(new Set([markOf(userId)]))
    // The camera goes on by itself; how many of its pictures are taken is the encoder's business.
    const loop = cameraFps * cameraSeconds
    frames.slice(1).forEach(({ ptsSeconds, frameNumber }, at) => {
      const before = frames[at]!
      const ahead = frameNumber! - before.frameNumber! - (ptsSeconds - before.ptsSeconds) * cameraFps
      // Numbers go round; a camera on a busy machine is late now and then.
      expect(Math.abs(((((ahead + loop / 2) % loop) + loop) % loop) - loop / 2)).toBeLessThan(loop / 6)
    })
  })
})

test('a camera that was muted is a gap of that length', () => {
  const frames = framesAsSent(recorded.get('carol')!.media)
  const longest = Math.max(...frames.slice(1).map(({ ptsSeconds }, at) => ptsSeconds - frames[at]!.ptsSeconds))
  expect(longest).toBeGreaterThan(mutedSeconds - 0.5)
  expect(longest).toBeLessThan(mutedSeconds + 3)
})

/** Whether these follow each other as those do, within a millisecond. */
const isSame = (some: readonly number[], others: readonly number[]) =>
  some.length === others.length && some.every((one, at) => Math.abs(one - some[0]! - (others[at]! - others[0]!)) <= 0.001)
