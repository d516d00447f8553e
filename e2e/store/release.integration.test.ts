import { execFileSync } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { holesOf, punchHole } from '../../recorder-image/src/disk/holes.ts'
import { Crc64 } from '../../recorder-image/src/store/crc64.ts'
import type { Upload, UploadSource } from '../../recorder-image/src/store/upload.ts'
import type { Fault, FaultKind } from '../../sandbox/src/cos/control-client.ts'
import { bucket, type Harness, key, MiB, startHarness } from './harness.ts'

const head = Buffer.from('the head, known last')
const noSuch = (code: string, status: number): FaultKind => ({ kind: 'error', status, code })

let harness: Harness
let volume: string
let source: UploadSource
/** Of head and body, taken while they were written: of the body only the end is there in the end. */
let checksum: Crc64
let bodyBytes: number

/** Only root can mount a volume of this size; `make test` runs as root. */
describe.runIf(process.getuid?.() === 0)('a volume of 24 MiB', () => {
  beforeEach(async () => {
    harness = await startHarness()
    volume = mkdtempSync(join(tmpdir(), 'volume-'))
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'volume', volume])
    source = { key, bodyPath: join(volume, 'body'), logPath: join(volume, 'log'), contentType: 'video/mp4' }
    writeFileSync(source.bodyPath, '')
    checksum = new Crc64().update(head)
    bodyBytes = 0
  })
  afterEach(async () => {
    await harness.close()
    execFileSync('umount', ['--lazy', volume])
    rmSync(volume, { recursive: true })
  })

  const freeBytes = () => statfsSync(volume).bavail * statfsSync(volume).bsize

  /** Records, and gives back what COS has where little is left. */
  async function record(upload: Upload, mebibytes: number): Promise<void> {
    for (let i = 0; i < mebibytes; i++) {
      const bytes = randomFillSync(Buffer.alloc(MiB))
      appendFileSync(source.bodyPath, bytes)
      checksum.update(bytes)
      bodyBytes += MiB
      upload.grew(bodyBytes)
      if (freeBytes() > 8 * MiB) continue
      await expect.poll(() => upload.releasable()).toBeDefined()
      await punchHole(source.bodyPath, upload.releasable()!)
    }
  }

  test('takes a recording of 80 MiB, and the file is whole', async () => {
    const upload = harness.store().open(source)
    await record(upload, 80)
    expect(freeBytes()).toBeGreaterThan(0)
    const stored = await upload.finish(head, bodyBytes)
    expect(stored).toMatchObject({ bytes: head.length + 80 * MiB, crc64: String(checksum.digest()) })
    expect((await harness.control.objects(bucket))[0]!.crc64).toBe(stored.crc64)
  })

  test('and a successor of the recorder goes on with it', async () => {
    await record(harness.store().open(source), 30)
    const successor = harness.store().open(source)
    await record(successor, 30)
    const stored = await successor.finish(head, bodyBytes)
    expect(stored).toMatchObject({ bytes: head.length + 60 * MiB, crc64: String(checksum.digest()) })
  })

  test('an upload that somebody ended is not begun anew from zeros: refused, with what is lost and what to look for', async () => {
    const upload = harness.store().open(source)
    await record(upload, 30)
    await harness.control.abortUploads(bucket)
    await expect(upload.finish(head, bodyBytes)).rejects.toMatchObject({
      kind: 'refused',
      code: 'BodyReleased',
      message: expect.stringMatching(/bytes 1048576 to \d+ of it .* lifecycle rule/),
    })
    expect(await harness.control.objects(bucket)).toEqual([])
  })

  /** What COS says once, or somebody between, is no proof that it has lost anything. */
  test.each<[string, FaultKind, Omit<Fault, 'fault'>]>([
    ['that there is no such upload', noSuch('NoSuchUpload', 404), { operations: ['UploadPart'], count: 1 }],
    ['that when it is to be completed', noSuch('NoSuchUpload', 404), { operations: ['CompleteMultipartUpload'], count: 1 }],
    ['that a part is not there', noSuch('InvalidPart', 400), { operations: ['CompleteMultipartUpload'], count: 1 }],
    ['of the whole a wrong checksum', { kind: 'wrongChecksum' }, { operations: ['HeadObject'], count: 1 }],
    ['that there is no such object', noSuch('NoSuchKey', 404), { operations: ['HeadObject'], count: 1 }],
    ['of a part a tag that is none of its', { kind: 'wrongTag' }, { operations: ['UploadPart'], count: 4 }],
    ['no list but something else', { kind: 'garbage' }, { operations: ['ListParts', 'CompleteMultipartUpload'], count: 2 }],
  ])('what was given back is not lost because COS says once %s', async (_what, fault, match) => {
    const upload = harness.store().open(source)
    if (fault.kind === 'wrongTag') await harness.control.fault(fault, match)
    await record(upload, 30)
    await harness.control.fault(fault, match)
    const stored = await upload.finish(head, bodyBytes)
    expect(stored).toMatchObject({ bytes: head.length + 30 * MiB, crc64: String(checksum.digest()) })
    expect((await harness.control.objects(bucket))[0]!.crc64).toBe(stored.crc64)
  })

  test('nor for a successor of the recorder, whatever a list says of it', async () => {
    await record(harness.store().open(source), 30)
    const [begun] = await harness.control.uploads(bucket)
    expect(begun!.parts.length).toBeGreaterThan(4)
    await harness.control.fault({ kind: 'emptyList' }, { operations: ['ListParts'], count: 1 })
    const stored = await harness.store().open(source).finish(head, bodyBytes)
    expect(stored).toMatchObject({ bytes: head.length + 30 * MiB, crc64: String(checksum.digest()) })
  })

  test('another who takes the name is found out, though nothing can be sent again', async () => {
    const upload = harness.store().open(source)
    await record(upload, 30)
    await harness.control.fault({ kind: 'overwritten' }, { operations: ['CompleteMultipartUpload'], count: 1 })
    await expect(upload.finish(head, bodyBytes)).rejects.toMatchObject({
      kind: 'refused',
      code: 'BodyReleased',
      message: expect.stringContaining('COS holds something else under'),
    })
  })

  test('nothing is given back that COS has not confirmed', async () => {
    await harness.control.fault({ kind: 'error', status: 503, code: 'SlowDown' }, { operations: ['UploadPart'] })
    const upload = harness.store().open(source)
    appendFileSync(source.bodyPath, Buffer.alloc(5 * MiB))
    upload.grew(5 * MiB)
    await harness.control.waitFor({ operation: 'UploadPart' }, 3)
    expect(upload.releasable()).toBeUndefined()
  })

  test('a hole that could not be made is none', async () => {
    const before = Buffer.from('not a file that can have holes')
    writeFileSync(join(volume, 'x'), before)
    await expect(punchHole(join(volume, 'x'), { start: -1, end: 3 })).rejects.toThrow()
    expect(holesOf(join(volume, 'x'))).toEqual([])
    expect(readFileSync(join(volume, 'x'))).toEqual(before)
  })
})
