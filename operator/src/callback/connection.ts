import type { LookupAddress } from 'node:dns'
import { once } from 'node:events'
import { type ClientRequestArgs, type IncomingMessage, request } from 'node:http'
import { connect as connectPlain, isIP, type LookupFunction, type Socket } from 'node:net'
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
  const socket = await secured(through, await dial(through, signal), signal)
  const asked = request({
    ...on(socket, signal),
    method: 'CONNECT',
    path: authority,
    headers: { host: authority, ...(username === '' ? {} : { 'proxy-authorization': basic(user) }) },
  })
  asked.end()
  const [{ statusCode = 0 }, made, head] = (await once(asked, 'connect')) as [IncomingMessage, Socket, Buffer]
  if (statusCode < 200 || statusCode > 299) {
    socket.destroy()
    throw Object.assign(new Error(`The proxy answered CONNECT with ${statusCode}`), { code: refusedByProxy })
  }
  if (head.length > 0) made.unshift(head)
  return made
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
