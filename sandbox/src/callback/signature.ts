import { createHmac, timingSafeEqual } from 'node:crypto'

export type SignatureVerdict = 'valid' | 'invalid' | 'missing' | 'unchecked'

/** `Sign: base64(HMAC-SHA256(key, raw body))`, as TRTC's own callbacks have it (trtc.io/document/54914). No key: unchecked. */
export function verifySign(key: string | undefined, body: Uint8Array, sign: string | undefined): SignatureVerdict {
  if (key === undefined) return 'unchecked'
  if (sign === undefined) return 'missing'
  const expected = Buffer.from(createHmac('sha256', key).update(body).digest('base64'))
  const given = Buffer.from(sign)
  return given.length === expected.length && timingSafeEqual(given, expected) ? 'valid' : 'invalid'
}
