import { createHmac } from 'node:crypto'
import type { LookupAddress } from 'node:dns'
import {
  type CallbackBody,
  type ClipCallbackBody,
  type EventsBody,
  idempotencyHeader,
  sdkAppIdHeader,
  signatureHeader,
  type TrtcCallbackBody,
} from '@trtc-recorder/api'
import { isAddress, type Receiver, type ReceiverPolicy, type Resolve, receiverOf } from '@trtc-recorder/api/receivers'
import { type Fence, LeadershipInDoubt } from '../kube/fenced-client.ts'
import { sleep, timeoutSignal } from '../runtime/timers.ts'
import { basic, type Connect, connectTo, post, secured } from './connection.ts'

/**
 * What one try came to. `message` names the receiver by scheme, host and port only: paths and queries may hold its secrets. `unsaid`: what the administrator may know
 * besides, and no tenant.
 */
export type DeliveryResult =
  | { outcome: 'delivered'; statusCode: number }
  /** It answered, but not with 2xx. */
  | { outcome: 'refused'; statusCode: number; message: string }
  /** No answer in time, or no connection. */
  | { outcome: 'unreachable'; message: string; unsaid?: string }
  /** Not sent: the key that it has to be signed with is not there. */
  | { outcome: 'unsigned'; message: string }
  /** Not sent: the address cannot be called. */
  | { outcome: 'unusable'; message: string }

export interface Delivery {
  url: string
  /** The same for each try of one result. */
  id: string
  body: CallbackBody | ClipCallbackBody | TrtcCallbackBody | EventsBody
  /** Said in a header, as TRTC's own callbacks do. */
  sdkAppId?: number
  signingKey?: Uint8Array
  timeoutMillis: number
  /**
   * Aborted when whoever sends it may not go on. What has not been sent by then is not: the try throws, and counts for nothing. What has been is answered or
   * times out, and that counts.
   */
  signal: AbortSignal
  policy: ReceiverPolicy
  /** Sends callbacks through a proxy, which then is who looks names up; gives undefined for a host that is called directly. */
  proxy?: (url: URL) => Connect | undefined
  /** How names are looked up, once for each try. */
  resolve?: Resolve
  /** Whether it may still be sent; if not, the try throws, and counts for nothing. */
  fence?: Fence | undefined
}

/**
 * POSTs the result once. Redirects are not followed: the signature and the contents are for the address in the spec. Of a receiver at a
 * private address nothing is told but whether it took the result: neither words nor time say whether there is anybody. Of a name that stands for none that is told of,
 * neither do they say whether there is such a name.
 */
export async function deliver(delivery: Delivery): Promise<DeliveryResult> {
  const { timeoutMillis, policy } = delivery
  const target = targetOf(delivery.url)
  if (target === undefined) return { outcome: 'unusable', message: 'spec.callback.url is no address that can be called' }
  const receiver = target.url.origin
  const timeout = timeoutSignal(timeoutMillis)
  const passage = new Passage(delivery, receiver)
  try {
    const proxied = delivery.proxy?.(target.url)
    if (proxied !== undefined) return await send(delivery, target, proxied, passage, timeout)
    const { hostname } = target.url
    const isName = !isAddress(hostname)
    const conceal = (attempt: DeliveryResult | Promise<DeliveryResult>) =>
      concealed(attempt, { receiver, isName, timeoutMillis, timeout })
    const direct = (addresses: LookupAddress[]) => send(delivery, target, connectTo(addresses), passage, timeout)
    const late = AbortSignal.any([timeout, passage.closed])
    const found = await inTime(receiverOf(hostname, policy, delivery.resolve), timeoutMillis, late)
    passage.closed.throwIfAborted()
    switch (found.is) {
      case 'refused': {
        const refused = { outcome: 'unusable' as const, message: `${receiver} is not called: ${found.message}` }
        // What an address is, whoever writes it knows; what a name stands for, not.
        return isName ? await conceal(refused) : refused
      }
      case 'unknown':
        return await conceal({ outcome: 'unreachable', message: `${receiver} could not be reached: its name is not known` })
      case 'open':
        return await direct(found.addresses)
      case 'private':
        return await conceal(direct(found.addresses))
    }
  } finally {
    passage.end()
  }
}

