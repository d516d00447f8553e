import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { UploadSource } from '../../recorder-image/src/store/upload.ts'
import { bucket, type Harness, MiB, startHarness } from './harness.ts'

const head = Buffer.from('the head, known last')
const bodyBytes = 3 * MiB + 1000

let harness: Harness
beforeEach(async () => {
  harness = await startHarness()
})
afterEach(() => harness.close())

/** Each of them stands there twice. */
const lines = ({ logPath }: UploadSource) => [...new Set(readFileSync(logPath, 'utf8').split('\n').filter(Boolean))]
const keepLines = (source: UploadSource, count: number, torn = '') =>
  writeFileSync(
    source.logPath,
    [
      '',
      ...lines(source)
        .slice(0, count)
        .flatMap((line) => [line, line]),
      ...(torn ? [torn] : []),
    ].join('\n'),
  )

/** A process that recorded everything and died: with every full part in COS, or after the whole file was stored. */
async function died(when: 'before the stop' | 'after completion'): Promise<UploadSource> {
  const source = harness.source()
  const upload = harness.store().open(source)
  harness.grow(source, bodyBytes)
  upload.grew(bodyBytes)
  await expect.poll(() => lines(source).length).toBe(4) // initiating, initiated, parts 2 and 3
  if (when === 'after completion') await upload.finish(head, bodyBytes)
  await harness.control.clearRequests()
  return source
}

async function resume(source: UploadSource) {
  const stored = await harness.store().open(source).finish(head, bodyBytes)
  const file = harness.file(source, head)
  expect(stored.bytes).toBe(file.length)
  expect((await harness.stored()).equals(file)).toBe(true)
  const requests = await harness.control.requests()
  const sentParts = requests.filter(({ operation }) => operation === 'UploadPart').map(({ partNumber }) => partNumber!)
  return { sentParts: sentParts.sort((a, b) => a - b), operations: new Set(requests.map(({ operation }) => operation)) }
}

describe('a recorder that died while it recorded', () => {
  test.each([
    ['none', 0, [1, 2, 3, 4]],
    ['the intention', 1, [1, 2, 3, 4]],
    ['the upload', 2, [1, 2, 3, 4]],
    ['one part', 3, 'all but one'],
    ['two parts', 4, [1, 4]],
  ])('its successor sends what the log does not have: log with %s', async (_what, count, expected) => {
    const source = await died('before the stop')
    const known = (await harness.control.uploads(bucket))[0]!.uploadId
    keepLines(source, count)
    const { sentParts, operations } = await resume(source)
    if (Array.isArray(expected)) expect(sentParts).toEqual(expected)
    else expect(sentParts).toHaveLength(4 - (count - 2))
    expect(operations.has('InitiateMultipartUpload')).toBe(count < 2)
    // What nobody knows any more is found by its key, and aborted.
    expect(await harness.control.uploads(bucket)).toHaveLength(count === 0 ? 1 : 0)
    if (count > 1) {
      expect(operations.has('ListParts')).toBe(true)
      expect((await harness.control.requests({ operation: 'CompleteMultipartUpload' }))[0]!.uploadId).toBe(known)
    }
  })

  test('a line torn by the crash counts as not written, and the next one is whole', async () => {
    const source = await died('before the stop')
    keepLines(source, 3, '{"event":"part","number":3,"st')
    expect((await resume(source)).sentParts).toHaveLength(3)
    const whole = lines(source).filter((line) => line.endsWith('}'))
    expect(whole.map((line) => JSON.parse(line).event).at(-1)).toBe('stored')
  })

  test('parts that COS has lost or has otherwise are sent again', async () => {
    const source = await died('before the stop')
    const text = readFileSync(source.logPath, 'utf8')
    // With checksums that line would not count at all.
    const unchecked = text.replaceAll(/"crc32":"[^"]*",/g, '')
    writeFileSync(source.logPath, unchecked.replaceAll(/("number":3.*?"etag":"\\")[0-9a-f]{4}/g, '$10000'))
    expect((await resume(source)).sentParts).toEqual([1, 3, 4])
  })

  test('an upload that was aborted meanwhile starts over', async () => {
    const source = await died('before the stop')
    await harness.control.abortUploads(bucket)
    expect((await resume(source)).sentParts).toEqual([1, 2, 3, 4])
  })

  test('of more parts than COS lists at once: all of them are found again, and none is sent twice', async () => {
    const parts = 1100
    const store = () => harness.store({ plan: { holdbackBytes: MiB, partBytes: 1024 } })
    const source = harness.source('many.mp4')
    const bodyBytes = harness.grow(source, MiB + parts * 1024)
    const before = store().open(source)
    before.grew(bodyBytes)
    await expect.poll(() => before.uploadedBytes, { timeout: 60_000 }).toBe(parts * 1024)
    await harness.control.clearRequests()
    // COS takes no parts that are so small in the end; all that is asked here is what is sent.
    await expect(store().open(source).finish(Buffer.from('head'), bodyBytes)).rejects.toMatchObject({ code: 'EntityTooSmall' })
    expect(harness.logged.find(({ msg }) => msg === 'Resumed an upload')).toMatchObject({ parts, bytes: parts * 1024 })
    expect((await harness.control.requests({ operation: 'UploadPart' })).map(({ partNumber }) => partNumber)).toEqual([1])
    expect(await harness.control.requests({ operation: 'ListParts' })).toHaveLength(2)
  })

  test('a body of which less is left than was sent is stored as it is, and COS keeps no upload of it', async () => {
    const source = await died('before the stop')
    truncateSync(source.bodyPath, 1000)
    expect(await harness.store().open(source).finish(head, 1000)).toMatchObject({ bytes: head.length + 1000 })
    expect((await harness.stored()).equals(harness.file(source, head))).toBe(true)
    expect(await harness.control.uploads(bucket)).toEqual([])
  })

  test('it can go on growing', async () => {
    const source = await died('before the stop')
    const upload = harness.store().open(source)
    const longer = harness.grow(source, 2 * MiB)
    upload.grew(longer)
    await upload.finish(head, longer)
    expect((await harness.stored()).equals(harness.file(source, head))).toBe(true)
    const sent = (await harness.control.requests({ operation: 'UploadPart' })).map(({ partNumber }) => partNumber)
    expect(sent).not.toContain(2)
  })

  test('logged sizes hold, whatever this version would choose', async () => {
    const source = await died('before the stop')
    const store = harness.store({ plan: { holdbackBytes: 2 * MiB, partBytes: 2 * MiB } })
    await store.open(source).finish(head, bodyBytes)
    expect((await harness.stored()).equals(harness.file(source, head))).toBe(true)
    expect(await harness.control.requests({ operation: 'UploadPart' })).toHaveLength(2)
  })
})

describe('a recorder that died after COS had completed the file', () => {
  test('its successor finds the object, and sends nothing', async () => {
    const source = await died('after completion')
    keepLines(source, 5) // all parts, not that it is stored
    const { sentParts, operations } = await resume(source)
    expect(sentParts).toEqual([])
    expect([...operations].sort()).toEqual(['HeadObject', 'ListParts'])
  })

  test.each([0, 1, 2, 3, 4])('with %i lines of its log, the file is made again', async (count) => {
    const source = await died('after completion')
    keepLines(source, count)
    expect((await resume(source)).sentParts).toEqual([1, 2, 3, 4])
  })

  test('with another object under the key, the file is made again', async () => {
    const source = await died('after completion')
    await harness.store().put(source.key, Buffer.from('something else'), 'text/plain')
    await harness.control.clearRequests()
    expect((await resume(source)).sentParts).toEqual([1, 2, 3, 4])
  })
})
