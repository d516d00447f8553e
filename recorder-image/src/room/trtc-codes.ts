/** Why TRTC does not let somebody in, by the server's code: the account errors of TRTC's error code page. */
const refusals: Record<number, string> = {
  [-8]: 'no such application: check sdkAppId',
  70001: 'the UserSig has expired: make a new one',
  70002: 'the UserSig is empty: check the Secret',
  70003: 'the UserSig is damaged or was signed with another key: make it anew with the key of this application',
  70004: 'the UserSig is damaged: make it anew',
  70005: 'the UserSig is too old a kind: make it anew',
  70007: 'the UserSig is damaged: make it anew',
  70009: 'the UserSig was not signed with the key of this application',
  70010: 'the UserSig cannot be verified: make it anew',
  70013: 'the UserSig was made for another user: make one for spec.userId',
  70014: 'the UserSig was made for another application: make one for spec.sdkAppId',
  70016: 'the application has no key: create one in the TRTC console',
  70017: 'the UserSig was revoked: make a new one',
  70018: 'the UserSig is no longer valid: make a new one',
  70020: 'no such application: check sdkAppId',
}

/** Whether a refusal stands however often it is asked again: TRTC's account errors do, a bad network does not. */
export const isFinalRefusal = (trtcCode: number | undefined) =>
  trtcCode !== undefined && (trtcCode === -8 || (trtcCode >= 70001 && trtcCode < 70100))

export function meaningOf(trtcCode: number): string {
  return refusals[trtcCode] ?? 'see TRTC’s list of error codes'
}
