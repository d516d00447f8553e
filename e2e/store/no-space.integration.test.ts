import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Manifest, manifestSchema, type RecorderResult } from '@trtc-recorder/api'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { secondsOf } from '../../recorder-image/src/ledger/ledger.ts'
import { openMediaFile } from '../../recorder-image/src/media/live-media-file.ts'
import { leftMediaFiles, salvageMediaFile } from '../../recorder-image/src/media/salvage.ts'
import { type Clip, makeClip } from '../../recorder-image/src/media/testing/clip.ts'
import { epochMicros, send } from '../../recorder-image/src/media/testing/sender.ts'
import { Run } from '../../recorder-image/src/recorder/run.ts'
import type { Stop } from '../../recorder-image/src/recorder/stop-policy.ts'
import { aJob, FakePage, FakeRoom } from '../../recorder-image/src/recorder/testing.ts'
import { bucket, type Harness, startHarness } from './harness.ts'
import { operations, ScarceVolume, type Shortage } from './scarce-volume.ts'

const log = pino({ level: process.env.LOG ?? 'silent' })
/** Media comes in pieces, each of which is written before the next one comes. */
const pieces = 3
const pieceSeconds = 0.5
/** Between two writes of what came. */
const batchMillis = 10
/** Recordings at a time: most of each is waiting. */
const atOnce = 6

let harness: Harness
let clip: Clip
let root: string
let runs = 0
beforeAll(async () => {
  harness = await startHarness()
  root = mkdtempSync(join(tmpdir(), 'no-space-'))
  for (const [path, value] of Object.entries({ 'trtc/userSig': 'sig', 'cos/secretId': 'id', 'cos/secretKey': 'key' })) {
    mkdirSync(join(root, 'secrets', path, '..'), { recursive: true })
    writeFileSync(join(root, 'secrets', path), value)
  }
  clip = await makeClip({ seconds: pieces * pieceSeconds })
})
afterAll(async () => {
  await harness.close()
  rmSync(root, { recursive: true })
})

/** Each recording has a folder of its own, in COS and on the volume. */
class Scene {
  readonly work: string
  readonly volume: ScarceVolume
  readonly path = `/r${++runs}`
  fed = { pictures: 0, packets: 0 }
  /** Of the last picture and packet. */
  lastMicros = 0

  constructor() {
    this.work = join(root, `work-${runs}`)
    mkdirSync(this.work)
    this.volume = new ScarceVolume(this.work)
  }

  attempt(number: number, stopRequested: Promise<Stop>, room: FakeRoom): { run: Run; result: Promise<RecorderResult> } {
    const cos = {
      region: 'ap-guangzhou',
      bucket,
      path: this.path,
      endpoint: 'http://cos.example:1',
      credentialsSecretRef: { name: 'cos' },
    }
    const run = new Run({
      job: aJob({ cos, audioCodec: 'Opus' }, { attempt: number, ...(number > 1 ? { uploadOnly: true } : {}) }),
      ...{
        byHand: false,
        uploadSeconds: 20,
        workDirectory: this.work,
        controlPath: undefined,
        clipsPath: undefined,
        log,
        stopRequested,
      },
      secretsDirectory: join(root, 'secrets'),
      replayPage: '',
      chromium: { path: '', args: [] },
      onSecret: () => {},
      components: {
        ...{ leftMediaFiles, salvageMediaFile, createStore: () => harness.store() },
        beginPage: () => new FakePage(),
        openRoom: (options, handlers) => room.open(options, handlers),
        openMediaFile: (directory, identity, deps) => openMediaFile(directory, identity, { ...deps, batchMs: batchMillis }),
      },
    })
    return { run, result: run.result() }
  }

