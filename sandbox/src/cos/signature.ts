import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { CosError } from './errors.ts'

/** Somebody who may sign. Temporary ones carry a token and an end. */
export interface CosAccount {
  secretId: string
  secretKey: string
  token?: string
  /** Milliseconds since 1970. */
  expiresAt?: number
}

export interface SignedRequest {
  method: string
  /** Path as requested, percent-decoded. */
  path: string
  query: ReadonlyMap<string, string>
  /** Lower-case names. */
  headers: Readonly<Record<string, string | undefined>>
}

/** How far a signature's start may lie ahead of COS's clock: "403 Error for COS Access" names 15 minutes. */
const skewToleranceSeconds = 900

/**
 * Checks `Authorization: q-sign-algorithm=sha1&…` as COS does ("Request Signature", 436/7778): known key, token of temporary
 * keys, time window, then the signature over method, path, and the listed headers and parameters. Throws CosError.
 */
export function verifySignature(request: SignedRequest, accounts: ReadonlyMap<string, CosAccount>, nowMillis: number): void {
  const authorization = parse(request.headers.authorization)
  const account = accounts.get(authorization.get('q-ak')!)
  if (!account) throw new CosError('InvalidAccessKeyId')
  verifyToken(account, request.headers['x-cos-security-token'], nowMillis)
  const signTime = authorization.get('q-sign-time')!
  const keyTime = authorization.get('q-key-time')!
  verifyWindow(signTime, nowMillis / 1000)
  verifyWindow(keyTime, nowMillis / 1000)

  const listed = (member: string) => authorization.get(member)!.split(';').filter(Boolean)
  const queryByName = new Map([...request.query].map(([name, value]) => [encode(name).toLowerCase(), value]))
  const parameters = pairs(listed('q-url-param-list'), (name) => queryByName.get(name))
  const headers = pairs(listed('q-header-list'), (name) => request.headers[decodeURIComponent(name)])
  const formatString = [request.method.toLowerCase(), request.path, parameters, headers, ''].join('\n')
  const stringToSign = ['sha1', signTime, createHash('sha1').update(formatString).digest('hex'), ''].join('\n')
  const signKey = hmac(account.secretKey, keyTime)
  if (!equal(hmac(signKey, stringToSign), authorization.get('q-signature')!)) throw new CosError('SignatureDoesNotMatch')
}

const members = ['q-ak', 'q-sign-time', 'q-key-time', 'q-header-list', 'q-url-param-list', 'q-signature']

function parse(header: string | undefined): Map<string, string> {
  if (!header) throw new CosError('AccessDenied')
  const found = new Map(header.split('&').map((pair) => [pair.split('=', 1)[0]!, pair.slice(pair.indexOf('=') + 1)]))
  if (found.get('q-sign-algorithm') !== 'sha1' || members.some((member) => !found.has(member))) {
    throw new CosError('InvalidArgument', 'The Authorization header is not a q-sign-algorithm signature.')
  }
  return found
}

function verifyToken(account: CosAccount, token: string | undefined, nowMillis: number): void {
  if (account.token === undefined) return
  // COS knows a temporary SecretId only together with its token.
  if (token !== account.token) throw new CosError('InvalidAccessKeyId')
  if (account.expiresAt !== undefined && nowMillis >= account.expiresAt) throw new CosError('ExpiredToken')
}

function verifyWindow(window: string, nowSeconds: number): void {
  const match = /^(\d+);(\d+)$/.exec(window)
  if (!match) throw new CosError('InvalidArgument', 'A signature time must be start;end in seconds.')
  if (Number(match[1]) > nowSeconds + skewToleranceSeconds) throw new CosError('RequestTimeTooSkewed')
  if (Number(match[2]) < nowSeconds) throw new CosError('AccessDenied', 'Request has expired')
}

/** A header or parameter that is listed but was not sent makes a different string, hence SignatureDoesNotMatch. */
const pairs = (names: string[], lookUp: (name: string) => string | undefined) =>
  names.map((name) => (lookUp(name) === undefined ? name : `${name}=${encode(lookUp(name)!)}`)).join('&')

const encode = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)

const hmac = (key: string, text: string) => createHmac('sha1', key).update(text).digest('hex')

const equal = (a: string, b: string) => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))
