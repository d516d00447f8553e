import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { identities } from '../identities.ts'
import { type CallbackControl, callbackControl } from './control-client.ts'
import { type RunningCallbackSink, signedPath, startCallbackSink } from './server.ts'

let dir: string
let sink: RunningCallbackSink
let control: CallbackControl

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'callback-'))
  sink = await startCallbackSink({ address: '127.0.0.1', port: 0, dir })
  control = callbackControl(sink.controlUrl)
})
afterEach(async () => {
  await sink.close()
  rmSync(dir, { recursive: true, force: true })
})

const post = (path: string, body: string, headers: Record<string, string> = {}) =>
  fetch(`${sink.url}${path}`, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } })
const sign = (key: string, body: string) => ({ Sign: createHmac('sha256', key).update(body).digest('base64') })

describe('what arrives', () => {
  test('is kept as it came, and answered with 200', async () => {
    const body = '{"UserId":"ä",  "Files":[]}'
    const answer = await post('/done?lesson=7', body, { 'Idempotency-Key': 'k-1' })
    expect([answer.status, await answer.json()]).toEqual([200, { code: 0 }])
    const [kept, ...more] = await control.requests()
    expect(more).toEqual([])
    expect(kept).toMatchObject({ sequence: 1, method: 'POST', path: '/done?lesson=7', body, status: 200, signature: 'unchecked' })
    expect(kept!.headers).toMatchObject({ 'content-type': 'application/json', 'idempotency-key': 'k-1' })
    expect(Math.abs(Date.now() - Date.parse(kept!.time))).toBeLessThan(5000)
  })

  test('can be asked for by path, and cleared', async () => {
    await post('/a', '1')
    await post('/b', '2')
    expect((await control.requests('/b')).map(({ body }) => body)).toEqual(['2'])
    await control.clear()
    expect(await control.requests()).toEqual([])
  })

  test('can be waited for, and it is said when it did not come', async () => {
    const waiting = control.waitFor('/a', 2)
    await post('/a', '1')
    await post('/a', '2')
    expect(await waiting).toHaveLength(2)
    await expect(control.waitFor('/a', 3, 20)).rejects.toThrow('The sink got 2 of 3 callbacks to /a')
  })

  test('survives a restart', async () => {
    await post('/a', '1')
    await sink.close()
    sink = await startCallbackSink({ address: '127.0.0.1', port: 0, dir })
    control = callbackControl(sink.controlUrl)
    await post('/a', '2')
    expect((await control.requests()).map(({ sequence, body }) => [sequence, body])).toEqual([
      [1, '1'],
      [2, '2'],
    ])
  })
})

describe('signatures', () => {
  const { signingKey } = identities.callback

  test.each([
    ['of the raw body', sign(signingKey, '{"a":1}'), 'valid', 200],
    ['of another body', sign(signingKey, '{"a": 1}'), 'invalid', 401],
    ['with another key', sign('other', '{"a":1}'), 'invalid', 401],
    ['that is missing', {}, 'missing', 401],
  ] as const)('one %s', async (_what, headers, signature, status) => {
    expect((await post(signedPath, '{"a":1}', headers)).status).toBe(status)
    expect(await control.requests()).toMatchObject([{ signature, status }])
  })

  test('keys can be set and taken away', async () => {
    await control.setKey('/mine', 'my key')
    expect((await post('/mine', 'x', sign('my key', 'x'))).status).toBe(200)
    expect((await post('/mine', 'x')).status).toBe(401)
    await control.setKey('/mine')
    expect((await post('/mine', 'x')).status).toBe(200)
  })
})

describe('bad days', () => {
  test('refuses the next few, then takes them again', async () => {
    await control.behave({ kind: 'refuse', status: 503 }, { path: '/a', count: 2 })
    expect((await post('/b', 'x')).status).toBe(200)
    const statuses = []
    for (let i = 0; i < 3; i++) statuses.push((await post('/a', 'x')).status)
    expect(statuses).toEqual([503, 503, 200])
    expect((await control.requests('/a')).map(({ status }) => status)).toEqual(statuses)
  })

  test('refuses until told to stop, also with a redirect', async () => {
    await control.behave({ kind: 'refuse', status: 307, location: '/elsewhere' })
    const answer = await fetch(`${sink.url}/a`, { method: 'POST', body: 'x', redirect: 'manual' })
    expect([answer.status, answer.headers.get('location')]).toEqual([307, '/elsewhere'])
    await control.clearBehaviours()
    expect((await post('/a', 'x')).status).toBe(200)
  })

  test('stalls: takes the request and says nothing', async () => {
    await control.behave({ kind: 'stall' }, { count: 1 })
    const posted = fetch(`${sink.url}/a`, { method: 'POST', body: 'x', signal: AbortSignal.timeout(100) })
    await expect(posted).rejects.toThrow(/timeout/)
    expect(await control.requests()).toMatchObject([{ body: 'x', status: 0 }])
  })

  test('slow: answers late', async () => {
    await control.behave({ kind: 'slow', delayMillis: 80 }, { count: 1 })
    const started = performance.now()
    expect((await post('/a', 'x')).status).toBe(200)
    expect(performance.now() - started).toBeGreaterThanOrEqual(79)
  })

  test('resets: takes the request and breaks the connection', async () => {
    await control.behave({ kind: 'reset' }, { count: 1 })
    await expect(post('/a', 'x')).rejects.toMatchObject({ cause: { code: expect.stringMatching(/ECONNRESET|UND_ERR_SOCKET/) } })
    expect(await control.requests()).toMatchObject([{ status: 0 }])
  })

  test('down: nobody is there until it is up again, under the same address', async () => {
    await control.down(true)
    await expect(post('/a', 'x')).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
    await control.down(false)
    expect((await post('/a', 'x')).status).toBe(200)
  })

  test('down for a while: comes back by itself', async () => {
    await control.down(true, 50)
    await expect(post('/a', 'x')).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
    await expect.poll(async () => (await post('/a', 'x').catch(() => undefined))?.status).toBe(200)
  })
})
