import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { type Delivery, deliver, inFull } from './delivery.ts'
import { proxyOfEnvironment } from './environment.ts'

/** Receivers and proxies that speak TLS, with certificates of an authority that is trusted here, as the chart's `caBundle` is, and with others. */

const folder = mkdtempSync(join(tmpdir(), 'receivers-'))
const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' })
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
const read = (name: string) => readFileSync(join(folder, name), 'utf8')

function certificate(name: string, { by, names, days }: { by: string; names: string; days: number }): void {
  writeFileSync(join(folder, 'names'), `subjectAltName=${names}`)
  openssl('req', ...newKey, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', 'request')
  const signed = ['-CA', `${by}.crt`, '-CAkey', `${by}.key`, '-CAcreateserial', '-days', `${days}`, '-extfile', 'names']
  openssl('x509', '-req', '-in', 'request', ...signed, '-out', `${name}.crt`)
}

const trusted = getCACertificates('default')
beforeAll(() => {
  for (const authority of ['known', 'unknown'])
    openssl(
      'req',
      '-x509',
      ...newKey,
      '-days',
      '2',
      '-subj',
      `/CN=${authority}`,
      '-keyout',
      `${authority}.key`,
      '-out',
      `${authority}.crt`,
    )
  const here = 'DNS:localhost,IP:127.0.0.1'
  certificate('good', { by: 'known', names: here, days: 2 })
  certificate('expired', { by: 'known', names: here, days: -1 })
  certificate('elsewhere', { by: 'known', names: 'DNS:elsewhere.example', days: 2 })
  certificate('strange', { by: 'unknown', names: here, days: 2 })
  setDefaultCACertificates([...trusted, read('known.crt')])
})
afterAll(() => {
  setDefaultCACertificates(trusted)
  rmSync(folder, { recursive: true })
})

const servers: Server[] = []
const sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

async function listen(server: Server): Promise<number> {
  servers.push(server.on('connection', (socket) => sockets.push(socket)).listen(0, '127.0.0.1'))
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const received: string[] = []
const takes: RequestListener = (request, response) => {
  received.push(`${request.method} ${request.url}`)
  request.resume().on('end', () => response.end())
}
const startReceiver = (name?: string) => listen(serverOf(name, takes))
const serverOf = (name: string | undefined, listener?: RequestListener) =>
  name === undefined
    ? createHttpServer(listener)
    : createHttpsServer({ key: read(`${name}.key`), cert: read(`${name}.crt`) }, listener)

/** One that answers CONNECT with these words, in pieces of so many bytes, and hands on what comes then. */
async function startProxy(name: string | undefined, answer: string, bytes = answer.length): Promise<number> {
  const proxy = serverOf(name).on('connect', (request, client: Socket, head: Buffer) => {
    const upstream = connect(Number(request.url?.split(':')[1]), '127.0.0.1', () => {
      for (let at = 0; at < answer.length; at += bytes) client.write(answer.slice(at, at + bytes))
      upstream.write(head)
      client.pipe(upstream).pipe(client)
    })
    sockets.push(client.setNoDelay().on('error', () => {}))
    sockets.push(upstream.on('error', () => client.destroy()))
  })
  return listen(proxy)
}

const policy = { allow: ['127.0.0.0/8'], deny: [], apiServer: [], allowPrivate: true }
const post = (url: string, over: Partial<Delivery> = {}) =>
  deliver({
    ...{ url, policy, timeoutMillis: 2000, id: 'uid/result', body: { Files: [] } as never },
    signal: new AbortController().signal,
    ...over,
  })
const through = (address: string) => ({ proxy: proxyOfEnvironment({ HTTP_PROXY: address, HTTPS_PROXY: address })! })
const delivered = { outcome: 'delivered', statusCode: 200 }
const established = 'HTTP/1.1 200 Connection established\r\n\r\n'

it('takes a receiver whose authority is trusted', async () => {
  expect(await post(`https://localhost:${await startReceiver('good')}/hook`)).toEqual(delivered)
})

it.each<[string, string, string]>([
  [
    'of an authority that nobody knows',
    'strange',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE: its certificate is not accepted: nobody whom the operator trusts vouches for it; give its authority to the chart as caBundle',
  ],
  ['that has expired', 'expired', 'CERT_HAS_EXPIRED: its certificate is not accepted: it has expired; renew it'],
  [
    'of another name',
    'elsewhere',
    'ERR_TLS_CERT_ALTNAME_INVALID: its certificate is not accepted: it is for other names; call the receiver by one of those, or have one made for this',
  ],
])('says what to do about a certificate %s, and sends nothing', async (_, name, why) => {
  received.length = 0
  const url = `https://localhost:${await startReceiver(name)}`
  const result = await post(`${url}/hook?token=top`)
  expect(result).toMatchObject({ outcome: 'unreachable', message: `${url} could not be reached: ${why}` })
  expect(inFull(result as never)).not.toContain('top')
  expect(received).toEqual([])
})

it('tells a tenant of a private address the same of a certificate that is not accepted as of a port where nobody listens', async () => {
  const told = async (port: number) => {
    const resolve = async () => [{ address: '127.0.0.1', family: 4 }]
    // Taken for private here.
    const over = { resolve, timeoutMillis: 300, policy: { ...policy, allow: [] } }
    const result = await post(`https://localhost:${port}/hook`, over)
    return { ...result, message: (result as { message: string }).message.replace(String(port), 'PORT'), unsaid: undefined }
  }
  expect(await told(await startReceiver('strange'))).toEqual(await told(1))
})

it.each<[string, string | undefined, string | undefined]>([
  ['TLS within TLS', 'good', 'good'],
  ['TLS to the proxy alone', 'good', undefined],
  ['TLS to the receiver alone', undefined, 'good'],
])('goes through a proxy with %s', async (_, ofProxy, ofReceiver) => {
  const proxy = `${ofProxy ? 'https' : 'http'}://localhost:${await startProxy(ofProxy, established)}`
  const receiver = `${ofReceiver ? 'https' : 'http'}://localhost:${await startReceiver(ofReceiver)}/hook`
  expect(await post(receiver, through(proxy))).toEqual(delivered)
})

it('says of a proxy whose certificate is not accepted that it cannot be used, and of a receiver behind one what is amiss with it', async () => {
  const strange = await post('https://hooks.example/', through(`https://localhost:${await startProxy('strange', established)}`))
  expect(strange).toMatchObject({ outcome: 'unreachable', message: expect.stringContaining('PROXY_FAILED') })
  expect(inFull(strange as never)).toContain('UNABLE_TO_VERIFY_LEAF_SIGNATURE')
  const receiver = `https://localhost:${await startReceiver('strange')}/`
  const behind = await post(receiver, through(`https://localhost:${await startProxy('good', established)}`))
  expect(behind).toMatchObject({ outcome: 'unreachable', message: expect.stringContaining('caBundle') })
})

const [proceed, hints] = ['HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n']
const failed = 'PROXY_FAILED: the proxy that is on the way to it cannot be used; the operator’s log says why'
const refused = 'PROXY_REFUSED: the proxy does not let the operator through to it; the operator’s log says what it answered'

it.each<[string, string, number | undefined, string | undefined]>([
  ['an interim answer before the final one', proceed + established, undefined, undefined],
  ['some, a letter at a time', proceed + hints + established, 1, undefined],
  ['HTTP/1.0', 'HTTP/1.0 200\r\n\r\n', undefined, undefined],
  ['some, and then no', `${proceed}${hints}HTTP/1.1 403 Forbidden\r\n\r\n`, undefined, refused],
  ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\n\r\n', undefined, refused],
  ['interim ones without end', hints.repeat(2000), undefined, failed],
  ['a version that there is not', 'HTTP/9.9 200 OK\r\n\r\n', undefined, failed],
  ['no HTTP', 'SSH-2.0-OpenSSH_9.6\r\n', undefined, failed],
])('takes of a proxy that answers CONNECT with %s what it says in the end', async (_, answer, bytes, why) => {
  const url = `http://localhost:${await startReceiver()}`
  const result = await post(`${url}/hook`, through(`http://localhost:${await startProxy(undefined, answer, bytes)}`))
  if (why === undefined) expect(result).toEqual(delivered)
  else expect(result).toMatchObject({ outcome: 'unreachable', message: `${url} could not be reached: ${why}` })
})
