import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import COS from 'cos-nodejs-sdk-v5'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { identities } from '../identities.ts'
import { type CosControl, cosControl } from './control-client.ts'
import { Crc64 } from './crc64.ts'
import '../names/this-machine.ts'
import { type RunningCos, startCos } from './server.ts'

const { bucket: Bucket, region: Region, secretId, secretKey } = identities.cos
const here = { Bucket, Region }
const MiB = 1024 * 1024

let dir: string
let running: RunningCos
let control: CosControl
let cos: COS

/** The real SDK as a user of private domains has it; the names are found on this machine. */
function client(
  overrides: COS.COSOptions = {},
  { secretId, secretKey, token }: { secretId: string; secretKey: string; token?: string } = identities.cos,
) {
  return new COS({
    ...{ SecretId: secretId, SecretKey: secretKey, ...(token === undefined ? {} : { SecurityToken: token }) },
    Domain: `{Bucket}.${running.endpoint.replace('http://', '')}`,
    Protocol: 'http:',
    CorrectClockSkew: false,
    ...overrides,
  } as COS.COSOptions)
}

const parts = (...sizes: number[]) => sizes.map((size, i) => Buffer.alloc(size, i + 1))

async function upload(Key: string, bodies: Buffer[]) {
  const { UploadId } = await cos.multipartInit({ ...here, Key })
  const Parts = []
  for (const [i, Body] of bodies.entries()) {
    const { ETag } = await cos.multipartUpload({ ...here, Key, UploadId, PartNumber: i + 1, Body })
    Parts.push({ PartNumber: i + 1, ETag })
  }
  return { UploadId, Parts }
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cos-'))
  running = await startCos({ address: '127.0.0.1', port: 0, dir })
  control = cosControl(running.controlUrl)
  cos = client()
})
afterEach(async () => {
  await running.close()
  await rm(dir, { recursive: true, force: true })
})

describe('writing', () => {
  test('an object put is there, with its checksum, type and storage class', async () => {
    const Key = 'a folder/ünïcode+&=(1)*.mp4'
    await cos.putObject({ ...here, Key, Body: Buffer.from('123456789'), ContentType: 'video/mp4', StorageClass: 'STANDARD_IA' })
    const head = await cos.headObject({ ...here, Key })
    expect(head.headers).toMatchObject({
      'content-length': '9',
      'content-type': 'video/mp4',
      'x-cos-hash-crc64ecma': '11051210869376104954', // the check value of CRC-64/XZ
      'x-cos-storage-class': 'STANDARD_IA',
      'x-cos-request-id': expect.any(String),
      etag: '"25f9e794323b453885f5181f1b624d0b"',
    })
    expect((await cos.getObject({ ...here, Key })).Body.toString()).toBe('123456789')
    expect(await control.fetch(Bucket, Key)).toEqual(Buffer.from('123456789'))
    await cos.deleteObject({ ...here, Key })
    await expect(cos.headObject({ ...here, Key })).rejects.toMatchObject({ statusCode: 404 })
  })

  test('a multipart upload becomes one object', async () => {
    const Key = 'big.mp4'
    const bodies = parts(MiB, MiB + 1, 3)
    const { UploadId, Parts } = await upload(Key, bodies)
    const listed = await cos.multipartListPart({ ...here, Key, UploadId })
    expect(listed.Part.map(({ PartNumber, Size, ETag }) => [PartNumber, Size, ETag])).toEqual(
      Parts.map(({ PartNumber, ETag }, i) => [String(PartNumber), String(bodies[i]!.length), ETag]),
    )
    const uploads = await cos.multipartList({ ...here, Prefix: '', Delimiter: '' })
    expect(uploads.Upload).toMatchObject([{ Key, UploadId }])
    const done = await cos.multipartComplete({ ...here, Key, UploadId, Parts })
    expect(done.ETag).toMatch(/^"[0-9a-f]{32}-3"$/)
    // Buffer.equals: toEqual takes seconds for megabytes.
    expect((await control.fetch(Bucket, Key)).equals(Buffer.concat(bodies))).toBe(true)
    expect((await control.objects(Bucket))[0]!.crc64).toBe(new Crc64().update(Buffer.concat(bodies)).digest())
    const across = await cos.getObject({ ...here, Key, Range: `bytes=${MiB - 1}-${MiB}` })
    expect([...across.Body]).toEqual([1, 2])
    expect(await control.uploads(Bucket)).toEqual([])
  })
})

