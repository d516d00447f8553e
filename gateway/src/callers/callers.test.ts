import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { asSchool, asStudio, gatewayFor, school, sdkAppId, studio, templateBody } from '../testing/harness.ts'
import { parseCallers } from './directory.ts'

describe('who may call', () => {
  test.each([
    ['nothing', {}],
    ['a token that is nobody’s', { authorization: 'Bearer school-bearer-token-2' }],
    ['a wrong password', { authorization: `Basic ${btoa('AKIDschool:wrong')}` }],
    ['a word without a scheme', { authorization: 'school-bearer-token-1' }],
    ['a scheme there is not', { authorization: 'Digest x' }],
    ['Basic without a colon', { authorization: `Basic ${btoa('AKIDschool')}` }],
  ])('not who shows %s', async (_, headers) => {
    const { post, cluster } = gatewayFor()
    const answer = await post(templateBody, headers as Record<string, string>)
    expect(answer.statusCode).toBe(401)
    expect(answer.headers['www-authenticate']).toContain('Bearer')
    expect(answer.json()).toMatchObject({ code: 'Unauthenticated', fields: [] })
    expect(cluster.calls).toEqual([])
  })

  test('who has the key pair, as user and password of a URL', async () => {
    const { post } = gatewayFor()
    const authorization = `Basic ${btoa('AKIDschool:school-secret-key-0001')}`
    expect((await post(templateBody, { authorization })).statusCode).toBe(200)
  })

  test('everybody, only where somebody said so; and wrong credentials do not become none', async () => {
    const open = { ...studio, credentials: [{ type: 'Anonymous' }] }
    const { post } = gatewayFor([school, open])
    expect((await post(templateBody, {})).statusCode).toBe(200)
    expect((await post(templateBody, { authorization: 'Bearer wrong' })).statusCode).toBe(401)
  })

  test('a user of Kubernetes that the API server knows by the token', async () => {
    const username = 'system:serviceaccount:lessons:starter'
    const { post, cluster, clock } = gatewayFor([{ ...school, credentials: [{ type: 'KubernetesUser', username }] }])
    const call = (token: string) => post(templateBody, { authorization: `Bearer ${token}` })
    expect((await call('a.b.c')).statusCode).toBe(401)
    cluster.tokens.set('d.e.f', username)
    cluster.tokens.set('g.h.i', 'system:serviceaccount:lessons:other')
    expect((await call('d.e.f')).statusCode).toBe(200)
    expect((await call('d.e.f')).statusCode).toBe(200)
    expect((await call('g.h.i')).statusCode).toBe(401)
    expect(cluster.calls.filter((what) => what.startsWith('create tokenreviews'))).toHaveLength(3)
    // One that was taken back is good for a minute at most.
    cluster.tokens.delete('d.e.f')
    clock.now = new Date(clock.now.getTime() + 61_000)
    expect((await call('d.e.f')).statusCode).toBe(401)
  })

  test('nobody by a token of Kubernetes while the API server does not answer: that is no refusal', async () => {
    const { post, cluster } = gatewayFor()
    cluster.fail('create', 'tokenreviews')
    expect((await post(templateBody, { authorization: 'Bearer a.b.c' })).statusCode).toBe(503)
  })

  test('only for the applications of the grants, each in its namespace', async () => {
    const grants = [
      { namespace: 'music', applications: [1400000002] },
      { namespace: 'rest', applications: [sdkAppId, 1400000003] },
    ]
    const { post, cluster } = gatewayFor([{ ...school, grants }])
    await post(templateBody)
    await post({ ...templateBody, SdkAppId: 1400000002 })
    expect(cluster.recordings.map(({ metadata }) => metadata.namespace)).toEqual(['rest', 'music'])
    const answer = await post({ ...templateBody, SdkAppId: 1400000009 })
    expect(answer.statusCode).toBe(403)
    expect(answer.json().fields).toMatchObject([{ field: 'SdkAppId' }])
  })

  test('so often as was said, and then after a while again', async () => {
    const { get, clock } = gatewayFor([{ ...school, limits: { requestsPerSecond: 0.5, burst: 2 } }, studio])
    const codes = async () => [await get('/v1/requests'), await get('/v1/requests')].map(({ statusCode }) => statusCode)
    expect(await codes()).toEqual([200, 200])
    const refused = await get('/v1/requests')
    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([429, '2'])
    expect((await get('/v1/requests', asStudio)).statusCode).toBe(200)
    clock.now = new Date(clock.now.getTime() + 2000)
    expect(await codes()).toEqual([200, 429])
  })

  test('with no more recordings under way than was said; what there is can still be asked for again', async () => {
    const { post, cluster, clock } = gatewayFor([{ ...school, limits: { activeRecordings: 2 } }])
    const once = { ...asSchool, 'idempotency-key': 'a' }
    expect((await post(templateBody, once)).statusCode).toBe(200)
    expect((await post(templateBody)).statusCode).toBe(200)
    expect((await post(templateBody)).json()).toMatchObject({ code: 'QuotaExceeded' })
    expect((await post(templateBody, once)).statusCode).toBe(200)
    cluster.setStatus(cluster.recordings[0]!.metadata.name, { completionTime: '2026-03-01T10:00:00Z' })
    clock.now = new Date(clock.now.getTime() + 3000)
    expect((await post(templateBody)).statusCode).toBe(200)
    expect((await post(templateBody)).statusCode).toBe(429)
  })
})

describe('the document of callers', () => {
  test('may be empty: then nobody may call', () => {
    expect(parseCallers('').callers).toEqual([])
    expect(parseCallers('callers: []').anonymous).toBeUndefined()
  })

  test.each([
    ['callers.0.name', { ...school, name: 'The School' }],
    [
      'callers.0.credentials.0.secretKey',
      { ...school, credentials: [{ type: 'KeyPair', secretId: 'AKID', secretKey: 'short' }] },
    ],
    ['callers.0.credentials', { ...school, credentials: [] }],
    ['callers.0.grants.0.applications', { ...school, grants: [{ namespace: 'a', applications: 'any' }] }],
    [
      'callers.0.grants.0.recording: cos.endpoint',
      { ...school, grants: [{ ...school.grants[0], recording: { cos: { endpoint: 'x' } } }] },
    ],
    [
      'callers.0.grants.0.recording: limit: is no field',
      { ...school, grants: [{ ...school.grants[0], recording: { limit: {} } }] },
    ],
    [
      'callers.0.grants.0.recording: ttlSecondsAfterFinished: is said for all',
      { ...school, grants: [{ ...school.grants[0], recording: { ttlSecondsAfterFinished: 60 } }] },
    ],
    [
      'callers.0.grants.0.recording: userId: is each request’s own',
      { ...school, grants: [{ ...school.grants[0], recording: { userId: 'robot' } }] },
    ],
    ['callers.0.limits', { ...school, limits: { requestPerSecond: 1 } }],
  ])('is refused with %s named', (words, caller) => {
    expect(() => parseCallers(stringify({ callers: [caller] }))).toThrow(words)
  })

  test('has each credential once', () => {
    expect(() => parseCallers(stringify({ callers: [school, { ...school, name: 'other' }] }))).toThrow(
      'callers.1.credentials.0.secretId',
    )
  })

  test('is not quoted when it cannot be read', () => {
    const text = 'callers: [{ token: very-secret-token ]\n'
    expect(() => parseCallers(text)).toThrow(/no YAML/)
    expect(() => parseCallers(text)).not.toThrow(/very-secret/)
  })
})
