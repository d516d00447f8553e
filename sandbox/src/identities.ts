/**
 * Who is who in the sandbox: fixed test values shared by the stand-ins and by every test that talks to them.
 * Not secrets: they open nothing outside the sandbox. Tests search logs and manifests for these very strings.
 */
export const identities = {
  trtc: {
    /** From 1400000000 on the SDK asks the schedule hosts of the current cloud. */
    sdkAppId: 1400000001,
    /** Signs UserSig (TLSSig v2) for `sdkAppId`: 64 hexadecimal digits, as in the TRTC console. */
    secretKey: '5d41402abc4b2a76b9719d911017c592e10adc3949ba59abbe56e057f20f883e',
    /** Signs the callbacks of its rooms: letters and digits, as in the TRTC console. */
    callbackKey: 'sandboxRoomCallbackKey0001',
  },
  cos: {
    appId: '1250000000',
    bucket: 'recordings-1250000000',
    region: 'ap-guangzhou',
    secretId: 'AKIDsandboxsandboxsandboxsandbox0001',
    secretKey: 'sandboxCosSecretKeySandboxCosSec',
  },
  /** What a node, and a Pod by its service account, may be in Tencent's access management. */
  role: {
    roleName: 'sandbox-recorder',
    roleArn: 'qcs::cam::uin/100000000001:roleName/sandbox-recorder',
    providerId: 'sandbox-cluster',
  },
  callback: {
    /** Key of the HMAC-SHA256 signature header of each callback. */
    signingKey: 'sandbox-callback-signing-key-000',
  },
} as const
