import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { bucket, type Harness, MiB, secretId, secretKey, startHarness } from './harness.ts'

let harness: Harness
beforeEach(async () => {
  harness = await startHarness()
})
afterEach(() => harness.close())

describe('before the room is entered', () => {
  test('a bucket that can be written passes, and nothing is left behind', async () => {
    await harness.store().preflight()
    expect(await harness.control.objects(bucket)).toEqual([])
    expect(await harness.control.uploads(bucket)).toEqual([])
  })

  test('the probe asks under the recording’s own path', async () => {
    await harness.store().preflight()
    const [probe] = await harness.control.requests({ operation: 'InitiateMultipartUpload' })
    expect(probe!.key).toMatch(/^lessons\//)
  })

  test.each([
    ...(['InitiateMultipartUpload', 'UploadPart', 'ListParts', 'CompleteMultipartUpload'] as const),
    ...(['PutObject', 'HeadObject', 'AbortMultipartUpload', 'ListMultipartUploads'] as const),
  ])('nothing is left behind although answers to %s are lost', async (operation) => {
    await harness.control.fault({ kind: 'lostAnswer' }, { operations: [operation], count: 2 })
    await harness.store().preflight()
    expect(await harness.control.uploads(bucket)).toEqual([])
  })

  test.each([
    ...(['InitiateMultipartUpload', 'UploadPart', 'ListParts', 'CompleteMultipartUpload'] as const),
    ...(['PutObject', 'HeadObject', 'AbortMultipartUpload'] as const),
  ])('keys without the right to %s are refused, and the right is named', async (operation) => {
    await harness.control.deny(bucket, [operation])
    const message = expect.stringMatching(new RegExp(`refused ${operation} .*Allow the credentials`))
    await expect(harness.store().preflight()).rejects.toMatchObject({ kind: 'refused', code: 'AccessDenied', message })
  })

  test.each([
    ['CompleteMultipartUpload', 'InvalidPartOrder'],
    ['CompleteMultipartUpload', 'EntityTooSmall'],
    ['CompleteMultipartUpload', 'MalformedXML'],
    ['PutObject', 'InvalidDigest'],
  ] as const)('%s that is refused for what the probe says wrongly, as %s, is allowed', async (operation, code) => {
    await harness.control.fault({ kind: 'error', status: 400, code }, { operations: [operation] })
    await expect(harness.store().preflight()).resolves.toBeUndefined()
    expect(await harness.control.uploads(bucket)).toEqual([])
  })

  test.each([
    ['PutObject', 400, 'KmsKeyDisabled'],
    ['UploadPart', 403, 'InvalidObjectState'],
  ] as const)('%s that is refused with %s %s is not', async (operation, status, code) => {
    await harness.control.fault({ kind: 'error', status, code }, { operations: [operation] })
    await expect(harness.store().preflight()).rejects.toMatchObject({ kind: 'refused', code })
  })

  test('keys that may write but not list uploads pass', async () => {
    await harness.control.deny(bucket, ['ListMultipartUploads'])
    await expect(harness.store().preflight()).resolves.toBeUndefined()
  })

  test('tags that COS does not take are refused before anything is recorded', async () => {
    const preflight = harness.store({ cos: { tags: { 'a,b': 'x' } } }).preflight()
    await expect(preflight).rejects.toMatchObject({ kind: 'refused', code: 'InvalidTag' })
  })

  test('keys that may write but not ask about the bucket pass', async () => {
    await harness.control.deny(bucket, ['HeadBucket'])
    await expect(harness.store().preflight()).resolves.toBeUndefined()
  })

  test('keys that have run out, of which COS says no more than HTTP 400 when it is asked about the bucket, are followed by others', async () => {
    await harness.control.fault({ kind: 'error', status: 400, code: 'ExpiredToken' }, { count: 2 })
    await expect(harness.store().preflight()).resolves.toBeUndefined()
    expect((await harness.control.requests()).slice(0, 2).map(({ operation, code }) => `${operation} ${code}`)).toEqual([
      'HeadBucket ExpiredToken',
      'InitiateMultipartUpload ExpiredToken',
    ])
  })

  test('a bucket that does not exist', async () => {
    const store = harness.store({ cos: { bucket: 'missing-1250000000' } })
    await expect(store.preflight()).rejects.toMatchObject({
      kind: 'refused',
      code: 'NoSuchBucket',
      message: expect.stringMatching(/HeadBucket of bucket missing-1250000000.*Create the bucket, or correct spec\.cos\.bucket/),
    })
  })

  test.each([
    ['access denied', undefined, 'AccessDenied', /Allow the credentials/],
    ['an unknown secretId', { secretId: 'AKIDnobody', secretKey }, 'InvalidAccessKeyId', /secretId is not known/],
    ['a wrong secretKey', { secretId, secretKey: 'wrong-key-wrong-key' }, 'SignatureDoesNotMatch', /secretKey does not belong/],
    ['temporary keys without their token', 'without token', 'InvalidAccessKeyId', /token is missing/],
    ['temporary keys that have run out, and are not followed by others,', 'run out', 'ExpiredToken', /have run out/],
  ] as const)('%s: said with what to do', async (_what, keys, code, advice) => {
    if (keys === undefined) await harness.control.deny(bucket)
    const { token, ...untokened } = await harness.control.temporaryKeys(keys === 'run out' ? -1 : 60)
    const credentials =
      keys === undefined
        ? { secretId, secretKey }
        : keys === 'without token'
          ? untokened
          : keys === 'run out'
            ? { ...untokened, token }
            : keys
    const error = await harness
      .store({ keys: () => credentials })
      .preflight({ deadline: performance.now() + 200 })
      .catch((error) => error)
    const kind = keys === 'run out' ? 'unavailable' : 'refused'
    expect(error).toMatchObject({ name: 'StoreError', kind, code, message: expect.stringMatching(advice) })
  })

  test('COS out of reach is unavailable when the time is over, and the system’s reason is named', async () => {
    await harness.control.outage(true)
    const deadline = performance.now() + 150
    await expect(harness.store().preflight({ deadline })).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'ECONNREFUSED',
      message: expect.stringContaining('spec.cos.endpoint'),
    })
  })

  test('credentials that cannot be read are unavailable', async () => {
    const credentials = () => Promise.reject(new Error('no file secretId in Secret cos'))
    const preflight = harness.store({ keys: credentials }).preflight({ deadline: performance.now() + 100 })
    await expect(preflight).rejects.toMatchObject({ code: 'NoCredentials', message: expect.stringContaining('Secret cos') })
  })
})

