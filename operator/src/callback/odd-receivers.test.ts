import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { type DeliveryResult, deliver, inFull } from './delivery.ts'
import { proxyOfEnvironment } from './environment.ts'

/** Receivers that speak for themselves, byte by byte: what they may not do, they do. */

const servers: Server[] = []
const sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))))
})

/** `answer` has the connection when all of the request is there. */
async function startReceiver(answer: (socket: Socket) => void): Promise<number> {
  return listen(
    createServer((socket) => {
      let text = ''
      sockets.push(socket)
      socket.on('error', () => {})
      socket.setEncoding('latin1').on('data', (part: string) => {
        text += part
        if (text.endsWith('{"Files":[]}')) answer(socket)
      })
    }),
  )
}

async function listen(server: Server): Promise<number> {
  servers.push(server.listen(0, '127.0.0.1'))
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const policy = { allow: ['127.0.0.0/8'], deny: [], apiServer: [], allowPrivate: true }
const post = (url: string, proxy = proxyOfEnvironment({})) =>
  deliver({
    ...{ url, policy, timeoutMillis: 2000, id: 'uid/result', body: { Files: [] } as never },
    signal: new AbortController().signal,
    ...(proxy === undefined ? {} : { proxy }),
  })

const says =
  (...parts: (string | Buffer)[]) =>
  (socket: Socket) => {
    for (const part of parts) socket.write(part)
  }
const delivered = (statusCode = 200): DeliveryResult => ({ outcome: 'delivered', statusCode })
const refused = (statusCode: number, more = '') => ({ outcome: 'refused', statusCode, told: `answered ${statusCode}${more}` })
const unreachable = (told: string) => ({ outcome: 'unreachable', told })
const noHttp = unreachable('gave an answer that is not HTTP/1.1')
const cut = unreachable('could not be reached: ECONNRESET: the connection was cut before there was an answer')

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'
const many = (count: number) => 'HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n'.repeat(count)

it.each<[string, (socket: Socket) => void, object]>([
  // Interim answers, which nobody asked for, before the final one.
  ['100 Continue, and then takes it', says('HTTP/1.1 100 Continue\r\n\r\n', ok), delivered()],
  ['100 Continue, and then refuses it', says('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\n\r\n'), refused(404)],
  ['102 Processing and 103 Early Hints', says('HTTP/1.1 102 Processing\r\n\r\n', many(1), ok), delivered()],
  ['interim answers without end, and then takes it', says(many(500), ok), delivered()],
  ['interim answers without end', says(many(100_000)), noHttp],
  ['100 Continue, and then nothing', says('HTTP/1.1 100 Continue\r\n\r\n'), unreachable('did not answer within 2 s')],
  ['100 Continue, and ends', (socket) => socket.end('HTTP/1.1 100 Continue\r\n\r\n'), cut],
  ['that it goes on in another protocol', says('HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'), noHttp],
  // Status lines.
  ['200 without a reason', says('HTTP/1.1 200\r\n\r\n'), delivered()],
  ['200 of HTTP/1.0', says('HTTP/1.0 200 OK\r\n\r\n'), delivered()],
  ['204 with a body', says('HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello'), delivered(204)],
  ['600', says('HTTP/1.1 600 Odd\r\n\r\n'), refused(600)],
  ['302', says('HTTP/1.1 302 Found\r\nlocation: /hook\r\n\r\n'), refused(302, '; redirects are not followed')],
  ...['000 None', '099 None', '99 None', '2000 OK', '-20 OK', 'abc OK', '20', ''].map(
    (status) => [`the status ${status}`, says(`HTTP/1.1 ${status}\r\n\r\n`), noHttp] as [string, () => void, object],
  ),
  ['a version that there is not', says('HTTP/9.9 200 OK\r\n\r\n'), noHttp],
  ['HTTP/0.9', says('<html>hello</html>'), noHttp],
  ['HTTP/2', says(Buffer.from('000006040000000000000300000064', 'hex')), noHttp],
  ['TLS', says(Buffer.from('15030300020246', 'hex')), noHttp],
  ['another protocol', says('SSH-2.0-OpenSSH_9.6\r\n'), noHttp],
  // Heads and bodies.
  ['headers without end', says('HTTP/1.1 200 OK\r\n', 'x-a: b\r\n'.repeat(10_000)), noHttp],
  ['a header without end', says('HTTP/1.1 200 OK\r\nx-a: ', 'b'.repeat(100_000)), noHttp],
  ['a length that is none', says('HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n'), noHttp],
  ['a head that does not end', (socket) => socket.end('HTTP/1.1 200 OK\r\n'), cut],
  ['chunks without end', says('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n'), delivered()],
  ['chunks that are none', says('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nhello\r\n'), delivered()],
  ['a body without end', says('HTTP/1.1 200 OK\r\n\r\n', 'x'.repeat(1_000_000)), delivered()],
  // No answer.
  ['nothing, and ends', (socket) => socket.end(), cut],
  ['nothing, and cuts the connection', (socket) => socket.resetAndDestroy(), cut],
])('who answers with %s is judged by what was answered, in words of our own', async (_, answer, expected) => {
  const port = await startReceiver(answer)
  const result = await post(`http://127.0.0.1:${port}/hook?token=top`)
  if (result.outcome === 'delivered') return expect(result).toEqual(expected)
  const { told, ...others } = expected as { told: string }
  expect(result).toMatchObject({ ...others, message: `http://127.0.0.1:${port} ${told}` })
  expect(inFull(result)).not.toContain('top')
})

it('does not speak TLS with who does not', async () => {
  const plain = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n')
  })
  const url = `https://127.0.0.1:${await listen(plain)}`
  const message = `${url} could not be reached: it does not speak TLS, or not as the operator does`
  expect(await post(url)).toMatchObject({ outcome: 'unreachable', message })
})

