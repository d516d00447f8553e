import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { manifestSchema, subscribeSchema } from '@trtc-recorder/api'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Clip, makeClip } from '../media/testing/clip.ts'
import { newDirectory } from '../media/testing/new-directory.ts'
import { play } from '../media/testing/playback.ts'
import { epochMicros, send } from '../media/testing/sender.ts'
import type { Upload, UploadSource } from '../store/upload.ts'
import type { EncodedFrame } from '../tap/frame.ts'
import { components } from './components.ts'
import { aJob, FakeStore } from './testing.ts'
import { terminated, World } from './testing-world.ts'

/** Frames come before it is known whose they are, while somebody in the room is not to be recorded. */

const seconds = 4
let clips: { alice: Clip; mallory: Clip }
beforeAll(async () => {
  const alice = await makeClip({ seconds, toneHertz: 300 })
  clips = { alice, mallory: await makeClip({ seconds, toneHertz: 700, size: '176x144' }) }
})

/** A bucket that takes files as they are on the volume. */
class Bucket extends FakeStore {
  readonly bodies: Buffer[] = []

  override open(source: UploadSource): Upload {
    const finish: Upload['finish'] = async (head, bodyBytes) => {
      const body = Buffer.concat([head, (await readFile(source.bodyPath)).subarray(0, bodyBytes)])
      this.bodies.push(body)
      return { url: `http://cos/${source.key}`, bytes: body.length, crc64: '1' }
    }
    return { ...super.open(source), finish }
  }
}

let world: World
let bucket: Bucket
beforeEach(async () => {
  world = await World.make()
  bucket = new Bucket()
  const { openMediaFile, leftMediaFiles, salvageMediaFile } = components
  world.components = { openMediaFile, leftMediaFiles, salvageMediaFile, createStore: () => bucket }
})
afterEach(() => world.remove())

const ssrcs = { alice: { audio: 11, video: 12 }, mallory: { audio: 21, video: 22 } }
type User = keyof typeof ssrcs
const users: User[] = ['alice', 'mallory']

/** All that a user sends from now on, in a receiver of their own for each medium. */
function sentFromNow(userId: User): EncodedFrame[] {
  const laterMicros = Date.now() * 1000 - epochMicros
  return send({ clip: clips[userId], from: 0, to: seconds, atSeconds: 0, ssrc: ssrcs[userId] }).map((frame) => ({
    ...frame,
    slot: frame.ssrc,
    receiveTimeMicros: frame.receiveTimeMicros + laterMicros,
  }))
}

const firstHalf = (frames: EncodedFrame[]) => frames.slice(0, frames.length / 2)
const secondHalf = (frames: EncodedFrame[]) => frames.slice(frames.length / 2)

function bound(userId: User): void {
  for (const kind of ['audio', 'video'] as const) {
    const ssrc = ssrcs[userId][kind]
    world.room.say({ type: 'bound', slot: ssrc, ssrc, userId, stream: 'main', kind })
  }
}

/** Everything on the volume and in COS. */
async function kept(): Promise<Buffer> {
  const entries = await readdir(join(world.root, 'work'), { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const onVolume = await Promise.all(paths.map((path) => readFile(path).catch(() => Buffer.alloc(0))))
  return Buffer.concat([...onVolume, ...bucket.bodies, ...[...bucket.objects.values()].map((text) => Buffer.from(text))])
}

/** How many of some frames a piece is kept of. */
async function keptOf(frames: readonly EncodedFrame[]): Promise<number> {
  const all = await kept()
  return frames.filter(({ data }) => all.includes(Buffer.from(data.subarray(data.length >> 2)))).length
}

function begin(exclude: string[]) {
  const result = world.start(aJob({ subscribe: { exclude } }))
  const enter = () => {
    for (const userId of users) {
      world.room.say({ type: 'anchorEntered', userId })
      for (const kind of ['audio', 'video'] as const)
        world.room.say({ type: 'available', userId, stream: 'main', kind, available: true })
    }
    return { alice: sentFromNow('alice'), mallory: sentFromNow('mallory') }
  }
  return { result, enter }
}

const give = (...frames: EncodedFrame[]) => {
  for (const frame of frames) world.room.frame({ ...frame })
}

/** The file has all of alice, and neither the volume nor COS anything of mallory. */
async function expectOnlyAlice(result: ReturnType<World['start']>, mallory: readonly EncodedFrame[]): Promise<void> {
  world.stop(terminated)
  const { files } = await result
  expect(files).toMatchObject([{ userId: 'alice', status: 1, message: 'ok' }])
  const { losses } = manifestSchema.parse(JSON.parse(bucket.objects.get('lessons/maths.manifest.json')!))
  // Of who was to be recorded for a moment nothing was known to come.
  expect(losses.filter(({ userId, reason }) => userId !== 'mallory' || reason !== 'NeverArrived')).toEqual([])
  expect(await keptOf(mallory)).toBe(0)
  const path = join(await newDirectory(), 'alice.mp4')
  await writeFile(path, bucket.bodies[0]!)
  const { pictures, beeps } = await play(path)
  expect(pictures).toHaveLength(seconds * clips.alice.fps)
  expect(beeps).toHaveLength(seconds)
}

describe('frames of which it is not known yet whose they are, while somebody is excluded', () => {
  test('wait in memory alone: who is recorded loses nothing, and of who is not nothing is ever kept', async () => {
    const { result, enter } = begin(['mallory'])
    await world.recording()
    const { alice, mallory } = enter()
    give(...firstHalf(alice), ...firstHalf(mallory))
    // Longer than copies on the volume wait to be written.
    await sleep(400)
    expect(await keptOf([...alice, ...mallory])).toBe(0)
    for (const userId of users) bound(userId)
    give(...secondHalf(alice), ...secondHalf(mallory))
    await expectOnlyAlice(result, mallory)
  })

  test('leave the volume at once where that is told meanwhile', async () => {
    const { result, enter } = begin([])
    await world.recording()
    const { alice, mallory } = enter()
    give(...firstHalf(alice), ...firstHalf(mallory))
    await expect.poll(() => keptOf(firstHalf(mallory))).toBe(firstHalf(mallory).length)
    const subscribe = subscribeSchema.parse({ exclude: ['mallory'] })
    await world.control({ version: 1, desiredState: 'Running', subscribe })
    await expect.poll(() => keptOf([...alice, ...mallory])).toBe(0)
    give(...secondHalf(alice), ...secondHalf(mallory))
    for (const userId of users) bound(userId)
    await expectOnlyAlice(result, mallory)
  })
})