describe('reading', () => {
  test.each([
    ['bytes=0-2', 206, 'abc', 'bytes 0-2/6'],
    ['bytes=4-', 206, 'ef', 'bytes 4-5/6'],
    ['bytes=-1', 206, 'f', 'bytes 5-5/6'],
    ['bytes=2-100', 206, 'cdef', 'bytes 2-5/6'],
  ])('range %s', async (Range, statusCode, text, contentRange) => {
    await cos.putObject({ ...here, Key: 'k', Body: 'abcdef' })
    const got = await cos.getObject({ ...here, Key: 'k', Range })
    expect([got.statusCode, got.Body.toString(), got.headers?.['content-range']]).toEqual([statusCode, text, contentRange])
  })

  test('a range behind the end is refused', async () => {
    await cos.putObject({ ...here, Key: 'k', Body: 'abcdef' })
    const late = cos.getObject({ ...here, Key: 'k', Range: 'bytes=6-' })
    await expect(late).rejects.toMatchObject({ statusCode: 416, code: 'InvalidRange' })
  })

  test('a listing goes on from its marker and folds at the delimiter', async () => {
    for (const Key of ['a/1', 'a/2', 'b/1', 'c']) await cos.putObject({ ...here, Key, Body: 'x' })
    const first = await cos.getBucket({ ...here, MaxKeys: 2 })
    expect([first.Contents.map(({ Key }) => Key), first.IsTruncated]).toEqual([['a/1', 'a/2'], 'true'])
    const rest = await cos.getBucket({ ...here, Marker: first.NextMarker! })
    expect([rest.Contents.map(({ Key }) => Key), rest.IsTruncated]).toEqual([['b/1', 'c'], 'false'])
    const folded = await cos.getBucket({ ...here, Delimiter: '/' })
    expect(folded.CommonPrefixes).toEqual([{ Prefix: 'a/' }, { Prefix: 'b/' }])
    expect(folded.Contents.map(({ Key }) => Key)).toEqual(['c'])
    expect((await cos.getBucket({ ...here, Prefix: 'b' })).Contents).toHaveLength(1)
  })
})

