import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** An error of Tencent Cloud's API: its code, and words for a person. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

const pattern =
  /^TC3-HMAC-SHA256 Credential=([^/]+)\/(\d{4}-\d\d-\d\d)\/([^/]+)\/tc3_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/
const windowSeconds = 300

/**
 * Checks the signature of a call to `POST /` as Tencent's page "Signature v3" has it, written from that page and not from what verifies it
 * elsewhere in the project. Node's SDK signs the host without its port, which it then sends.
 * @throws ApiError with the page's own codes
 */
export function checkSignature(
  headers: IncomingHttpHeaders,
  body: string,
  keys: ReadonlyMap<string, string>,
  nowSeconds: number,
): void {
  const parts = pattern.exec(headers.authorization ?? '')
  if (parts === null) throw new ApiError('AuthFailure.InvalidAuthorization', 'Authorization is not TC3-HMAC-SHA256.')
  const [, secretId = '', date = '', service = '', names = '', signature = ''] = parts
  const secretKey = keys.get(secretId)
  if (secretKey === undefined) throw new ApiError('AuthFailure.SecretIdNotFound', 'The SecretId is not found.')
  const timestamp = Number(headers['x-tc-timestamp'])
  if (!(Math.abs(nowSeconds - timestamp) <= windowSeconds))
    throw new ApiError('AuthFailure.SignatureExpire', 'The timestamp is more than five minutes off.')
  if (new Date(timestamp * 1000).toISOString().slice(0, 10) !== date)
    throw new ApiError('AuthFailure.InvalidAuthorization', 'The date of the credential is not that of the timestamp.')
  const host = headers.host ?? ''
  const signed = [host, host.replace(/:\d+$/, '')].map((name) => {
    const lines = names
      .split(';')
      .map((header) => `${header}:${header === 'host' ? name : String(headers[header] ?? '').trim()}\n`)
    const canonical = ['POST', '/', '', lines.join(''), names, sha256(body)].join('\n')
    const text = ['TC3-HMAC-SHA256', timestamp, `${date}/${service}/tc3_request`, sha256(canonical)].join('\n')
    return hmac(hmac(hmac(hmac(`TC3${secretKey}`, date), service), 'tc3_request'), text)
  })
  if (!signed.some((wanted) => timingSafeEqual(wanted, Buffer.from(signature, 'hex'))))
    throw new ApiError('AuthFailure.SignatureFailure', 'The signature is not that of the request.')
}

const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
