import { describe, expect, test } from 'vitest'
import { readAuthorization, type SignedRequest, verify } from './tc3.ts'

/** Made by Tencent’s own SDKs; see docs/verified.md. Both for SecretId AKIDexample at 1760000000. */
const vectors = {
  python: {
    body: '{"SdkAppId": 1400000001, "TaskId": "t-1"}',
    service: 'trtc',
    signature: '64c635b82ba1d997a698f762c1239a05d359cd6d9a9080ddb3f81453570560af',
  },
  node: {
    body: '{"SdkAppId":1400000001,"TaskId":"t-1"}',
    service: '127',
    signature: '3f48d97a8475296a5db2ebb69508625ad33bcc6d5ebc6b3d21f0222d5e804cee',
  },
}
const secretKey = 'exampleSecretKey0123456789'
const now = new Date(1_760_000_000_000)

function call(
  of: keyof typeof vectors,
  over: { headers?: Record<string, string>; body?: string; now?: Date; key?: string; authorization?: string } = {},
) {
  const { body, service, signature } = vectors[of]
  const headers: Record<string, string> = {
    ...{ 'content-type': 'application/json', host: '127.0.0.1:18099', 'x-tc-timestamp': '1760000000' },
    ...over.headers,
  }
  const request: SignedRequest = {
    ...{ method: 'POST', path: '/', query: '', body: Buffer.from(over.body ?? body) },
    header: (name) => headers[name],
  }
  const authorization =
    over.authorization ??
    `TC3-HMAC-SHA256 Credential=AKIDexample/2025-10-09/${service}/tc3_request, SignedHeaders=content-type;host, Signature=${signature}`
  const read = readAuthorization(authorization)
  return read === undefined ? 'unreadable' : verify(request, read, over.key ?? secretKey, over.now ?? now)
}

describe('a signature of version 3', () => {
  test.each(['python', 'node'] as const)('that the SDK for %s made is valid', (of) => {
    expect(call(of)).toEqual({ is: 'valid' })
  })

  test.each([
    ['another byte in the body', { body: '{"SdkAppId":1400000001,"TaskId":"t-2"}' }],
    ['another key', { key: 'exampleSecretKey0123456780' }],
    ['another host', { headers: { host: 'elsewhere.example' } }],
    ['another content type', { headers: { 'content-type': 'text/plain' } }],
    ['another second', { headers: { 'x-tc-timestamp': '1760000001' } }],
  ])('is not valid for %s', (_, over) => {
    expect(call('node', over)).toMatchObject({ is: 'invalid', code: 'AuthFailure.SignatureFailure' })
  })

  test('is good for five minutes, before and after', () => {
    const at = (seconds: number) => call('python', { now: new Date(now.getTime() + seconds * 1000) })
    expect([at(-300), at(300)]).toEqual([{ is: 'valid' }, { is: 'valid' }])
    for (const seconds of [-301, 301]) expect(at(seconds)).toMatchObject({ code: 'AuthFailure.SignatureExpire' })
  })

  test.each([
    ['a date that is not the timestamp’s', '2025-10-10', 'content-type;host'],
    ['no host among what is signed', '2025-10-09', 'content-type'],
    ['no content type among what is signed', '2025-10-09', 'host'],
  ])('is refused with %s', (_, date, names) => {
    const authorization = `TC3-HMAC-SHA256 Credential=AKIDexample/${date}/trtc/tc3_request, SignedHeaders=${names}, Signature=${vectors.node.signature}`
    expect(call('node', { authorization })).toMatchObject({ code: 'AuthFailure.InvalidAuthorization' })
  })

  test.each([
    '',
    'Bearer x',
    'TC3-HMAC-SHA256 Credential=a/b/c',
    `TC3-HMAC-SHA256 Credential=AKID/2025-10-09/trtc/tc3_request, SignedHeaders=content-type;host, Signature=zz`,
  ])('is not read from %j', (authorization) => {
    expect(call('node', { authorization })).toBe('unreadable')
  })

  test('needs a time that is a number', () => {
    expect(call('node', { headers: { 'x-tc-timestamp': 'soon' } })).toMatchObject({ code: 'AuthFailure.InvalidAuthorization' })
  })
})
