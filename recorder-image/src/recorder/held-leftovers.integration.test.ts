import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { Ledger } from '../ledger/ledger.ts'
import { openMediaFile } from '../media/live-media-file.ts'
import { leftMediaFiles } from '../media/salvage.ts'
import { type Clip, makeClip } from '../media/testing/clip.ts'
import { finishAndPlay, openFile } from '../media/testing/recording.ts'
import { send } from '../media/testing/sender.ts'
import type { EncodedFrame } from '../tap/frame.ts'
import { takeOverHeld } from './held-leftovers.ts'
import { HeldOnVolume } from './held-on-volume.ts'
import { aJob, noLog } from './testing.ts'

let root: string
let heldDirectory: string
let mediaDirectory: string
let clip: Clip
beforeAll(async () => {
  clip = await makeClip({ seconds: 4 })
})
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'held-leftovers-'))
  heldDirectory = join(root, 'held')
  mediaDirectory = join(root, 'media')
  await mkdir(mediaDirectory)
})
afterEach(() => rm(root, { recursive: true, force: true }))

const of = (frames: readonly EncodedFrame[], kind: string) => frames.filter((frame) => frame.kind === kind)

/** What the first attempt had of them when it was killed. */
async function hold(frames: readonly EncodedFrame[], owner: 'alice' | undefined): Promise<void> {
  const held = new HeldOnVolume(heldDirectory, 1, noLog)
  for (const [at, kind] of ['audio', 'video'].entries()) {
    for (const frame of of(frames, kind)) held.hold(at, frame)
    if (owner !== undefined) held.claimed(at, { userId: owner, stream: 'main' }, new Promise(() => {}))
  }
  await held.settled()
}

async function takeOver(ledger: Ledger) {
  const deps = { log: noLog, ledger }
  return await takeOverHeld({
    ...{ job: aJob({}, { attempt: 2 }), ledger, log: noLog, leftovers: await leftMediaFiles(mediaDirectory) },
    volume: { heldDirectory, mediaDirectory, knows: () => false },
    openMediaFile: (directory, identity) => openMediaFile(directory, identity, deps),
  })
}

it.each(['alice', undefined] as const)(
  'what had come into a file when the recorder was killed is done with: claimed by %s',
  async (owner) => {
    const frames = send({ clip, from: 0, to: 2, atSeconds: 0 })
    await hold(frames, owner)
    const file = openFile('02', mediaDirectory)
    for (const frame of frames) file.write(frame)
    expect(await file.safe()).toBe(true)
    const ledger = new Ledger()
    expect(await takeOver(ledger)).toEqual([])
    expect(await readdir(heldDirectory)).toEqual([])
    expect(ledger.losses).toEqual([])
    await file.finish()
  },
)

it('what had not, and whose it was known, is a file of its own: sound and pictures of one user in one', async () => {
  const frames = send({ clip, from: 0, to: 3, atSeconds: 0 })
  await hold(frames, 'alice')
  const ledger = new Ledger()
  const [recovered, ...others] = await takeOver(ledger)
  expect(others).toEqual([])
  expect(recovered!.origin).toMatchObject({ userId: 'alice', stream: 'main', attempt: 1 })
  expect(await readdir(heldDirectory)).toEqual([])
  const { finished, playback } = await finishAndPlay(recovered!.media)
  expect(finished.problem).toBeUndefined()
  expect(playback.pictures).toHaveLength(of(frames, 'video').length)
  expect(playback.beeps).toHaveLength(3)
  expect(ledger.losses).toEqual([])
})

it('what had not, and nobody claimed, is in the ledger with how much it was and from when to when', async () => {
  const frames = send({ clip, from: 0, to: 1, atSeconds: 0 })
  await hold(frames, undefined)
  const ledger = new Ledger()
  expect(await takeOver(ledger)).toEqual([])
  const bytesOf = (kind: string) => of(frames, kind).reduce((sum, { data }) => sum + data.length, 0)
  const timeOf = (frame: EncodedFrame) => new Date(frame.receiveTimeMicros / 1000).toISOString()
  for (const kind of ['audio', 'video']) {
    expect(ledger.losses).toContainEqual(
      expect.objectContaining({
        ...{ medium: kind, userId: null, reason: 'Unclaimed', frames: of(frames, kind).length, bytes: bytesOf(kind) },
        ...{ from: timeOf(of(frames, kind)[0]!), to: timeOf(of(frames, kind).at(-1)!) },
      }),
    )
  }
  expect(await readdir(heldDirectory)).toHaveLength(2)
})

it('frames of which the disk has changed one are given to their owner, and the ledger has that one', async () => {
  const frames = send({ clip, from: 0, to: 2, atSeconds: 0 })
  await hold(frames, 'alice')
  const path = join(heldDirectory, '1-1.frames')
  const bytes = await readFile(path)
  bytes[Math.floor(bytes.length / 2)]! ^= 1
  await writeFile(path, bytes)
  const ledger = new Ledger()
  expect(await takeOver(ledger)).toHaveLength(1)
  expect(ledger.losses).toContainEqual(
    expect.objectContaining({
      userId: 'alice',
      medium: 'video',
      reason: 'DiskDamaged',
      detail: expect.stringContaining('1-1.frames'),
    }),
  )
})
