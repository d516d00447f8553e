import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statfsSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import pino from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Clock } from '../../recorder-image/src/clock/clock.ts'
import { DiskWatch } from '../../recorder-image/src/disk/disk-watch.ts'
import { holesOf, takesHoles } from '../../recorder-image/src/disk/holes.ts'
import { Ledger } from '../../recorder-image/src/ledger/ledger.ts'
import { noLiveOutputs } from '../../recorder-image/src/live/testing.ts'
import { openMediaFile } from '../../recorder-image/src/media/live-media-file.ts'
import type { MediaFile } from '../../recorder-image/src/media/media-file.ts'
import { maxFileMicros } from '../../recorder-image/src/media/split.ts'
import { makeClip } from '../../recorder-image/src/media/testing/clip.ts'
import { epochMicros, send } from '../../recorder-image/src/media/testing/sender.ts'
import { FileKeeper } from '../../recorder-image/src/recorder/file-keeper.ts'
import { aJob } from '../../recorder-image/src/recorder/testing.ts'
import { Volume } from '../../recorder-image/src/recorder/volume.ts'
import type { EncodedFrame } from '../../recorder-image/src/tap/frame.ts'
import { bucket, type Harness, MiB, startHarness } from './harness.ts'

const log = pino({ level: 'silent' })
const clipSeconds = 10
const users = ['alice', 'bob']
const publications = users.map((userId, id) => ({ id, userId, stream: 'main' as const }))

let harness: Harness
let work: string
let ledger: Ledger
let keeper: FileKeeper
let volume: Volume
let opened: MediaFile[]

async function mount(size: string): Promise<void> {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'volume', work])
  const job = aJob({
    cos: { region: 'ap-guangzhou', bucket: 'lessons-1250000000', path: '/lessons', endpoint: 'http://cos.example:1' },
  })
  volume = await Volume.open(work, job.recording, log)
  ledger = new Ledger()
  opened = []
  keeper = new FileKeeper({
    ...{ job, volume, ledger, log, store: harness.store(), live: noLiveOutputs({ job, ledger, log }), events: { add: () => {} } },
    clock: new Clock(),
    openMediaFile(directory, identity) {
      // So long that each batch is synced.
      const file = openMediaFile(directory, identity, { log, ledger, batchMs: 460 })
      opened.push(file)
      return file
    },
  })
}

/** Pictures of some 1.2 Mbit/s and sound of 64 kbit/s, the same ten seconds again and again, in order of arrival. */
async function media(seconds: number): Promise<EncodedFrame[]> {
  const clip = await makeClip({
    seconds: clipSeconds,
    size: '640x360',
    encoder: ['-b:v', '1200k', '-maxrate', '1200k', '-bufsize', '600k'],
  })
  return send(
    ...Array.from({ length: seconds / clipSeconds }, (_, n) => ({
      ...{ clip, from: 0, to: clipSeconds, atSeconds: n * clipSeconds },
      rtpStart: { audio: n * clipSeconds * 48_000, video: n * clipSeconds * 90_000 },
    })),
  )
}

const freeBytes = () => statfsSync(work).bavail * statfsSync(work).bsize

/** Everybody sends the same, as fast as the volume has room for it. */
async function record(frames: readonly EncodedFrame[], least: number): Promise<void> {
  for (const publication of publications) keeper.open(publication, epochMicros)
  for (const [n, frame] of frames.entries()) {
    for (const publication of publications) keeper.write(publication, { ...frame })
    if (n % 80 !== 0) continue
    await turn()
    await expect.poll(freeBytes, { interval: 5, timeout: 30_000 }).toBeGreaterThan(least)
    await written()
  }
}

/** What is not written yet is not seen. */
const written = () => expect.poll(unwritten, { interval: 5, timeout: 30_000 }).toBeLessThan(4 * MiB)
const unwritten = () => opened.reduce((sum, { recordedBytes, bodyBytes }) => sum + recordedBytes - bodyBytes, 0)

async function deliver() {
  const kept = await keeper.deliver(new Promise<void>(() => {}))
  expect(kept.map(({ fate, file }) => [fate, file.message])).toEqual(kept.map(() => ['stored', expect.stringMatching(/^ok/)]))
  expect(ledger.losses).toEqual([])
  return kept.map(({ file }) => file)
}

