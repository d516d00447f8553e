import type { LookupAddress } from 'node:dns'
import { once } from 'node:events'
import { type ClientRequestArgs, request } from 'node:http'
import { connect as connectPlain, isIP, type LookupFunction, type Socket } from 'node:net'
import { addAbortSignal } from 'node:stream'
import { connect as connectTls } from 'node:tls'

/**
 * One request on one connection, by node:http, which takes whatever number of interim answers (100 to 199) before the final one. undici takes 100 for the end of the
 * connection.
 */

/** A connection to the host of a URL, that stands; without TLS. */
export type Connect = (url: URL, signal: AbortSignal) => Promise<Socket>

/** To one of these addresses, whatever the name may stand for by now. */
export function connectTo(addresses: readonly LookupAddress[]): Connect {
  const lookup: LookupFunction = (_, { all }, callback) => {
    if (all) callback(null, [...addresses])
    else callback(null, addresses[0]!.address, addresses[0]!.family)
  }
  return (url, signal) => dial(url, signal, lookup)
}

/** By CONNECT, for http as for https. What goes wrong on the way to the proxy is not the receiver's. */
export const connectThrough =
  (proxy: string): Connect =>
  async (url, signal) => {
    try {
      return await tunnel(new URL(proxy), url, signal)
    } catch (error) {
      const { code = '', message } = error as NodeJS.ErrnoException
      if (signal.aborted || code === refusedByProxy) throw error
      throw Object.assign(new Error(`The proxy: ${[code, message].filter((part) => part).join(': ')}`), { code: 'PROXY_FAILED' })
    }
  }

const refusedByProxy = 'PROXY_REFUSED'

async function tunnel(through: URL, url: URL, signal: AbortSignal): Promise<Socket> {
  const authority = `${url.hostname}:${portOf(url)}`
  const { username, password } = through
  const user = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  const authorization = username === '' ? [] : [`proxy-authorization: ${basic(user)}`]
  const socket = await secured(through, await dial(through, signal), signal)
  addAbortSignal(signal, socket)
  try {
    socket.write([`CONNECT ${authority} HTTP/1.1`, `host: ${authority}`, ...authorization, '', ''].join('\r\n'))
    const status = await answerToConnect(socket)
    if (status < 200 || status > 299)
      throw Object.assign(new Error(`The proxy answered CONNECT with ${status}`), { code: refusedByProxy })
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}

/**
 * The status of the final answer; what comes after its head stays in the socket. node:http takes the first answer to CONNECT for the final one, which one that is interim
 * (RFC 9110, 15.2) never is.
 */
function answerToConnect(socket: Socket): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  let read = ''
  const look = () => {
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) read += chunk.toString('latin1')
    try {
      const answer = finalAnswerIn(read)
      if (answer === undefined) return
      socket.off('readable', look)
      const rest = Buffer.from(read.slice(answer.length), 'latin1')
      if (rest.length > 0) socket.unshift(rest)
      resolve(answer.status)
    } catch (error) {
      reject(error)
    }
  }
  socket.on('readable', look).once('error', reject)
  socket.once('close', () => reject(Object.assign(new Error('It ended the connection'), { code: 'ECONNRESET' })))
  return promise
}

/** Undefined while its head is not all there. Throws where it is none of HTTP/1.1, or there are interim ones without end. */
function finalAnswerIn(text: string): { status: number; length: number } | undefined {
  for (let at = 0; ; ) {
    const [line = ''] = text.slice(at).split('\r\n', 1)
    const isWhole = text.includes('\r\n', at)
    const status = Number(/^HTTP\/1\.[01] ([1-9]\d\d)(?: |$)/.exec(line)?.[1])
    const isHttp = isWhole ? !Number.isNaN(status) : 'HTTP/1.'.startsWith(line.slice(0, 7))
    if (!isHttp || text.length > answerBytes)
      throw Object.assign(new Error('Its answer to CONNECT is none of HTTP/1.1'), { code: 'HPE_CONNECT' })
    const end = text.indexOf('\r\n\r\n', at)
    if (end === -1) return undefined
    // 101 goes on in another protocol, and so is none that is followed by another one.
    if (status >= 200 || status === 101) return { status, length: end + 4 }
    at = end + 4
  }
}

/** TLS where the scheme of the URL wants it. */
export async function secured(url: URL, socket: Socket, signal: AbortSignal): Promise<Socket> {
  if (url.protocol !== 'https:') return socket
  const host = bare(url)
  const name = isIP(host) === 0 ? { servername: host } : {}
  const secure = connectTls({ socket, host, ...name, ALPNProtocols: ['http/1.1'] })
  return stands(secure, 'secureConnect', signal)
}

export interface Post {
  url: URL
  headers: Record<string, string>
  body: string
}

/** How much is read before the connection is cut, of an answer's body, which nobody looks at, and of all that comes before the final answer. */
const answerBytes = 65_536

/** The status of the final answer. Once its head is here it is known, whatever becomes of the rest. */
export function post({ url, headers, body }: Post, socket: Socket, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request({
      ...on(socket, signal),
      method: 'POST',
      path: `${url.pathname}${url.search}`,
      headers: { host: url.host, ...headers, 'content-length': Buffer.byteLength(body) },
    })
    asked.on('error', reject)
    asked.on('information', () => {
      if (socket.bytesRead > answerBytes)
        asked.destroy(Object.assign(new Error('Interim answers without end'), { code: 'HPE_INTERIM' }))
    })
    // node:http tells of nothing else where somebody switches to another protocol.
    asked.on('upgrade', ({ statusCode = 0 }, switched) => {
      switched.destroy()
      resolve(statusCode)
    })
    asked.on('response', (answer) => {
      resolve(answer.statusCode ?? 0)
      let bytes = 0
      answer.on('error', () => {})
      answer.on('data', ({ length }: Buffer) => {
        bytes += length
        if (bytes > answerBytes) answer.destroy()
      })
    })
    asked.end(body)
  })
}

export const basic = (user: string) => `Basic ${Buffer.from(user).toString('base64')}`

const on = (socket: Socket, signal: AbortSignal): ClientRequestArgs => ({
  createConnection: () => socket,
  maxHeaderSize: 16_384,
  setHost: false,
  signal,
})

const dial = (url: URL, signal: AbortSignal, lookup?: LookupFunction): Promise<Socket> =>
  stands(connectPlain({ host: bare(url), port: portOf(url), ...(lookup && { lookup }) }), 'connect', signal)

async function stands(socket: Socket, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<Socket> {
  // Whoever waits for something of it hears of its end by that.
  socket.on('error', () => {})
  try {
    await once(socket, event, { signal })
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}

const portOf = ({ port, protocol }: URL) => Number(port) || (protocol === 'https:' ? 443 : 80)

/** The host as it is looked up, an address of IPv6 without its brackets. */
const bare = ({ hostname }: URL) => hostname.replace(/^\[|\]$/g, '')
