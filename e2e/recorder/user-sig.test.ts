import fc from 'fast-check'
import { expect, test } from 'vitest'
import { signUserSig } from '../../recorder-image/src/recorder/user-sig.ts'
import { verifyUserSig } from '../../sandbox/src/user-sig.ts'

test('TRTC takes what the recorder signs for itself, and nothing that is signed with another key', () => {
  const secretKey = fc.stringMatching(/^[0-9a-f]{64}$/)
  const sdkAppId = fc.integer({ min: 1, max: 4_294_967_295 })
  fc.assert(
    fc.property(sdkAppId, fc.stringMatching(/^[A-Za-z0-9_-]{1,32}$/), secretKey, secretKey, (sdkAppId, userId, key, other) => {
      const nowSeconds = 1_800_000_000
      const userSig = signUserSig({ sdkAppId, userId, secretKey: key, issuedAtSeconds: nowSeconds - 60, expireSeconds: 3600 })
      const verdict = (secretKey: string) => verifyUserSig(userSig, { sdkAppId, userId }, { [sdkAppId]: secretKey }, nowSeconds)
      expect(verdict(key)).toEqual({ ok: true })
      if (other !== key) expect(verdict(other).ok).toBe(false)
    }),
  )
})
