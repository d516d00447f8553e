import { readdirSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { bucket, type Harness, key, MiB, startHarness } from './harness.ts'

const head = Buffer.from('the head, known last')

let harness: Harness
beforeEach(async () => {
  harness = await startHarness()
})
afterEach(() => harness.close())

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** What the bodies of this test take is in files; what is counted is what the upload keeps. */
function memoryBytes(): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

describe('a file that grows', () => {
  test('goes in parts while it grows; what is left at the stop does not depend on its length', async () => {
    const sentAfterStop: number[] = []
    for (const [name, mebibytes] of [['short.mp4', 3] as const, ['long.mp4', 9] as const]) {
      const source = harness.source(name)
      const upload = harness.store().open(source)
      for (let i = 0; i < mebibytes; i++) upload.grew(harness.grow(source, MiB))
      upload.grew(harness.grow(source, 1000))
      await harness.control.waitFor({ key: name, operation: 'UploadPart', status: 200 }, mebibytes - 1)
      await expect.poll(() => upload.uploadedBytes).toBe((mebibytes - 1) * MiB)
      const before = await harness.control.requests({ key: name })

      const stored = await upload.finish(head, mebibytes * MiB + 1000)

      const after = await harness.control.requests({ key: name, after: before.at(-1)!.sequence })
      sentAfterStop.push(after.filter(({ operation }) => operation === 'UploadPart').reduce((sum, { bytes }) => sum + bytes, 0))
      expect(after.map(({ operation, partNumber }) => partNumber ?? operation)).toEqual([
        mebibytes + 1, // the tail
        1, // the head, with the start of the body
        'CompleteMultipartUpload',
        'HeadObject',
      ])
      const file = harness.file(source, head)
      expect((await harness.stored(name)).equals(file)).toBe(true)
      const [object] = await harness.control.objects(bucket, name)
      expect(stored).toEqual({ url: `${harness.bucketUrl}/${name}`, bytes: file.length, crc64: object!.crc64 })
      expect(object!.contentType).toBe('video/mp4')
      expect(upload.uploadedBytes).toBe(file.length)
    }
    expect(sentAfterStop[1]).toBe(sentAfterStop[0])
    expect(sentAfterStop[0]).toBe(head.length + MiB + 1000)
  })

  test('what is left of a body that has ended goes while its head is made, and only the head and the start of the body are left then', async () => {
    const source = harness.source()
    const upload = harness.store().open(source)
    const bytes = harness.grow(source, 3 * MiB + 1000)
    upload.grew(bytes)
    await expect.poll(() => upload.uploadedBytes).toBe(2 * MiB)
    upload.ended(bytes)
    await expect.poll(() => upload.uploadedBytes).toBe(2 * MiB + 1000)
    const before = await harness.control.requests()

    await upload.finish(head, bytes)

    const after = await harness.control.requests({ after: before.at(-1)!.sequence })
    expect(after.map(({ operation, partNumber }) => partNumber ?? operation)).toEqual([
      1,
      'CompleteMultipartUpload',
      'HeadObject',
    ])
    expect((await harness.stored()).equals(harness.file(source, head))).toBe(true)
  })

  test('a body that ends otherwise than was told is stored as it is', async () => {
    const source = harness.source()
    const upload = harness.store().open(source)
    const bytes = harness.grow(source, 3 * MiB + 1000)
    upload.ended(bytes)
    const more = harness.grow(source, 500)
    expect(await upload.finish(head, more)).toMatchObject({ bytes: head.length + more })
    expect((await harness.stored()).equals(harness.file(source, head))).toBe(true)
  })

  test.each([
    ['shorter than the held-back start', 1000],
    ['hardly longer', MiB + 10],
  ])('a body %s goes by one simple PUT', async (_what, bytes) => {
    const source = harness.source()
    const upload = harness.store().open(source)
    upload.grew(harness.grow(source, bytes))
    upload.ended(bytes)
    await upload.finish(head, bytes)
    expect((await harness.control.requests()).map(({ operation }) => operation)).toEqual(['PutObject', 'HeadObject'])
    expect((await harness.stored()).equals(harness.file(source, head))).toBe(true)
  })

  test('an empty body and a body that ends with a part', async () => {
    const empty = harness.source('empty.mp4')
    expect(await harness.store().open(empty).finish(head, 0)).toMatchObject({ bytes: head.length })
    const even = harness.source('even.mp4')
    const upload = harness.store().open(even)
    upload.grew(harness.grow(even, 3 * MiB))
    expect(await upload.finish(head, 3 * MiB)).toMatchObject({ bytes: head.length + 3 * MiB })
    expect((await harness.stored('even.mp4')).equals(harness.file(even, head))).toBe(true)
  })

  test('class, tags, metadata and encryption are passed on, for large and small files', async () => {
    const store = harness.store({
      cos: {
        storageClass: 'STANDARD_IA',
        tags: { 'course/数学': 'a+b @2026', kept: '10 years' },
        metadata: { course: 'a, b; c=1' },
        encryption: { type: 'SSE-KMS', kmsKeyId: 'key-1' },
      },
    })
    const large = harness.source('large.mp4')
    await store.open(large).finish(head, harness.grow(large, 3 * MiB))
    const small = harness.source('small.mp4')
    await store.open(small).finish(head, harness.grow(small, 10))
    await store.put('manifest.json', Buffer.from('{}'), 'application/json')
    const objects = await harness.control.objects(bucket)
    expect(objects.map(({ key }) => key)).toEqual(['large.mp4', 'manifest.json', 'small.mp4'])
    for (const object of objects) {
      expect(object).toMatchObject({
        storageClass: 'STANDARD_IA',
        tags: { 'course/数学': 'a+b @2026', kept: '10 years' },
        custom: { 'x-cos-meta-course': 'a, b; c=1' },
        encryption: { algorithm: 'cos/kms', kmsKeyId: 'key-1' },
      })
    }
  })

  test('many files share few connections', async () => {
    await harness.control.fault({ kind: 'slow', delayMillis: 20 })
    const store = harness.store({ concurrency: 2 })
    const names = Array.from({ length: 6 }, (_, i) => `file-${i}.mp4`)
    await Promise.all(
      names.map(async (name) => {
        const source = harness.source(name)
        await store.open(source).finish(head, harness.grow(source, 1000))
      }),
    )
    // 12 requests of 20 ms, two at a time.
    const requests = await harness.control.requests()
    const times = requests.map(({ time }) => Date.parse(time))
    expect(requests).toHaveLength(12)
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThanOrEqual(80)
  })
})

describe('a small object', () => {
  test('is stored and verified', async () => {
    const stored = await harness.store().put('lessons/a b.manifest.json', Buffer.from('{"version":1}'), 'application/json')
    expect(stored).toMatchObject({ url: `${harness.bucketUrl}/lessons/a%20b.manifest.json`, bytes: 13 })
    expect(String(await harness.stored('lessons/a b.manifest.json'))).toBe('{"version":1}')
  })

  test('is sent again when COS stored something else', async () => {
    await harness.control.fault({ kind: 'wrongChecksum' }, { operations: ['HeadObject'], count: 1 })
    await harness.store().put('k', Buffer.from('x'), 'text/plain')
    expect(await harness.control.requests({ operation: 'PutObject' })).toHaveLength(2)
  })

  test('that is one of many is stored by one request, as COS answers with its checksum', async () => {
    const { crc64 } = await harness.store().put('k', Buffer.from('123456789'), 'text/plain', { isOneOfMany: true })
    // The check value of CRC-64/XZ.
    expect(crc64).toBe(String(0x995dc9bbdf1939fan))
    expect((await harness.control.requests()).map(({ operation }) => operation)).toEqual(['PutObject'])
  })
})

describe('COS in trouble', () => {
  /** A recording of 3 MiB and a bit, stopped, with the trouble on. */
  async function record(store = harness.store()) {
    const source = harness.source()
    const upload = store.open(source)
    for (let i = 0; i < 3; i++) upload.grew(harness.grow(source, MiB))
    const bodyBytes = harness.grow(source, 1234)
    return { source, upload, bodyBytes }
  }
  async function expectStored(stored: { bytes: number }, source: Parameters<Harness['file']>[0]) {
    const file = harness.file(source, head)
    expect(stored.bytes).toBe(file.length)
    expect((await harness.stored()).equals(file)).toBe(true)
  }

  test.each([
    ['503 SlowDown', { kind: 'error', status: 503, code: 'SlowDown' }],
    ['500 InternalError', { kind: 'error', status: 500, code: 'InternalError' }],
    ['resets', { kind: 'reset' }],
    ['answers that get lost', { kind: 'lostAnswer' }],
    ['429 TooManyRequests', { kind: 'error', status: 429, code: 'TooManyRequests' }],
    ['409 OperationAborted', { kind: 'error', status: 409, code: 'OperationAborted' }],
    ['502 without a word of COS', { kind: 'error', status: 502, code: '' }],
    ['200 with an error', { kind: 'errorIn200', code: 'InternalError' }],
    ['200 with something else than an answer', { kind: 'garbage' }],
  ] as const)('%s: every operation is tried again and the file is whole', async (_what, fault) => {
    const all = ['InitiateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload', 'HeadObject'] as const
    // An answer to HEAD has nothing but headers.
    const operations = fault.kind === 'errorIn200' || fault.kind === 'garbage' ? all.slice(0, 3) : all
    for (const operation of operations) await harness.control.fault(fault, { operations: [operation], count: 2 })
    const { source, upload, bodyBytes } = await record()
    await expectStored(await upload.finish(head, bodyBytes), source)
    const hit = (await harness.control.requests()).filter((request) => request.fault !== undefined)
    // An answer to the first completion that got lost makes the second find nothing, which HEAD explains.
    expect(new Set(hit.map(({ operation }) => operation))).toEqual(new Set(operations))
  })

  test.each([
    ['400 UserNetworkTooSlow', { status: 400, code: 'UserNetworkTooSlow' }],
    ['400 EntitySizeNotMatch', { status: 400, code: 'EntitySizeNotMatch' }],
    ['403 of what was signed too long ago', { status: 403, code: 'AccessDenied', message: 'Request has expired' }],
  ])('%s: what did not get there as it should have is sent again', async (_what, answer) => {
    const operations = ['InitiateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload'] as const
    for (const operation of operations)
      await harness.control.fault({ kind: 'error', ...answer }, { operations: [operation], count: 2 })
    const { source, upload, bodyBytes } = await record()
    await expectStored(await upload.finish(head, bodyBytes), source)
    expect((await harness.control.requests()).filter(({ fault }) => fault !== undefined)).toHaveLength(6)
  })

  test('what is no answer to HEAD says nothing of what COS has: nothing is sent again', async () => {
    await harness.control.fault({ kind: 'garbage' }, { operations: ['HeadObject'], count: 2 })
    const { source, upload, bodyBytes } = await record()
    await expectStored(await upload.finish(head, bodyBytes), source)
    expect(await harness.control.requests({ operation: 'CompleteMultipartUpload' })).toHaveLength(1)
  })

  test('parts that COS has under other tags than it said are completed under those', async () => {
    await harness.control.fault({ kind: 'wrongTag' }, { operations: ['UploadPart'], count: 3 })
    const { source, upload, bodyBytes } = await record()
    await expectStored(await upload.finish(head, bodyBytes), source)
  })

  test('a completion of which COS says in a 200 that there is no such upload ends in one begun anew', async () => {
    await harness.control.fault(
      { kind: 'errorIn200', code: 'NoSuchUpload' },
      { operations: ['CompleteMultipartUpload'], count: 1 },
    )
    const { source, upload, bodyBytes } = await record()
    await expectStored(await upload.finish(head, bodyBytes), source)
    expect(await harness.control.uploads(bucket)).toEqual([])
  })

  test('a list that never ends is no list: it is asked for again, and nothing is sent because of it', async () => {
    const { source, upload } = await record()
    await expect.poll(() => upload.uploadedBytes).toBe(2 * MiB)
    await harness.control.clearRequests()
    await harness.control.fault({ kind: 'endlessList' }, { operations: ['ListParts'], count: 3 })
    const bodyBytes = harness.grow(source, 5)
    await expectStored(await harness.store().open(source).finish(head, bodyBytes), source)
    expect(await harness.control.requests({ operation: 'ListParts' })).toHaveLength(4)
    const sent = (await harness.control.requests({ operation: 'UploadPart' })).map(({ partNumber }) => partNumber)
    expect(sent.sort()).toEqual([1, 4])
  })

  test('an object that somebody removed before it was looked at is stored again', async () => {
    await harness.control.fault({ kind: 'error', status: 404, code: 'NoSuchKey' }, { operations: ['HeadObject'], count: 1 })
    const { source, upload, bodyBytes } = await record()
    await expectStored(await upload.finish(head, bodyBytes), source)
  })

  test('another who took the name is overwritten, as the file is sent once more', async () => {
    await harness.control.fault({ kind: 'overwritten' }, { operations: ['CompleteMultipartUpload'], count: 1 })
    const { source, upload, bodyBytes } = await record()
    await expectStored(await upload.finish(head, bodyBytes), source)
  })

  test('an upload whose id got lost with the answer does not stay in COS', async () => {
    await harness.control.fault({ kind: 'lostAnswer' }, { operations: ['InitiateMultipartUpload'], count: 2 })
    const { source, upload, bodyBytes } = await record()
    await expectStored(await upload.finish(head, bodyBytes), source)
    expect(await harness.control.uploads(bucket)).toEqual([])
  })

  test('a COS that does not list uploads does not hold up a file that is stored', async () => {
    await harness.control.fault({ kind: 'lostAnswer' }, { operations: ['InitiateMultipartUpload'], count: 1 })
    await harness.control.fault({ kind: 'error', status: 503, code: 'SlowDown' }, { operations: ['ListMultipartUploads'] })
    const { source, upload, bodyBytes } = await record()
    await expectStored(await upload.finish(head, bodyBytes), source)
    expect(await harness.control.uploads(bucket)).toHaveLength(1)
  })

  test('keys that may not list uploads store the file all the same', async () => {
    await harness.control.deny(bucket, ['ListMultipartUploads'])
    await harness.control.fault({ kind: 'lostAnswer' }, { operations: ['InitiateMultipartUpload'], count: 1 })
    const { source, upload, bodyBytes } = await record()
    await expectStored(await upload.finish(head, bodyBytes), source)
    expect(harness.logged.map(({ msg }) => msg)).toContain(
      'Abandoned uploads were not looked for; COS keeps what there is of them',
    )
  })

  test('parts that arrive wrong are sent again', async () => {
    await harness.control.fault({ kind: 'corrupt' }, { operations: ['UploadPart'], count: 2 })
    const { source, upload, bodyBytes } = await record()
    await expectStored(await upload.finish(head, bodyBytes), source)
    expect(await harness.control.requests({ operation: 'UploadPart' })).toHaveLength(4 + 2)
  })

  test('a failed request is tried again after a pause, not at once', async () => {
    await harness.control.fault(
      { kind: 'error', status: 503, code: 'SlowDown' },
      { operations: ['InitiateMultipartUpload'], count: 2 },
    )
    const { source, upload, bodyBytes } = await record(harness.store({ backoff: { baseMillis: 200, maxMillis: 200 } }))
    const [, , third] = await harness.control.waitFor({ operation: 'InitiateMultipartUpload' }, 3)
    const [first] = await harness.control.requests({ operation: 'InitiateMultipartUpload' })
    expect(Date.parse(third!.time) - Date.parse(first!.time)).toBeGreaterThanOrEqual(2 * 100 - 10)
    await expectStored(await upload.finish(head, bodyBytes), source)
  })

  test('silence ends in a time-out and another try', async () => {
    await harness.control.fault({ kind: 'silence' }, { operations: ['UploadPart'], count: 2 })
    const { source, upload, bodyBytes } = await record(harness.store({ silenceMillis: 150 }))
    await expectStored(await upload.finish(head, bodyBytes), source)
  })

  test('an outage: recording goes on, the upload catches up, the log says it once', async () => {
    const { source, upload } = await record()
    await harness.control.waitFor({ operation: 'UploadPart', status: 200 }, 1)
    await harness.control.outage(true)
    let bodyBytes = 0
    for (let i = 0; i < 3; i++) {
      bodyBytes = harness.grow(source, MiB)
      upload.grew(bodyBytes)
    }
    const failed = () => harness.logged.filter(({ msg }) => msg === 'Failed to reach COS')
    await expect.poll(() => failed().length).toBeGreaterThan(4)
    const finished = upload.finish(head, bodyBytes)
    await harness.control.outage(false)
    await expectStored(await finished, source)
    expect(failed().filter(({ level }) => level >= 40)).toHaveLength(1)
    expect(failed()[0]).toMatchObject({ file: key, code: expect.stringMatching(/ECONN/) })
    expect(harness.logged.map(({ msg }) => msg)).toContain('Reached COS again')
  })

  test('a long outage of several files: neither memory nor open files grow with what waits or with how long it takes', async () => {
    const openFiles = () => readdirSync('/proc/self/fd').length
    const store = harness.store()
    const growing = ['a.mp4', 'b.mp4', 'c.mp4', 'd.mp4', 'e.mp4'].map((name) => {
      const source = harness.source(name)
      return { name, source, upload: store.open(source), bodyBytes: 0 }
    })
    const grow = () => {
      for (const one of growing) {
        one.bodyBytes = harness.grow(one.source, MiB)
        one.upload.grew(one.bodyBytes)
      }
    }
    const failures = () => harness.logged.filter(({ msg }) => msg === 'Failed to reach COS').length
    const waits = async () => {
      grow()
      const soFar = failures()
      await expect.poll(failures, { interval: 5 }).toBeGreaterThan(soFar + 3)
      return { files: openFiles(), bytes: memoryBytes() }
    }
    grow()
    await harness.control.outage(true)
    const before = await waits()
    for (let hour = 1; hour < 6; hour++) {
      const { files, bytes } = await waits()
      expect(files - before.files).toBeLessThan(20)
      expect(bytes - before.bytes).toBeLessThan(12 * MiB)
    }
    await harness.control.outage(false)
    for (const { name, source, upload, bodyBytes } of growing) {
      await upload.finish(head, bodyBytes)
      expect((await harness.stored(name)).equals(harness.file(source, head))).toBe(true)
    }
  })

  test('COS slower than the recording: what waits is on the volume, not in memory, and few requests are on their way', async () => {
    // 100 kB/s for 2 Mbit/s, ten times as fast.
    await harness.control.fault({ kind: 'slow', bytesPerSecond: 1_000_000 }, { operations: ['UploadPart'] })
    const source = harness.source()
    const upload = harness.store().open(source)
    const openFiles = () => readdirSync('/proc/self/fd').length
    upload.grew(harness.grow(source, 2 * MiB))
    await harness.control.waitFor({ operation: 'UploadPart', status: 200 }, 1)
    const before = { files: openFiles(), bytes: memoryBytes() }
    let bodyBytes = 0
    for (let i = 0; i < 40; i++) {
      bodyBytes = harness.grow(source, MiB)
      upload.grew(bodyBytes)
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
    expect(upload.uploadedBytes).toBeLessThan(10 * MiB)
    expect(openFiles() - before.files).toBeLessThan(20)
    expect(memoryBytes() - before.bytes).toBeLessThan(24 * MiB)
    await harness.control.clearFaults()
    await expectStored(await upload.finish(head, bodyBytes), source)
  })

  test('so slow that the line holds a part for longer than anybody may be silent: each part gets there all the same', async () => {
    await harness.control.fault({ kind: 'slow', bytesPerSecond: 500_000 }, { operations: ['UploadPart'] })
    const { source, upload, bodyBytes } = await record(harness.store({ silenceMillis: 500 }))
    await expectStored(await upload.finish(head, bodyBytes), source)
    expect(harness.logged.filter(({ code }) => code === 'ESOCKETTIMEDOUT').length).toBeGreaterThan(1)
  })

  test('whose answers come later than anybody may be silent: they are waited for, of each operation', async () => {
    await harness.control.fault({ kind: 'slow', delayMillis: 700 })
    const { source, upload, bodyBytes } = await record(harness.store({ silenceMillis: 300 }))
    await expectStored(await upload.finish(head, bodyBytes), source)
  })

  test('that gives something slowly says nothing of how late its next answer may be', async () => {
    const store = harness.store({ silenceMillis: 600 })
    await store.put(key, Buffer.alloc(12 * MiB), 'video/mp4')
    await harness.control.fault({ kind: 'slow', bytesPerSecond: 4_000_000 }, { operations: ['GetObject'], count: 1 })
    expect(await store.read(key)).toHaveLength(12 * MiB)
    await harness.control.fault({ kind: 'silence' }, { operations: ['GetObject'], count: 1 })
    const since = performance.now()
    expect(await store.read(key)).toHaveLength(12 * MiB)
    expect(performance.now() - since).toBeLessThan(2500)
  })

  test('an outage that lasts past the deadline: unavailable, and a later process ends the same upload', async () => {
    const { source, upload, bodyBytes } = await record()
    await expect.poll(() => upload.uploadedBytes).toBe(2 * MiB)
    await harness.control.outage(true)
    const deadline = performance.now() + 200
    await expect(upload.finish(head, bodyBytes, { deadline })).rejects.toMatchObject({
      name: 'StoreError',
      kind: 'unavailable',
      code: 'ECONNREFUSED',
      message: expect.stringContaining(`${key} in bucket ${bucket}`),
    })
    await harness.control.outage(false)
    const { uploadId } = (await harness.control.uploads(bucket))[0]!
    await harness.control.clearRequests()
    await expectStored(await harness.store().open(source).finish(head, bodyBytes), source)
    const sent = await harness.control.requests({ operation: 'UploadPart' })
    expect(sent.map((request) => [request.partNumber, request.uploadId])).toEqual([
      [4, uploadId],
      [1, uploadId],
    ])
  })

  test('an upload aborted behind our back starts over from the volume', async () => {
    const { source, upload, bodyBytes } = await record()
    await expect.poll(() => upload.uploadedBytes).toBe(2 * MiB)
    await harness.control.abortUploads(bucket)
    await expectStored(await upload.finish(head, bodyBytes), source)
    expect(harness.logged.map(({ msg }) => msg)).toContain('Started an upload over')
  })

  test('an upload aborted while recording goes on starts over before the stop', async () => {
    const { source, upload } = await record()
    await expect.poll(() => upload.uploadedBytes).toBe(2 * MiB)
    await harness.control.abortUploads(bucket)
    upload.grew(harness.grow(source, MiB))
    await expect.poll(() => harness.logged.filter(({ msg }) => msg === 'Began an upload').length).toBe(2)
    await expect.poll(() => upload.uploadedBytes).toBe(3 * MiB)
    const bodyBytes = harness.grow(source, 5)
    await expectStored(await upload.finish(head, bodyBytes), source)
  })

  test('a wrong checksum after completion: sent once more, then given up', async () => {
    const first = await record()
    await harness.control.fault({ kind: 'wrongChecksum' }, { operations: ['HeadObject'], count: 1 })
    await expectStored(await first.upload.finish(head, first.bodyBytes), first.source)
    expect(await harness.control.requests({ operation: 'CompleteMultipartUpload' })).toHaveLength(2)

    const second = await record()
    await harness.control.fault({ kind: 'wrongChecksum' }, { operations: ['HeadObject'] })
    await expect(second.upload.finish(head, second.bodyBytes)).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'ChecksumMismatch',
      message: expect.stringContaining('still on the volume'),
    })
  })

  test.each([
    ['behind', -3600_000],
    ['ahead', 3600_000],
  ])('COS’s clock an hour %s is followed', async (_what, offset) => {
    await harness.control.clockOffset(offset)
    const { source, upload, bodyBytes } = await record()
    await expectStored(await upload.finish(head, bodyBytes), source)
  })

  test.each([
    ['behind', -3600_000],
    ['ahead', 3600_000],
  ])(
    'our clock that is set while several files are on their way, so that COS’s is an hour %s, refuses none of them',
    async (_what, offset) => {
      const store = harness.store()
      const several = ['a.mp4', 'b.mp4', 'c.mp4', 'd.mp4', 'e.mp4', 'f.mp4'].map((name) => harness.source(name))
      // All of them are signed by the clock as it was.
      await harness.control.fault({ kind: 'slow', delayMillis: 50 })
      await store.put('before', Buffer.from('x'), 'text/plain')
      await harness.control.clockOffset(offset)
      await Promise.all([
        ...several.map((source) => store.open(source).finish(head, harness.grow(source, 1000))),
        ...several.map(({ key }) => store.put(`${key}.json`, Buffer.from('{}'), 'application/json', { isOneOfMany: true })),
      ])
      expect(await harness.control.objects(bucket)).toHaveLength(1 + 2 * several.length)
    },
  )

  test('denied in mid-upload: recording goes on; refused at the stop; stored when a later process may', async () => {
    const { source, upload } = await record()
    await expect.poll(() => upload.uploadedBytes).toBe(2 * MiB)
    await harness.control.deny(bucket)
    let bodyBytes = harness.grow(source, MiB)
    upload.grew(bodyBytes)
    await expect.poll(() => harness.logged.map(({ msg }) => msg)).toContain('Paused an upload that failed')
    bodyBytes = harness.grow(source, MiB)
    upload.grew(bodyBytes)
    await expect(upload.finish(head, bodyBytes)).rejects.toMatchObject({
      kind: 'refused',
      code: 'AccessDenied',
      message: expect.stringMatching(
        /^COS refused UploadPart of lessons\/alice\.mp4 in bucket recordings-1250000000: AccessDenied: Access Denied \(HTTP 403, request \S+\)\. Allow/,
      ),
    })
    await harness.control.clearFaults()
    await expectStored(await harness.store().open(source).finish(head, bodyBytes), source)
  })

  test('a bucket deleted in mid-upload is refused with its name', async () => {
    const { upload, bodyBytes } = await record()
    await harness.control.deleteBucket(bucket)
    await expect(upload.finish(head, bodyBytes)).rejects.toMatchObject({ kind: 'refused', code: 'NoSuchBucket' })
  })

  test('a body that is shorter than it was said to be is refused, not waited for', async () => {
    const { upload, bodyBytes } = await record()
    await expect(upload.finish(head, bodyBytes + MiB)).rejects.toMatchObject({ kind: 'refused', code: 'BodyTruncated' })
  })
})
