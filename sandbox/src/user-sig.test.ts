import { describe, expect, it } from 'vitest'
import { signUserSig, userSigCode, userSigFor, verifyUserSig } from './user-sig.ts'

const app = { sdkAppId: 1400000001, secretKey: 'key-of-the-application' }
const keys = { [app.sdkAppId]: app.secretKey, 1400000002: 'another-key' }
const now = 1_800_000_000
const good = signUserSig({ ...app, userId: 'recorder', expireSeconds: 60, issuedAtSeconds: now })
const codeOf = (
  sig: string,
  claimed: { sdkAppId: number; userId: string } = { sdkAppId: app.sdkAppId, userId: 'recorder' },
  at = now,
) => {
  const verdict = verifyUserSig(sig, claimed, keys, at)
  return verdict.ok ? 0 : verdict.code
}

describe('UserSig', () => {
  it('signed with the application key lets its user in until the last second', () => {
    expect(codeOf(good)).toBe(0)
    expect(codeOf(good, undefined, now + 59)).toBe(0)
  })

  it('is made of characters that need no escaping in a URL', () => {
    const many = Array.from({ length: 200 }, (_, i) => userSigFor(app, `user${i}`))
    for (const sig of many) expect(sig).toMatch(/^[A-Za-z0-9*\-_]+$/)
    expect(many.some((sig) => sig.includes('*')) && many.some((sig) => sig.includes('-'))).toBe(true)
  })

  it.each([
    ['expired', userSigCode.expired, good, undefined, now + 60],
    [
      'signed with another key',
      userSigCode.signatureWrong,
      signUserSig({ ...app, secretKey: 'other', userId: 'recorder', expireSeconds: 60, issuedAtSeconds: now }),
    ],
    ['not a UserSig at all', userSigCode.signatureWrong, 'rubbish'],
    ['of another user', userSigCode.userMismatch, good, { sdkAppId: app.sdkAppId, userId: 'mallory' }],
    ['of another application', userSigCode.sdkAppIdMismatch, good, { sdkAppId: 1400000002, userId: 'recorder' }],
    ['for an application nobody knows', userSigCode.sdkAppIdUnknown, good, { sdkAppId: 1400000009, userId: 'recorder' }],
  ] as const)(
    'is refused when %s, with code %i',
    (_why, code, sig, claimed?: { sdkAppId: number; userId: string }, at?: number) => {
      expect(codeOf(sig, claimed, at)).toBe(code)
    },
  )
})
