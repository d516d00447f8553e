import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { asSchool, gatewayFor, templateBody } from '../testing/harness.ts'
import { serverLimits } from './server.ts'

let gateway: ReturnType<typeof gatewayFor> | undefined
let socket: Socket | undefined
afterEach(async () => {
  socket?.destroy()
  await gateway?.server.close()
})

/** A gateway whose limits are short. */
async function listening(limits: Partial<typeof serverLimits>): Promise<ReturnType<typeof gatewayFor>> {
  gateway = gatewayFor(undefined, {}, undefined, { ...serverLimits, ...limits })
  await gateway.server.listen({ host: '127.0.0.1', port: 0 })
  return gateway
}
async function connected({ server }: ReturnType<typeof gatewayFor>): Promise<Socket> {
  socket = connect((server.server.address() as { port: number }).port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}
const said = async (from: Socket) => {
  let text = ''
  from.setEncoding('latin1').on('data', (more: string) => {
    text += more
  })
  // What is written after the other side has closed is answered with a reset, which is no matter here.
  from.on('error', () => {})
  await new Promise((resolve) => from.once('close', resolve))
  return text
}
const head = (what: string) => `${what} HTTP/1.1\r\nhost: gateway.test\r\nauthorization: ${asSchool.authorization}\r\n`

test('a head that does not end is not waited for', async () => {
  const slow = await connected(await listening({ headersMillis: 50 }))
  slow.write(head('POST /release/f'))
  expect(await said(slow)).toMatch(/^HTTP\/1\.1 408 /)
})

test('a body that does not end is not waited for, however it trickles', async () => {
  const running = await listening({ headersMillis: 100, requestMillis: 100 })
  const slow = await connected(running)
  slow.write(`${head('POST /release/f')}content-type: application/json\r\ncontent-length: 1000\r\n\r\n`)
  const trickle = setInterval(() => slow.write(' '), 20)
  expect(await said(slow)).toMatch(/^HTTP\/1\.1 408 /)
  clearInterval(trickle)
  expect(running.cluster.recordings).toEqual([])
})

test('an answer that nobody reads is not kept', async () => {
  const talkative = await listening({ stillMillis: 500 })
  const id = String((await talkative.post(templateBody)).headers['x-scf-reqid'])
  talkative.cluster.setStatus(`request-${id}`, { attempts: [{ number: 1, pod: 'talkative' }] })
  // More than the kernel takes of an answer.
  talkative.cluster.logs.set('talkative', 'x'.repeat(64 * 1024 * 1024))
  const answering = once(talkative.server.server, 'request') as Promise<[unknown, ServerResponse]>
  const slow = await connected(talkative)
  slow.pause().write(`${head(`GET /v1/requests/${id}/logs`)}\r\n`)
  const [, answer] = await answering
  await once(answer, 'close')
  expect(answer.writableFinished).toBe(false)
})

test.each([
  ['nobody', ''],
  ['a token that is not known', 'authorization: Bearer nobody\r\n'],
  ['a key that is not known', 'authorization: Basic bm9ib2R5Om5vYm9keQ==\r\n'],
  ['a signature of nobody', 'x-tc-action: CreateCloudRecording\r\nx-tc-version: 2019-07-22\r\n'],
])('of %s no body is waited for', async (_, credentials) => {
  const slow = await connected(await listening({}))
  slow.write(`POST /f HTTP/1.1\r\nhost: gateway.test\r\n${credentials}content-length: 100000\r\n\r\n`)
  const [answer] = await once(slow, 'data')
  expect(String(answer)).toMatch(/^HTTP\/1\.1 401 |"AuthFailure\.InvalidAuthorization"/)
})

test('of events of an application that is not heard no body is waited for', async () => {
  const slow = await connected(await listening({}))
  slow.write('POST /v1/events HTTP/1.1\r\nhost: gateway.test\r\nsdkappid: 7\r\ncontent-length: 100000\r\n\r\n')
  const [answer] = await once(slow, 'data')
  expect(String(answer)).toMatch(/^HTTP\/1\.1 401 /)
})

test.each([
  ['says how long it is', 'content-length: 1000'],
  ['does not say how long it is', 'transfer-encoding: chunked'],
])(
  'what is held of bodies has a limit: one more that %s is told to come again, until another has been given up',
  async (_, length) => {
    const limited = await listening({ bodyBytes: 1000, bodyBytesAtOnce: 1500 })
    const first = await connected(limited)
    const arrived = once(limited.server.server, 'request')
    first.write(`${head('POST /f')}content-length: 1000\r\n\r\n{`)
    await arrived
    const ask = async () => {
      const next = connect((limited.server.server.address() as { port: number }).port, '127.0.0.1')
      next.write(`${head('POST /f')}connection: close\r\n${length}\r\n\r\n`)
      const [answer] = await once(next, 'data')
      next.destroy()
      return String(answer)
    }
    const refused = await ask()
    expect(refused).toMatch(/^HTTP\/1\.1 503 /)
    expect(refused).toMatch(/retry-after: 1/i)
    // Without a body there is nothing to hold.
    expect((await limited.get('/v1/requests')).statusCode).toBe(200)
    first.destroy()
    await expect.poll(async () => (await limited.post('{}')).statusCode).toBe(400)
  },
)

test.each([
  ['no HTTP', 'GARBAGE\r\n\r\n', 400, 'InvalidRequest'],
  ['a head without an end', `GET / HTTP/1.1\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`, 431, 'HeadTooLarge'],
  ['chunks that are none', 'POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n', 400, 'InvalidRequest'],
  ['a head that is late', 'GET / HTTP/1.1\r\n', 408, 'TooSlow'],
  [
    'a parameter that is too long',
    `GET /v1/requests/${'a'.repeat(300)} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`,
    400,
    'InvalidRequest',
  ],
  [
    'a path that is no text, of an action',
    'POST /%ff HTTP/1.1\r\nhost: x\r\nx-tc-action: a\r\ncontent-length: 0\r\nconnection: close\r\n\r\n',
    ...([400, 'InvalidRequest'] as const),
  ],
  ['a path that is no text', 'GET /v1/requests/%ff HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 400, 'InvalidRequest'],
])('%s is refused in the words of every refusal, and logged', async (_, bytes, status, code) => {
  const careless = await listening({ headersMillis: 100, requestMillis: 200 })
  const socket = await connected(careless)
  socket.write(bytes)
  const [head = '', body = ''] = (await said(socket)).split('\r\n\r\n')
  expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} .*content-type: application/json`, 'is'))
  expect(JSON.parse(body)).toEqual({
    code,
    message: expect.any(String),
    fields: expect.any(Array),
    requestId: expect.any(String),
  })
  await expect
    .poll(() => careless.lines.map((line) => JSON.parse(line)))
    .toContainEqual(expect.objectContaining({ code, status, requestId: JSON.parse(body).requestId, msg: 'Request answered' }))
})

test.each([
  ['of the proxies that are said to be ours', ['127.0.0.0/8'], '203.0.113.7'],
  ['of none, where none is', [], '127.0.0.1'],
  ['of no other', ['10.0.0.1'], '127.0.0.1'],
])('the audit log has the caller’s address %s', async (_, proxies, from) => {
  const behind = gatewayFor(undefined, {}, undefined, serverLimits, proxies)
  // What the caller itself wrote before it is worth nothing.
  await behind.get('/v1/requests', { ...asSchool, 'x-forwarded-for': '198.51.100.9, 203.0.113.7' })
  expect(JSON.parse(behind.lines.at(-1)!)).toMatchObject({ msg: 'Request answered', from })
})
