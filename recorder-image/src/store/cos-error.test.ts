import { describe, expect, test } from 'vitest'
import { type CosFailure, isUploadGone, storeErrorOf } from './cos-error.ts'

const failure = (facts: Partial<CosFailure>): CosFailure => ({
  ...{ operation: 'UploadPart', bucket: 'lessons-1250000000', key: 'a/alice.mp4' },
  ...{ status: 403, code: 'AccessDenied', detail: 'Access Denied.', requestId: 'NjE=' },
  ...facts,
})

describe('what may pass and what will not', () => {
  test.each([
    ['refused', 403, 'AccessDenied'],
    ['refused', 404, 'NoSuchBucket'],
    ['refused', 404, 'NoSuchUpload'],
    ['refused', 400, 'EntityTooSmall'],
    ['refused', 301, 'PermanentRedirect'],
    ['refused', 400, 'KmsKeyDisabled'],
    ['refused', 400, 'NotSupportedStorageClass'],
    ['refused', 403, 'InvalidObjectState'],
    ['refused', 409, 'ObjectLocked'],
    ['refused', 451, 'UnavailableForLegalReasons'],
    ['unavailable', 400, 'ExpiredToken'],
    ['unavailable', 400, 'UserNetworkTooSlow'],
    ['unavailable', 400, 'EntitySizeNotMatch'],
    ['unavailable', 403, 'Request has expired'],
    ['unavailable', 409, 'UploadConflict'],
    ['unavailable', 503, 'KmsFreqControl'],
    ['unavailable', 403, 'SignatureDoesNotMatch'],
    ['unavailable', 403, 'InvalidAccessKeyId'],
    ['unavailable', 403, 'ExpiredToken'],
    ['unavailable', 500, 'InternalError'],
    ['unavailable', 503, 'SlowDown'],
    ['unavailable', 502, ''],
    ['unavailable', 429, 'TooManyRequests'],
    ['unavailable', 408, ''],
    ['unavailable', 409, 'OperationAborted'],
    ['refused', 500, 'NoSuchUpload'],
    ['unavailable', 400, 'RequestTimeout'],
    ['unavailable', 400, 'IncompleteBody'],
    ['unavailable', 0, 'ECONNRESET'],
    ['unavailable', 0, 'ENOTFOUND'],
  ])('%s: HTTP %i %s', (kind, status, code) => expect(storeErrorOf(failure({ status, code })).kind).toBe(kind))

  test.each([302, 403, 404, 407, 502])(
    'what somebody between here and COS answers, HTTP %i, says nothing of the object',
    (status) => {
      for (const key of ['', 'a/alice.mp4'])
        expect(storeErrorOf(failure({ status, code: '', requestId: undefined, key }))).toMatchObject({
          kind: 'unavailable',
          code: `HTTP${status}`,
          message: expect.stringMatching(/an answer without a COS error.*Check that this machine reaches COS/),
        })
    },
  )

  test('an upload that is gone can be begun anew', () => {
    expect(isUploadGone(storeErrorOf(failure({ status: 404, code: 'NoSuchUpload' })))).toBe(true)
    expect(isUploadGone(storeErrorOf(failure({ status: 404, code: 'NoSuchBucket' })))).toBe(false)
  })
})

describe('what the reader is told', () => {
  test('operation, object, bucket, code, status, request and what to do', () =>
    expect(storeErrorOf(failure({})).message).toMatch(
      /^COS refused UploadPart of a\/alice\.mp4 in bucket lessons-1250000000: AccessDenied: Access Denied \(HTTP 403, request NjE=\)\. Allow the credentials to write there/,
    ))

  test.each([
    [400, 'BucketAccelerateNotEnabled', 'Enable global acceleration'],
    [400, 'KmsKeyDisabled', 'Enable the key of spec.cos.encryption'],
    [400, 'NotSupportedStorageClass', 'Correct spec.cos.storageClass'],
    [400, 'UserNetworkTooSlow', 'The line to COS is too slow'],
    [403, 'InvalidObjectState', 'Restore it first'],
    [409, 'ObjectLocked', 'Record to another bucket or path'],
    [451, 'UnavailableForLegalReasons', 'such as unpaid bills'],
  ])('what can be done about HTTP %i %s', (status, code, advice) =>
    expect(storeErrorOf(failure({ status, code })).message).toContain(advice),
  )

  test('no answer at all', () =>
    expect(storeErrorOf(failure({ status: 0, code: 'ECONNREFUSED', detail: 'connect ECONNREFUSED 10.0.0.1:80' })).message).toBe(
      'COS did not answer UploadPart of a/alice.mp4 in bucket lessons-1250000000: ECONNREFUSED: connect ECONNREFUSED 10.0.0.1:80. Check that this machine reaches COS, and spec.cos.endpoint if it is set.',
    ))

  test.each([
    [404, '', 'NoSuchBucket'],
    [404, 'k', 'NoSuchKey'],
    [403, 'k', 'AccessDenied'],
    [416, 'k', 'HTTP416'],
  ])('an answer without a body, as to HEAD: HTTP %i of key %j is %s', (status, key, code) =>
    expect(storeErrorOf(failure({ status, key, code: '', detail: '' })).code).toBe(code),
  )

  test('an expired signature is the clock’s fault, not a missing right', () => {
    const error = storeErrorOf(failure({ detail: 'Request has expired' }))
    expect([error.code, error.message]).toEqual(['RequestExpired', expect.stringContaining('clock')])
  })
})
