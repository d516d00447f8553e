import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

/**
 * Signatures of Tencent Cloud’s API, version 3 (TC3-HMAC-SHA256), from the server’s side: Tencent’s page “Signature v3”, and what its SDKs for Node,
 * Python and Go were seen to send.
 */

export interface SignedRequest {
  method: string
  path: string
  /** Without the question mark. */
  query: string
  header(name: string): string | undefined
  /** The bytes as they came: SDKs print JSON differently. */
  body: Buffer
}

export interface Authorization {
  secretId: string
  date: string
  service: string
  signedHeaders: string[]
  signature: string
}

export type Verdict =
  | { is: 'valid' }
  | { is: 'invalid'; code: `AuthFailure.${'InvalidAuthorization' | 'SignatureExpire' | 'SignatureFailure'}`; message: string }

/** How far the clock of a caller may be off, as Tencent has it. */
export const windowSeconds = 300

const scheme = 'TC3-HMAC-SHA256'
const pattern =
  /^TC3-HMAC-SHA256\s+Credential=([^/,\s]+)\/(\d{4}-\d\d-\d\d)\/([^/,\s]+)\/tc3_request\s*,\s*SignedHeaders=([a-z0-9;-]+)\s*,\s*Signature=([0-9a-f]{64})$/

export function readAuthorization(header: string | undefined): Authorization | undefined {
  const [, secretId, date, service, names, signature] = pattern.exec(header?.trim() ?? '') ?? []
  if (secretId === undefined || date === undefined || service === undefined || names === undefined || signature === undefined)
    return undefined
  return { secretId, date, service, signedHeaders: names.split(';'), signature }
}

/** Whether the request was signed with this key, now. */
export function verify(request: SignedRequest, authorization: Authorization, secretKey: string, now: Date): Verdict {
  const stamp = request.header('x-tc-timestamp') ?? ''
  const timestamp = /^\d{1,12}$/.test(stamp) ? Number(stamp) : Number.NaN
  const { signedHeaders, date } = authorization
  if (Number.isNaN(timestamp)) return invalid('InvalidAuthorization', 'X-TC-Timestamp must be seconds since 1970')
  if (!signedHeaders.includes('content-type') || !signedHeaders.includes('host')) {
    return invalid('InvalidAuthorization', 'SignedHeaders must have content-type and host')
  }
  if (Math.abs(now.getTime() / 1000 - timestamp) > windowSeconds) {
    return invalid('SignatureExpire', `X-TC-Timestamp is more than ${windowSeconds} seconds off; look at the clock of the caller`)
  }
  if (new Date(timestamp * 1000).toISOString().slice(0, 10) !== date) {
    return invalid('InvalidAuthorization', 'the date of Credential must be that of X-TC-Timestamp, in UTC')
  }
  const given = Buffer.from(authorization.signature, 'hex')
  const isSigned = canonicalForms(request, signedHeaders)
    .map((canonical) => signatureOf(canonical, authorization, stamp, secretKey))
    // Each is compared, so that the time does not say which one it was.
    .reduce((found, wanted) => timingSafeEqual(wanted, given) || found, false)
  return isSigned ? { is: 'valid' } : invalid('SignatureFailure', 'the signature is not that of this request and this SecretKey')
}

const invalid = (code: 'InvalidAuthorization' | 'SignatureExpire' | 'SignatureFailure', message: string): Verdict => ({
  is: 'invalid',
  code: `AuthFailure.${code}`,
  message,
})

/** Python and Go sign the host with its port and Node without, though each sends it; the page has values in small letters, and the SDKs as they are. */
function canonicalForms(request: SignedRequest, signedHeaders: readonly string[]): string[] {
  const host = request.header('host') ?? ''
  const hosts = [...new Set([host, host.replace(/:\d+$/, '')])]
  const payload = request.header('x-tc-content-sha256') === 'UNSIGNED-PAYLOAD' ? 'UNSIGNED-PAYLOAD' : request.body
  const forms = hosts.flatMap((name) =>
    [(value: string) => value, (value: string) => value.toLowerCase()].map((written) => {
      const lines = signedHeaders.map((header) => {
        const value = header === 'host' ? name : (request.header(header) ?? '')
        return `${header}:${written(value.trim())}\n`
      })
      return [request.method, request.path, request.query, lines.join(''), signedHeaders.join(';'), sha256(payload)].join('\n')
    }),
  )
  return [...new Set(forms)]
}

function signatureOf(canonical: string, { date, service }: Authorization, timestamp: string, secretKey: string): Buffer {
  const text = [scheme, timestamp, `${date}/${service}/tc3_request`, sha256(canonical)].join('\n')
  const key = hmac(hmac(hmac(`TC3${secretKey}`, date), service), 'tc3_request')
  return hmac(key, text)
}

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text, 'utf8').digest()
const sha256 = (content: string | Buffer) => createHash('sha256').update(content).digest('hex')