it('takes interim answers through a proxy, too, and says that one does not let it through', async () => {
  const port = await startReceiver(says('HTTP/1.1 100 Continue\r\n\r\n', ok))
  const asked: string[] = []
  const proxy = createHttpServer().on('connect', (request, client: Socket, head: Buffer) => {
    asked.push(`${request.url} ${request.headers['proxy-authorization']}`)
    sockets.push(client)
    if (request.url === 'closed.example:80') return client.end('HTTP/1.1 403 Forbidden\r\n\r\n')
    const upstream = connect(port, '127.0.0.1', () => client.write('HTTP/1.1 200 Connection established\r\n\r\n'))
    sockets.push(upstream)
    upstream.write(head)
    client.pipe(upstream).pipe(client)
  })
  const through = proxyOfEnvironment({ HTTP_PROXY: `http://us%3Aer:pass@127.0.0.1:${await listen(proxy)}` })
  expect(await post('http://hooks.example/', through)).toEqual(delivered())
  expect(await post('http://closed.example/', through)).toMatchObject({
    message:
      'http://closed.example could not be reached: PROXY_REFUSED: the proxy does not let the operator through to it; the operator’s log says what it answered',
  })
  const user = `Basic ${Buffer.from('us:er:pass').toString('base64')}`
  expect(asked).toEqual([`hooks.example:80 ${user}`, `closed.example:80 ${user}`])
})

it.each<[string, string, string]>([
  ['where nobody listens', '127.0.0.1:1', 'ECONNREFUSED'],
  ['that is none', '', 'HPE_'],
])('does not say of a receiver what is amiss with a proxy %s', async (_, given, why) => {
  const none = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {}).end('220 ready\r\n\r\n')
  })
  const address = given || `127.0.0.1:${await listen(none)}`
  const result = (await post('http://hooks.example/', proxyOfEnvironment({ HTTP_PROXY: address }))) as never
  expect(result).toMatchObject({
    message:
      'http://hooks.example could not be reached: PROXY_FAILED: the proxy that is on the way to it cannot be used; the operator’s log says why',
  })
  expect(inFull(result)).toContain(why)
})
