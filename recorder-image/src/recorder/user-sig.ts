import { createHmac } from 'node:crypto'
import { deflateSync, inflateSync } from 'node:zlib'

export interface UserSigContent {
  sdkAppId: number
  userId: string
  /** Of the TRTC application, as its console shows it. */
  secretKey: string
  /** Seconds since 1970. */
  issuedAtSeconds: number
  expireSeconds: number
}

/** TLSSig v2, as Tencent's own libraries make it. Source of the form: Tencent's tls-sig-api-v2. */
export function signUserSig({ sdkAppId, userId, secretKey, issuedAtSeconds, expireSeconds }: UserSigContent): string {
  const signed = [
    ['TLS.identifier', userId],
    ['TLS.sdkappid', sdkAppId],
    ['TLS.time', issuedAtSeconds],
    ['TLS.expire', expireSeconds],
  ] as const
  const text = signed.map(([name, value]) => `${name}:${value}\n`).join('')
  const signature = createHmac('sha256', secretKey).update(text).digest('base64')
  const json = JSON.stringify({ 'TLS.ver': '2.0', ...Object.fromEntries(signed), 'TLS.sig': signature })
  return deflateSync(json).toString('base64').replaceAll('+', '*').replaceAll('/', '-').replaceAll('=', '_')
}

export interface UserSigFacts {
  userId: string
  sdkAppId: number
  expiresAt: Date
}

/**
 * What a UserSig says of itself; undefined when it cannot be read. TLSSig v2: JSON, deflated, base64 with `+/=` written `*-_`.
 * Whether it was signed with the right key only TRTC can tell.
 */
export function readUserSig(userSig: string): UserSigFacts | undefined {
  try {
    const base64 = userSig.replaceAll('*', '+').replaceAll('-', '/').replaceAll('_', '=')
    const fields = JSON.parse(inflateSync(Buffer.from(base64, 'base64')).toString()) as Record<string, string | number>
    const expiresAt = new Date((Number(fields['TLS.time']) + Number(fields['TLS.expire'])) * 1000)
    if (Number.isNaN(expiresAt.getTime())) return undefined
    return { userId: String(fields['TLS.identifier']), sdkAppId: Number(fields['TLS.sdkappid']), expiresAt }
  } catch {
    return undefined
  }
}

/** What is plainly wrong with a UserSig, in words; undefined when nothing is. A hint: TRTC's clock and TRTC's word decide. */
export function userSigProblem(userSig: string, spec: { userId: string; sdkAppId: number }, now: Date): string | undefined {
  const facts = readUserSig(userSig)
  if (facts === undefined) return 'it is not a UserSig'
  if (facts.userId !== spec.userId) return `it was made for user ${facts.userId}, not for ${spec.userId}`
  if (facts.sdkAppId !== spec.sdkAppId) return `it was made for application ${facts.sdkAppId}, not for ${spec.sdkAppId}`
  if (facts.expiresAt <= now) return `it ran out at ${facts.expiresAt.toISOString()}`
  return undefined
}

/** What a UserSig of this recording comes from, for messages. */
export const userSigOrigin = ({ userSigSecretRef, appSecretKeyRef }: { userSigSecretRef?: Named; appSecretKeyRef?: Named }) =>
  appSecretKeyRef === undefined
    ? `the UserSig in Secret ${userSigSecretRef?.name}`
    : `the UserSig signed with the key in Secret ${appSecretKeyRef.name}`
type Named = { name: string } | undefined
