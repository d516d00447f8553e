import { deflateSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { readUserSig, userSigProblem } from './user-sig.ts'

/** Made as TLSSig v2 is; what it was signed with does not matter here. */
function aUserSig(fields: { userId?: string; sdkAppId?: number; issued?: number; expires?: number } = {}): string {
  const { userId = 'recorder', sdkAppId = 1400000001, issued = 1_700_000_000, expires = 3600 } = fields
  const json = JSON.stringify({
    'TLS.ver': '2.0',
    'TLS.identifier': userId,
    'TLS.sdkappid': sdkAppId,
    'TLS.expire': expires,
    'TLS.time': issued,
    'TLS.sig': 'x',
  })
  const base64 = deflateSync(json).toString('base64')
  return base64.replaceAll('+', '*').replaceAll('/', '-').replaceAll('=', '_')
}

const spec = { userId: 'recorder', sdkAppId: 1400000001 }
const at = (seconds: number) => new Date((1_700_000_000 + seconds) * 1000)

describe('UserSig', () => {
  test('says whom it is for and until when', () => {
    expect(readUserSig(aUserSig())).toEqual({ ...spec, expiresAt: at(3600) })
  })

  test('nothing is wrong with a good one', () => {
    expect(userSigProblem(aUserSig(), spec, at(3599))).toBeUndefined()
  })

  test.each([
    ['expired', aUserSig(), at(3600), 'it ran out at 2023-11-14T23:13:20.000Z'],
    ['somebody else’s', aUserSig({ userId: 'bob' }), at(0), 'it was made for user bob, not for recorder'],
    ['another application’s', aUserSig({ sdkAppId: 1 }), at(0), 'it was made for application 1, not for 1400000001'],
    ['not one at all', 'hello', at(0), 'it is not a UserSig'],
    ['cut short', aUserSig().slice(0, 40), at(0), 'it is not a UserSig'],
  ])('%s: it is said in words', (_, userSig, now, problem) => {
    expect(userSigProblem(userSig, spec, now)).toBe(problem)
  })
})