/**
 * The moment in which a request is sent. Before it whoever may not go on, or may not lead any more, sends nothing. Cut off after it a request may have arrived
 * all the same, and would be sent twice by whoever tries again: from then on it is answered, or its time is over.
 */
class Passage {
  readonly #delivery: Pick<Delivery, 'signal' | 'fence'>
  readonly #receiver: string
  readonly #closed = new AbortController()

  constructor(delivery: Pick<Delivery, 'signal' | 'fence'>, receiver: string) {
    this.#delivery = delivery
    this.#receiver = receiver
    if (delivery.signal.aborted) this.#close()
    else delivery.signal.addEventListener('abort', this.#close, { once: true })
  }

  /** Aborted where nothing is sent any more. */
  get closed(): AbortSignal {
    return this.#closed.signal
  }

  /** Throws where nothing may be sent. */
  send(): void {
    this.closed.throwIfAborted()
    this.#delivery.fence?.(`callback to ${this.#receiver}`)
    this.end()
  }

  end(): void {
    this.#delivery.signal.removeEventListener('abort', this.#close)
  }

  readonly #close = () => this.#closed.abort(this.#delivery.signal.reason)
}

/** A name that takes longer to look up than the whole try may take is not known. */
async function inTime(found: Promise<Receiver>, timeoutMillis: number, late: AbortSignal): Promise<Receiver> {
  const isFound = new AbortController()
  const isLate = sleep(timeoutMillis, AbortSignal.any([late, isFound.signal]))
  try {
    return await Promise.race([found, isLate.then(() => ({ is: 'unknown' as const }))])
  } finally {
    isFound.abort()
  }
}

/** For the log, which no tenant reads. */
export const inFull = (result: Exclude<DeliveryResult, { outcome: 'delivered' }>): string =>
  (result.outcome === 'unreachable' && result.unsaid) || result.message

/**
 * Whoever could tell a refused connection from silence, or an answer from either, could look for open ports with it, and whoever could tell a name that is not known from
 * one that is, for Services.
 */
export async function concealed(
  attempt: DeliveryResult | Promise<DeliveryResult>,
  {
    receiver,
    isName,
    timeoutMillis,
    timeout,
  }: { receiver: string; isName: boolean; timeoutMillis: number; timeout: AbortSignal },
): Promise<DeliveryResult> {
  const result = await attempt
  if (result.outcome === 'delivered') return result
  await sleep(timeoutMillis, timeout)
  const silence = `did not answer with 2xx within ${timeoutMillis / 1000} s`
  const message = isName
    ? `${receiver} ${silence}: it stands for a private address, or for one that may not be called, or its name is not known; the operator’s log says which`
    : `${receiver}, at a private address, ${silence}`
  return { outcome: 'unreachable', message, unsaid: inFull(result) }
}

interface Target {
  url: URL
  credentials: string | undefined
}

/**
 * One connection a delivery: on a kept one that the receiver is just closing, a request may fail that was carried out, and would be sent twice. The request is let
 * through when it stands, and nothing else is left to do: who was frozen before that does not send it.
 */
async function send(
  delivery: Delivery,
  target: Target,
  connect: Connect,
  passage: Passage,
  timeout: AbortSignal,
): Promise<DeliveryResult> {
  const { id, timeoutMillis, signingKey, sdkAppId } = delivery
  const { url, credentials } = target
  const { closed } = passage
  const receiver = url.origin
  const body = JSON.stringify(delivery.body)
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'trtc-recorder',
    [idempotencyHeader]: id,
    ...(sdkAppId === undefined ? {} : { [sdkAppIdHeader]: String(sdkAppId) }),
    ...(signingKey === undefined ? {} : { [signatureHeader]: sign(signingKey, body) }),
    ...(credentials === undefined ? {} : { authorization: basic(credentials) }),
  }
  const signal = AbortSignal.any([timeout, closed])
  try {
    closed.throwIfAborted()
    const socket = await secured(url, await connect(url, signal), signal)
    try {
      passage.send()
    } catch (error) {
      socket.destroy()
      throw error
    }
    return judge(await post({ url, headers, body }, socket, signal), receiver)
  } catch (error) {
    if (error instanceof LeadershipInDoubt) throw error
    if (closed.aborted) throw closed.reason
    if (timeout.aborted) return { outcome: 'unreachable', message: `${receiver} did not answer within ${timeoutMillis / 1000} s` }
    const message = `${receiver} ${whyNot(error as NodeJS.ErrnoException)}`
    return { outcome: 'unreachable', message, unsaid: `${message} (${textOf(error)})` }
  }
}