describe('refusals', () => {
  test('bucket that does not exist', async () => {
    const missing = { Bucket: 'missing-1250000000', Region }
    await expect(cos.headBucket(missing)).rejects.toMatchObject({ statusCode: 404 })
    const put = cos.putObject({ ...missing, Key: 'k', Body: 'x' })
    await expect(put).rejects.toMatchObject({ statusCode: 404, code: 'NoSuchBucket', RequestId: expect.any(String) })
  })

  test.each([
    ['an unknown key id', { secretId: 'AKIDnobody', secretKey }, 'InvalidAccessKeyId'],
    ['a wrong key', { secretId, secretKey: 'wrong' }, 'SignatureDoesNotMatch'],
  ])('%s', async (_what, keys, code) => {
    cos = client({}, keys)
    await expect(cos.putObject({ ...here, Key: 'k', Body: 'x' })).rejects.toMatchObject({ statusCode: 403, code })
    expect(await control.objects(Bucket)).toEqual([])
  })

  test('a signature made for another path', async () => {
    const getAuthorization: COS.COSOptions['getAuthorization'] = ({ Method, Query, Headers }, answer) =>
      answer(COS.getAuthorization({ SecretId: secretId, SecretKey: secretKey, Method, Key: 'other', Query, Headers } as never))
    const put = client({ getAuthorization }).putObject({ ...here, Key: 'k', Body: 'x' })
    await expect(put).rejects.toMatchObject({ statusCode: 403, code: 'SignatureDoesNotMatch' })
  })

  test('a bucket in the path', async () => {
    const put = client({ Domain: `${running.endpoint.replace('http://', '')}/{Bucket}` }).putObject({
      ...here,
      Key: 'k',
      Body: 'x',
    })
    await expect(put).rejects.toMatchObject({ statusCode: 403, code: 'PathStyleDomainForbidden' })
    const response = await fetch(`${running.endpoint.replace('cos.sandbox.test', '127.0.0.1')}/${Bucket}/k`)
    expect([response.status, await response.text()]).toEqual([
      403,
      expect.stringContaining('<Code>PathStyleDomainForbidden</Code>'),
    ])
  })

  test('no signature', async () => {
    const response = await fetch(`${running.endpoint.replace('://', `://${Bucket}.`)}/k`)
    expect([response.status, await response.text()]).toEqual([403, expect.stringContaining('<Code>AccessDenied</Code>')])
  })

  test.each([
    ['after the signature has run out', 3600_000, 'AccessDenied', 'Request has expired'],
    ['from the future', -3600_000, 'RequestTimeTooSkewed', expect.any(String)],
  ])('a request %s', async (_what, offset, code, message) => {
    await control.clockOffset(offset)
    const put = cos.putObject({ ...here, Key: 'k', Body: 'x' })
    await expect(put).rejects.toMatchObject({ statusCode: 403, code, message })
  })

  test('temporary keys work with their token, not without it, not with another, not after their time', async () => {
    const put = (keys: { secretId: string; secretKey: string; token?: string }) =>
      client({}, keys).putObject({ ...here, Key: 'k', Body: 'x' })
    const { secretId, secretKey, token } = await control.temporaryKeys(60)
    await expect(put({ secretId, secretKey, token })).resolves.toMatchObject({ statusCode: 200 })
    await expect(put({ secretId, secretKey })).rejects.toMatchObject({ code: 'InvalidAccessKeyId' })
    await expect(put({ secretId, secretKey, token: 'other' })).rejects.toMatchObject({ code: 'InvalidAccessKeyId' })
    await expect(put(await control.temporaryKeys(-1))).rejects.toMatchObject({ statusCode: 403, code: 'ExpiredToken' })
  })

  test('an upload that does not exist or was aborted', async () => {
    const Key = 'k'
    const { UploadId, Parts } = await upload(Key, parts(3))
    await cos.multipartAbort({ ...here, Key, UploadId })
    const gone = { statusCode: 404, code: 'NoSuchUpload' }
    await expect(cos.multipartUpload({ ...here, Key, UploadId, PartNumber: 1, Body: 'x' })).rejects.toMatchObject(gone)
    await expect(cos.multipartComplete({ ...here, Key, UploadId, Parts })).rejects.toMatchObject(gone)
    await expect(cos.multipartListPart({ ...here, Key, UploadId })).rejects.toMatchObject(gone)
  })

  test('a small part that is not the last', async () => {
    const { UploadId, Parts } = await upload('k', parts(MiB - 1, 3))
    const complete = cos.multipartComplete({ ...here, Key: 'k', UploadId, Parts })
    await expect(complete).rejects.toMatchObject({ statusCode: 400, code: 'EntityTooSmall' })
  })

  test('parts that are unknown, changed or out of order', async () => {
    const { UploadId, Parts } = await upload('k', parts(MiB, MiB))
    const complete = (listed: typeof Parts) => cos.multipartComplete({ ...here, Key: 'k', UploadId, Parts: listed })
    await expect(complete([...Parts, { PartNumber: 3, ETag: Parts[0]!.ETag }])).rejects.toMatchObject({ code: 'InvalidPart' })
    await expect(complete([{ PartNumber: 1, ETag: Parts[1]!.ETag }])).rejects.toMatchObject({ code: 'InvalidPart' })
    await expect(complete([...Parts].reverse())).rejects.toMatchObject({ statusCode: 400, code: 'InvalidPartOrder' })
  })

  test('a part number beyond 10,000, an unknown storage class, a wrong MD5', async () => {
    const { UploadId } = await cos.multipartInit({ ...here, Key: 'k' })
    const part = cos.multipartUpload({ ...here, Key: 'k', UploadId, PartNumber: 10_001, Body: 'x' })
    await expect(part).rejects.toMatchObject({ statusCode: 400, code: 'InvalidArgument' })
    const cold = cos.putObject({ ...here, Key: 'k', Body: 'x', StorageClass: 'COLD' as COS.StorageClass })
    await expect(cold).rejects.toMatchObject({ statusCode: 400, code: 'InvalidArgument' })
    const put = cos.putObject({ ...here, Key: 'k', Body: 'x', Headers: { 'Content-MD5': 'AAAAAAAAAAAAAAAAAAAAAA==' } })
    await expect(put).rejects.toMatchObject({ statusCode: 400, code: 'BadDigest' })
    expect(await control.objects(Bucket)).toEqual([])
  })

  test('an object that does not exist', async () => {
    await expect(cos.getObject({ ...here, Key: 'k' })).rejects.toMatchObject({ statusCode: 404, code: 'NoSuchKey' })
  })

  test('a denied bucket', async () => {
    await control.deny(Bucket, ['PutObject'])
    await expect(cos.putObject({ ...here, Key: 'k', Body: 'x' })).rejects.toMatchObject({ statusCode: 403, code: 'AccessDenied' })
    await expect(cos.headBucket(here)).resolves.toMatchObject({ statusCode: 200 })
  })

  test('a denied bucket, until the faults of that bucket are cleared', async () => {
    await control.deny(Bucket)
    await control.clearFaults('another-1250000000')
    await expect(cos.headBucket(here)).rejects.toMatchObject({ statusCode: 403 })
    await control.clearFaults(Bucket)
    await expect(cos.headBucket(here)).resolves.toMatchObject({ statusCode: 200 })
  })

  test('a full bucket is not deleted, an existing one not created again', async () => {
    await cos.putObject({ ...here, Key: 'k', Body: 'x' })
    await expect(cos.deleteBucket(here)).rejects.toMatchObject({ statusCode: 409, code: 'BucketNotEmpty' })
    await expect(cos.putBucket(here)).rejects.toMatchObject({ statusCode: 409, code: 'BucketAlreadyOwnedByYou' })
  })
})

describe('faults', () => {
  /** A stream: the SDK does not try those again by itself. */
  const put = (Key = 'k') => cos.putObject({ ...here, Key, Body: Readable.from([Buffer.alloc(100_000)]), ContentLength: 100_000 })

  test('an error for the next requests of a kind, then none', async () => {
    const fault = { kind: 'error', status: 503, code: 'SlowDown' } as const
    await control.fault(fault, { operations: ['PutObject'], key: '^k', count: 2 })
    await expect(put('other')).resolves.toMatchObject({ statusCode: 200 })
    await expect(put()).rejects.toMatchObject({ statusCode: 503, code: 'SlowDown' })
    await expect(put()).rejects.toMatchObject({ statusCode: 503 })
    await expect(put()).resolves.toMatchObject({ statusCode: 200 })
    const seen = await control.requests({ key: '^k' })
    expect(seen.map(({ operation, status, fault }) => [operation, status, fault])).toEqual([
      ['PutObject', 503, 'error'],
      ['PutObject', 503, 'error'],
      ['PutObject', 200, undefined],
    ])
  })

  test('a reset leaves nothing, a lost answer leaves the object', async () => {
    await control.fault({ kind: 'reset' }, { count: 1 })
    await expect(put()).rejects.toMatchObject({ code: expect.stringMatching(/ECONNRESET|EPIPE/) })
    expect(await control.objects(Bucket)).toEqual([])
    await control.fault({ kind: 'lostAnswer' }, { count: 1 })
    await expect(put()).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(await control.objects(Bucket)).toMatchObject([{ key: 'k', bytes: 100_000 }])
  })

  test('silence ends in the client’s own time-out', async () => {
    cos = client({ Timeout: 100 })
    await control.fault({ kind: 'silence' }, { count: 1 })
    await expect(put()).rejects.toMatchObject({ code: expect.stringMatching(/TIMEDOUT/) })
  })

  test('slow', async () => {
    await control.fault({ kind: 'slow', delayMillis: 100, bytesPerSecond: 500_000 }, { count: 1 })
    const started = performance.now()
    await put()
    expect(performance.now() - started).toBeGreaterThan(250)
  })

  test('corrupt stores other bytes and says so; a wrong checksum is only said', async () => {
    const header = 'x-cos-hash-crc64ecma'
    const good = (await put()).headers?.[header]
    await control.fault({ kind: 'corrupt' }, { count: 1 })
    expect((await put()).headers?.[header]).not.toBe(good)
    expect((await control.objects(Bucket))[0]!.crc64).not.toBe(good)
    await control.fault({ kind: 'wrongChecksum' }, { count: 1 })
    expect((await put()).headers?.[header]).not.toBe(good)
    expect((await control.objects(Bucket))[0]!.crc64).toBe(good)
  })

  test('an outage refuses connections until it is over', async () => {
    await control.outage(true)
    await expect(put()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await control.outage(false)
    await expect(put()).resolves.toMatchObject({ statusCode: 200 })
  })
})

describe('state', () => {
  test('objects and unfinished uploads survive a restart', async () => {
    const bodies = parts(MiB, 3)
    const { UploadId, Parts } = await upload('big', bodies)
    await cos.putObject({ ...here, Key: 'small', Body: 'x' })
    await running.close()
    running = await startCos({ address: '127.0.0.1', port: 0, dir })
    cos = client()
    await cos.multipartComplete({ ...here, Key: 'big', UploadId, Parts })
    expect((await cos.getObject({ ...here, Key: 'big' })).Body.equals(Buffer.concat(bodies))).toBe(true)
    expect((await cos.getObject({ ...here, Key: 'small' })).Body.toString()).toBe('x')
  })

  test('a test can wait for a request, and hears when it did not come', async () => {
    const waiting = control.waitFor({ operation: 'PutObject', status: 200 })
    await cos.putObject({ ...here, Key: 'k', Body: 'x' })
    expect(await waiting).toMatchObject([{ key: 'k', bytes: 1 }])
    await expect(control.waitFor({ operation: 'UploadPart' }, 1, 20)).rejects.toThrow('COS saw 0 of 1 requests')
  })

  test('uploads can be aborted, buckets made and removed behind a client’s back', async () => {
    const { UploadId } = await upload('k', parts(3))
    expect(await control.uploads(Bucket)).toMatchObject([{ key: 'k', uploadId: UploadId, parts: [{ partNumber: 1, bytes: 3 }] }])
    await control.abortUploads(Bucket)
    expect(await control.uploads(Bucket)).toEqual([])
    const other = { Bucket: 'other-1250000000', Region }
    await control.createBucket(other.Bucket)
    await cos.putObject({ ...other, Key: 'k', Body: 'x' })
    await control.deleteBucket(other.Bucket)
    await expect(cos.headBucket(other)).rejects.toMatchObject({ statusCode: 404 })
  })
})