  /** The first attempt; `beforeStop` is called when all media has come and is on the volume. */
  async record(beforeStop: () => void = () => {}): Promise<RecorderResult> {
    const stop = Promise.withResolvers<Stop>()
    const room = new FakeRoom()
    const { run, result } = this.attempt(1, stop.promise, room)
    let isOver = false
    void result.then(() => (isOver = true))
    await expect.poll(() => isOver || run.progress().state === 'recording', { interval: 2 }).toBe(true)
    const media = ['video', 'audio'] as const
    if (!isOver) {
      room.say({ type: 'anchorEntered', userId: 'alice' })
      for (const kind of media) room.say({ type: 'available', userId: 'alice', stream: 'main', kind, available: true })
      for (const [slot, ssrc, kind] of [
        [1, 0xa0000001, 'audio'],
        [2, 0xb0000001, 'video'],
      ] as const)
        room.say({ type: 'bound', slot, ssrc, userId: 'alice', stream: 'main', kind })
    }
    const atSeconds = (Date.now() * 1000 - epochMicros) / 1e6
    for (let piece = 0; piece < pieces && !room.flushed && !isOver; piece++) {
      const from = piece * pieceSeconds
      for (const frame of send({ clip, from, to: from + pieceSeconds, atSeconds: atSeconds + from })) {
        room.frame(frame)
        this.fed[frame.kind === 'video' ? 'pictures' : 'packets']++
        this.lastMicros = Math.max(this.lastMicros, frame.receiveTimeMicros)
      }
      const { volume } = this
      const { length } = volume.writes
      let before = -1
      const isWritten = () => {
        const isQuiet = volume.writes.length === volume.over && volume.over === before
        before = volume.over
        return room.flushed || (isQuiet && volume.writes.slice(length).some((path) => path.endsWith('.index')))
      }
      await expect.poll(isWritten, { interval: 2 * batchMillis }).toBe(true)
    }
    beforeStop()
    stop.resolve({ reason: 'Terminated', message: 'The recorder was asked to stop' })
    return result
  }

  /** One that only stores what is left, and the manifest after it. */
  async store(attempt: number): Promise<{ result: RecorderResult; manifest: Manifest }> {
    const { result } = this.attempt(attempt, new Promise(() => {}), new FakeRoom())
    return { result: await result, manifest: await this.manifest() }
  }

  /** As it is in COS. */
  async manifest(): Promise<Manifest> {
    const body = await harness.stored(`${this.path.slice(1)}/maths.manifest.json`)
    return manifestSchema.parse(JSON.parse(body.toString()))
  }
}

interface Row {
  scene: Scene
  /** Of the attempt that met the shortage. */
  first: RecorderResult
  /** What that one said of itself; undefined where it could not. */
  said: Manifest | undefined
  /** After the next one, on a volume with room. */
  manifest: Manifest
}

/**
 * One row for each n, until there is no n-th write any more; some at a time. `about` names a row where something is wrong. `left`: a folder that a
 * recorder left which was killed; the attempt that meets the shortage stores that.
 */
async function forEachWrite(
  about: Pick<Shortage, 'files' | 'lasts'> & Partial<Shortage>,
  judge: (row: Row, about: string) => void,
  left?: string,
): Promise<number> {
  const shortage = { operation: 'write' as const, code: 'ENOSPC' as const, ...about }
  let rows = 0
  const row = async (nth: number): Promise<boolean> => {
    const scene = new Scene()
    if (left !== undefined) cpSync(left, scene.work, { recursive: true })
    scene.volume.shortage = { ...shortage, nth }
    try {
      const first = left === undefined ? await scene.record() : (await scene.store(2)).result
      const { failed } = scene.volume
      const said = await scene.manifest().catch(() => undefined)
      // It could not even begin, and said so.
      if (left === undefined && scene.fed.pictures === 0) return first.outcome === 'VolumeUnusable'
      scene.volume.shortage = undefined
      const { manifest } = await scene.store(3)
      const about = `${shortage.code} of ${shortage.operation} ${nth}: ${failed?.slice(scene.work.length)}`
      // Left to the garbage collection, which one day is an error.
      expect([...scene.volume.handles.values()], `${about}: left open`).toEqual([])
      if (failed !== undefined) judge({ scene, first, said, manifest }, about)
      rows += failed === undefined ? 0 : 1
      return failed !== undefined
    } finally {
      scene.volume.close()
    }
  }
  for (let nth = 1; ; nth += atOnce) {
    const failed = await Promise.all(Array.from({ length: atOnce }, (_, n) => row(nth + n)))
    if (failed.includes(false)) return rows
  }
}

const pictures = ({ files }: Manifest) => files.reduce((sum, { check }) => sum + (check?.pictures ?? 0), 0)
const soundSeconds = ({ files }: Manifest) => files.reduce((sum, { check }) => sum + (check?.decodedSoundSeconds ?? 0), 0)
/** What the disk cost; that nobody came back after the stop is another matter. */
const onDisk = ({ losses }: Manifest) => losses.filter(({ reason }) => ['DiskFull', 'DiskFailed', 'NotSalvaged'].includes(reason))
const ofVideo = (manifest: Manifest) =>
  onDisk(manifest).reduce((sum, { medium, frames }) => sum + (medium === 'video' ? (frames ?? 0) : 0), 0)