/** The address without its user, and the user for itself. The schema lets an address through that this cannot read only by mistake. */
function targetOf(text: string): Target | undefined {
  try {
    const url = new URL(text)
    const { username, password } = url
    url.username = ''
    url.password = ''
    const credentials = username === '' ? undefined : `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
    return { url, credentials }
  } catch {
    return undefined
  }
}

/** base64(HMAC-SHA256(key, raw body)), as TRTC signs its own callbacks. */
export function sign(key: Uint8Array, body: string): string {
  return createHmac('sha256', key).update(body, 'utf8').digest('base64')
}

function judge(statusCode: number, receiver: string): DeliveryResult {
  if (statusCode >= 200 && statusCode < 300) return { outcome: 'delivered', statusCode }
  // Three digits, and no status that HTTP knows; those from 100 on are no final answer.
  if (statusCode < 200) return { outcome: 'unreachable', message: `${receiver} ${noHttp}` }
  const redirect = statusCode >= 300 && statusCode < 400 ? '; redirects are not followed' : ''
  return { outcome: 'refused', statusCode, message: `${receiver} answered ${statusCode}${redirect}` }
}

const noHttp = 'gave an answer that is not HTTP/1.1'

/** What the operating system says of a connection, each with what it means. */
const failures: Record<string, string> = {
  ECONNREFUSED: 'nobody listens there',
  ECONNRESET: 'the connection was cut before there was an answer',
  EPIPE: 'the connection was cut before there was an answer',
  EHOSTUNREACH: 'there is no way to it',
  ENETUNREACH: 'there is no way to it',
  EADDRNOTAVAIL: 'there is no way to it',
  ETIMEDOUT: 'no connection came about in time',
  PROXY_REFUSED: 'the proxy does not let the operator through to it; the operator’s log says what it answered',
  PROXY_FAILED: 'the proxy that is on the way to it cannot be used; the operator’s log says why',
}

/** What is amiss with a certificate where it is not who vouches for it. */
const certificateFailures: Record<string, string> = {
  CERT_HAS_EXPIRED: 'it has expired; renew it',
  CERT_NOT_YET_VALID: 'it is not valid yet; look at the clocks of receiver and operator',
  ERR_TLS_CERT_ALTNAME_INVALID: 'it is for other names; call the receiver by one of those, or have one made for this',
  CERT_REVOKED: 'it has been revoked; have another one made',
}

/** In words of our own: what a library says of a connection may be anything, and is for the log. */
function whyNot({ code = '' }: NodeJS.ErrnoException): string {
  if (code.startsWith('HPE_')) return noHttp
  const known = failures[code]
  if (known !== undefined) return `could not be reached: ${code}: ${known}`
  if (/^(EPROTO|ERR_SSL_)/.test(code)) return 'could not be reached: it does not speak TLS, or not as the operator does'
  if (/CERT|ISSUER|SIGNATURE|CRL|^HOSTNAME_MISMATCH|^INVALID_(CA|PURPOSE)|^PATH_LENGTH/.test(code)) {
    const what =
      certificateFailures[code] ?? 'nobody whom the operator trusts vouches for it; give its authority to the chart as caBundle'
    return `could not be reached: ${code}: its certificate is not accepted: ${what}`
  }
  return 'could not be reached'
}

function textOf(error: unknown): string {
  const { code, message, errors } = error as Error & { code?: string; errors?: Error[] }
  return [code, message || errors?.map((each) => each.message).join(', ')]
    .filter((part) => part)
    .join(': ')
    .slice(0, 300)
}