describe('credentials', () => {
  test('temporary ones work with their token', async () => {
    const credentials = await harness.control.temporaryKeys(60)
    const source = harness.source()
    await harness
      .store({ keys: () => credentials })
      .open(source)
      .finish(Buffer.from('head'), harness.grow(source, 3 * MiB))
    expect((await harness.stored()).length).toBe(3 * MiB + 4)
  })

  test('are asked for anew, so that fresh ones end an upload begun with old ones', async () => {
    const keys = [await harness.control.temporaryKeys(-1), await harness.control.temporaryKeys(60)]
    let current = keys[1]!
    const source = harness.source()
    const upload = harness.store({ keys: () => current }).open(source)
    const bodyBytes = harness.grow(source, 3 * MiB)
    upload.grew(bodyBytes)
    await expect.poll(() => upload.uploadedBytes).toBe(2 * MiB)
    current = keys[0]!
    const again = harness.store({ keys: () => current }).preflight()
    await harness.control.waitFor({ code: 'ExpiredToken' }, 2)
    current = keys[1]!
    await again
    await expect(upload.finish(Buffer.from('head'), bodyBytes)).resolves.toMatchObject({ bytes: 3 * MiB + 4 })
  })

  test('appear in no log line, error or log', async () => {
    const credentials = await harness.control.temporaryKeys(60)
    const source = harness.source()
    const upload = harness.store({ keys: () => credentials }).open(source)
    const bodyBytes = harness.grow(source, 3 * MiB)
    upload.grew(bodyBytes)
    await expect.poll(() => upload.uploadedBytes).toBe(2 * MiB)
    const message = `who is ${credentials.secretId} with ${credentials.secretKey} and ${credentials.token}?`
    await harness.control.fault({ kind: 'error', status: 403, code: 'AccessDenied', message })
    const error = await upload.finish(Buffer.from('head'), bodyBytes).catch((error) => error)
    expect(error.message).toContain('who is … with … and …?')
    const written = [JSON.stringify(harness.logged), String(error.stack), readFileSync(source.logPath, 'utf8')].join('\n')
    for (const secret of Object.values(credentials)) expect(written).not.toContain(secret)
  })
})