const ofSound = (manifest: Manifest) => secondsOf(onDisk(manifest).filter(({ medium }) => medium === 'audio'))

/** However the attempt that met the shortage ended, the next one has stored all that came. */
function nothingIsLost({ scene: { fed }, first, manifest }: Row, about: string): void {
  expect(['Completed', 'StorageFull', 'UploadIncomplete'], `${about}: ${first.message}`).toContain(first.outcome)
  expect(
    manifest.files.map(({ status, message }) => [status, message]),
    about,
  ).toEqual([[1, 'ok']])
  expect(pictures(manifest), about).toBe(fed.pictures)
  expect(soundSeconds(manifest), about).toBeCloseTo(fed.packets / 50, 1)
  // What was written in part, and then again, is there once.
  const events = manifest.events.map((event) => JSON.stringify(event))
  expect(events, about).toEqual([...new Set(events)])
}

describe('a volume that does not do the n-th thing it is asked for', () => {
  test.each(operations.flatMap((operation) => (['ENOSPC', 'EDQUOT', 'EIO'] as const).map((code) => [code, operation] as const)))(
    '%s once, of the n-th %s: nothing is lost, and all is stored',
    async (code, operation) => {
      const rows = await forEachWrite({ files: /./, lasts: 'once', operation, code }, (row, about) => {
        nothingIsLost(row, about)
        expect(onDisk(row.manifest), about).toEqual([])
      })
      expect(rows).toBeGreaterThan(0)
    },
  )

  test('and none after it, for the journal, the logs of uploads, or notes: nothing is lost', async () => {
    for (const files of [/\.opus$/, /\/(uploads|files|attempts)\//]) {
      await forEachWrite({ files, lasts: 'for good' }, nothingIsLost)
    }
  })

  test('and none after it, for media: what was written before is stored, and the ledger has the rest', async () => {
    for (const files of [/\.body$/, /\.index$/, /\/media\//]) {
      await forEachWrite({ files, lasts: 'for good' }, ({ scene, first, manifest }, about) => {
        expect(['Completed', 'StorageFull', 'FileFailed'], about).toContain(first.outcome)
        expect(pictures(manifest) + ofVideo(manifest), about).toBe(scene.fed.pictures)
        expect(soundSeconds(manifest) + ofSound(manifest), about).toBeGreaterThan(scene.fed.packets / 50 - 0.05)
        // A file that is not whole says so.
        const isWhole = onDisk(manifest).length === 0
        expect(
          manifest.files.map(({ status }) => status === 1),
          about,
        ).toEqual([isWhole])
      })
    }
  })

  test.each(['EROFS', 'ESTALE', 'EIO'] as const)(
    'and %s from the n-th write on, of everything: the attempt ends so that another volume is taken, what came until then is in COS, the ledger has the rest',
    async (code) => {
      let recorded = 0
      await forEachWrite({ files: /./, lasts: 'for good', code }, ({ scene, first, said }, about) => {
        expect(['Completed', 'VolumeUnusable', 'FileFailed'], `${about}: ${first.message}`).toContain(first.outcome)
        // All of it by the first attempt: nobody may ever see that volume again.
        expect(said, about).toBeDefined()
        expect(pictures(said!) + ofVideo(said!), about).toBe(scene.fed.pictures)
        expect(
          first.files.map(({ message }) => message),
          about,
        ).not.toContainEqual(expect.stringContaining('stays on the volume'))
        if (first.outcome === 'VolumeUnusable') recorded += first.files.length
      })
      expect(recorded).toBeGreaterThan(0)
    },
  )

  test('once, while what a kill left is made into a file: nothing is lost', async () => {
    const killed = new Scene()
    const left = mkdtempSync(join(root, 'left-'))
    await killed.record(() => cpSync(killed.work, left, { recursive: true }))
    killed.volume.close()
    const rows = await forEachWrite(
      { files: /./, lasts: 'once' },
      ({ first, manifest }, about) => {
        expect(['Completed', 'UploadIncomplete'], `${about}: ${first.message}`).toContain(first.outcome)
        expect(
          manifest.files.map(({ status, message }) => [status, message]),
          about,
        ).toEqual([[1, 'ok']])
        expect(pictures(manifest), about).toBe(killed.fed.pictures)
        expect(soundSeconds(manifest), about).toBeCloseTo(killed.fed.packets / 50, 1)
      },
      left,
    )
    expect(rows).toBeGreaterThan(5)
  })
})