/** Only root can mount a volume of this size; `make test` runs as root. */
describe.runIf(process.getuid?.() === 0)('a recording that is larger than its volume', () => {
  beforeEach(async () => {
    harness = await startHarness()
    work = mkdtempSync(join(tmpdir(), 'week-'))
  })
  afterEach(async () => {
    await harness.close()
    execFileSync('umount', ['--lazy', work])
    rmSync(work, { recursive: true })
  })

  test('goes on while COS takes it, and what must stay is so little that ten users have a week in 10 GiB', async () => {
    const seconds = 240
    await mount('32m')
    const watch = new DiskWatch({
      ...{ directory: volume.mediaDirectory, log, everyMillis: 50, releasableBytes: () => keeper.releasableBytes },
      onReleaseDue: (givesBack) => void keeper.release(givesBack),
    })
    await record(await media(seconds), 1.5 * MiB)
    watch.stop()
    expect(watch.progress).toMatchObject({ totalBytes: 32 * MiB, givesBack: 'Holes' })
    await keeper.release('Holes')

    const bytes = (end: RegExp) =>
      readdirSync(volume.mediaDirectory)
        .filter((name) => end.test(name))
        .reduce((sum, name) => sum + statSync(join(volume.mediaDirectory, name)).blocks * 512, 0) / users.length
    // Index and times grow until the file is ended, which is after twelve hours at most; body and journal are as long as what is on its way.
    const keptForAFile = (bytes(/\.(index|times|holes)$/) / seconds) * (maxFileMicros / 1e6)
    const onItsWay = 30 * MiB + bytes(/\.opus$/)
    expect(bytes(/\.opus$/)).toBeLessThan(1.5 * MiB)
    expect(10 * (keptForAFile + onItsWay)).toBeLessThan(1.2 * 1032 * MiB)

    const files = await deliver()
    for (const file of files) expect(file.bytes).toBeGreaterThan(32 * MiB)
    expect(files.map(({ check }) => check?.pictures)).toEqual(users.map(() => seconds * 30))
  })

  test('is ended and goes on in another file, without a loss, where the volume takes back whole files only', async () => {
    const seconds = 180
    await mount('80m')
    const frames = await media(seconds)
    let at = 0
    for (const publication of publications) keeper.open(publication, epochMicros)
    for (const frame of frames) {
      for (const publication of publications) keeper.write(publication, { ...frame })
      if (at++ % 400 !== 0) continue
      await written()
      await keeper.release('WholeFiles')
    }
    const files = await deliver()
    const ofAlice = files.filter(({ userId }) => userId === 'alice')
    expect(ofAlice.map(({ part }) => part)).toEqual(ofAlice.map((_, n) => n + 1))
    expect(ofAlice.length).toBeGreaterThan(1)
    expect(ofAlice.reduce((sum, { check }) => sum + (check?.pictures ?? 0), 0)).toBe(seconds * 30)
  })

  test('loses what COS lost of it, says so, and has the rest: somebody ended the upload of a file', async () => {
    await mount('48m')
    const watch = new DiskWatch({
      ...{ directory: volume.mediaDirectory, log, everyMillis: 50, releasableBytes: () => keeper.releasableBytes },
      onReleaseDue: (givesBack) => void keeper.release(givesBack),
    })
    const frames = await media(240)
    for (const publication of publications) keeper.open(publication, epochMicros)
    let aborted: string | undefined
    for (const [n, frame] of frames.entries()) {
      for (const publication of publications) keeper.write(publication, { ...frame })
      if (n % 80 !== 0) continue
      await turn()
      await expect.poll(freeBytes, { interval: 5, timeout: 30_000 }).toBeGreaterThan(1.5 * MiB)
      await written()
      const [alice] = opened
      if (aborted !== undefined || holesOf(alice!.bodyPath).length === 0) continue
      aborted = alice!.identity.name
      await harness.control.abortUploads(bucket, `lessons/${aborted}`)
    }
    watch.stop()
    const kept = await keeper.deliver(new Promise<void>(() => {}))
    const [ofAlice, ofBob] = users.map((userId) => kept.filter(({ file }) => file.userId === userId)) as [
      typeof kept,
      typeof kept,
    ]
    expect(ofBob.map(({ fate }) => fate)).toEqual(['stored'])
    expect(ofAlice.map(({ fate, file }) => [fate, file.part, file.status])).toEqual([
      ['refused', 1, 0],
      ['stored', 2, 1],
    ])
    expect(ofAlice[0]!.file.message).toMatch(/^COS lost what it had confirmed of .* lifecycle rule/)
    // Of each medium one stretch, with all that was in the hole and nothing else; the rest of that file is a matter of seconds.
    const [hole] = holesOf(opened[0]!.bodyPath)
    expect(ledger.losses.map(({ userId, medium, reason, file }) => [userId, medium, reason, file])).toEqual(
      expect.arrayContaining(['video', 'audio'].map((medium) => ['alice', medium, 'LostInCos', aborted])),
    )
    expect(ledger.losses).toHaveLength(2)
    const { bytes } = ledger.totals
    expect(Math.abs(bytes - (hole!.end - hole!.start))).toBeLessThan(0.5 * MiB)
    const [first, second] = ofAlice.map(({ file }) => file)
    expect(Date.parse(second!.startTime) - Date.parse(first!.endTime)).toBeLessThan(1000)
    expect((first!.check?.pictures ?? 0) + (second!.check?.pictures ?? 0)).toBe(240 * 30)
  })

  test('a file system that takes nothing back out of the middle of a file is known from the start', async () => {
    await mount('8m')
    expect(await takesHoles(volume.mediaDirectory)).toBe(true)
    const without = mkdtempSync(join(tmpdir(), 'ramfs-'))
    execFileSync('mount', ['-t', 'ramfs', 'volume', without])
    try {
      expect(await takesHoles(without)).toBe(false)
    } finally {
      execFileSync('umount', ['--lazy', without])
      rmSync(without, { recursive: true })
    }
  })
})
