/**
 * UserSig, "TLSSig v2": what TRTC wants from whoever enters a room.
 *
 * JSON {TLS.ver, TLS.identifier, TLS.sdkappid, TLS.expire, TLS.time, TLS.sig} -> zlib deflate -> base64 with `+ / =` written `* - _`.
 * TLS.sig = base64(HMAC-SHA256(key, "TLS.identifier:…\nTLS.sdkappid:…\nTLS.time:…\nTLS.expire:…\n")).
 * Source: Tencent's published tls-sig-api-v2 libraries; codes: Tencent's ErrorCode page (account errors).
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { deflateSync, inflateSync } from 'node:zlib'

/** Codes of the join reply; the SDK shows each as its negative. */
export const userSigCode = {
  /** The application is unknown here. */
  sdkAppIdUnknown: -8,
  /** It was right once, but its time is over. */
  expired: 70001,
  /** It cannot be read, or its signature is not from this application's key. */
  signatureWrong: 70003,
  /** It was made for another user. */
  userMismatch: 70013,
  /** It was made for another application. */
  sdkAppIdMismatch: 70014,
} as const
export type UserSigCode = (typeof userSigCode)[keyof typeof userSigCode]

export interface UserSigFacts {
  sdkAppId: number
  userId: string
  secretKey: string
  /** How long it holds. */
  expireSeconds: number
  /** When it is issued, seconds since 1970. */
  issuedAtSeconds: number
}

export function signUserSig(facts: UserSigFacts): string {
  const { sdkAppId, userId, secretKey, expireSeconds, issuedAtSeconds } = facts
  const json = JSON.stringify({
    'TLS.ver': '2.0',
    'TLS.identifier': userId,
    'TLS.sdkappid': sdkAppId,
    'TLS.expire': expireSeconds,
    'TLS.time': issuedAtSeconds,
    'TLS.sig': hmac(secretKey, userId, sdkAppId, issuedAtSeconds, expireSeconds).toString('base64'),
  })
  return toUrlForm(deflateSync(json).toString('base64'))
}

/** UserSig of a sandbox user, valid for a day from now unless told otherwise. */
export function userSigFor(
  app: { sdkAppId: number; secretKey: string },
  userId: string,
  { expireSeconds = 86_400, issuedAtSeconds = Math.floor(Date.now() / 1000) } = {},
): string {
  return signUserSig({ ...app, userId, expireSeconds, issuedAtSeconds })
}

export type UserSigVerdict = { ok: true } | { ok: false; code: UserSigCode; message: string }

/**
 * What the cloud says to `userSig` when `userId` enters a room of `sdkAppId`.
 * @param secretKeys key of each known application
 */
export function verifyUserSig(
  userSig: string,
  claimed: { sdkAppId: number; userId: string },
  secretKeys: Readonly<Record<number, string>>,
  nowSeconds: number,
): UserSigVerdict {
  const refused = (code: UserSigCode, message: string): UserSigVerdict => ({ ok: false, code, message })
  const secretKey = secretKeys[claimed.sdkAppId]
  if (secretKey === undefined) return refused(userSigCode.sdkAppIdUnknown, `sdkAppId ${claimed.sdkAppId} is unknown`)
  const said = parseUserSig(userSig)
  if (!said) return refused(userSigCode.signatureWrong, 'userSig cannot be decoded')
  if (said.sdkAppId !== claimed.sdkAppId)
    return refused(userSigCode.sdkAppIdMismatch, `userSig is for sdkAppId ${said.sdkAppId}, not ${claimed.sdkAppId}`)
  if (said.userId !== claimed.userId)
    return refused(userSigCode.userMismatch, `userSig is for user ${said.userId}, not ${claimed.userId}`)
  const wanted = hmac(secretKey, said.userId, said.sdkAppId, said.issuedAtSeconds, said.expireSeconds)
  if (said.sig.length !== wanted.length || !timingSafeEqual(said.sig, wanted))
    return refused(userSigCode.signatureWrong, 'userSig signature does not match')
  if (nowSeconds >= said.issuedAtSeconds + said.expireSeconds) return refused(userSigCode.expired, 'userSig expired')
  return { ok: true }
}

function parseUserSig(userSig: string) {
  try {
    const json = JSON.parse(inflateSync(Buffer.from(fromUrlForm(userSig), 'base64')).toString('utf8')) as Record<string, unknown>
    if (typeof json['TLS.identifier'] !== 'string' || typeof json['TLS.sig'] !== 'string') return undefined
    const numbers = [json['TLS.sdkappid'], json['TLS.time'], json['TLS.expire']].map(Number)
    if (!numbers.every(Number.isSafeInteger)) return undefined
    const [sdkAppId, issuedAtSeconds, expireSeconds] = numbers as [number, number, number]
    return {
      userId: json['TLS.identifier'],
      sdkAppId,
      issuedAtSeconds,
      expireSeconds,
      sig: Buffer.from(json['TLS.sig'], 'base64'),
    }
  } catch {
    return undefined
  }
}

const hmac = (key: string, userId: string, sdkAppId: number, time: number, expire: number) =>
  createHmac('sha256', key)
    .update(`TLS.identifier:${userId}\nTLS.sdkappid:${sdkAppId}\nTLS.time:${time}\nTLS.expire:${expire}\n`)
    .digest()

const toUrlForm = (base64: string) => base64.replaceAll('+', '*').replaceAll('/', '-').replaceAll('=', '_')
const fromUrlForm = (text: string) => text.replaceAll('*', '+').replaceAll('-', '/').replaceAll('_', '=')
