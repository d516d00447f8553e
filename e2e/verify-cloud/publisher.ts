import { SdkChromium } from '../../sandbox/src/room/sdk-chromium.ts'
import { SdkUser } from '../../sandbox/src/room/sdk-user.ts'
import { userSigFor } from '../../sandbox/src/user-sig.ts'
import type { Settings } from './settings.ts'

/** A Chromium of its own, whose users are of the account that is looked at. */
export async function startUsers({ sdkAppId, sdkSecretKey, endpoints }: Settings, onSecret: (userSig: string) => void) {
  const chromium = await SdkChromium.launch(endpoints?.roomSpki)
  const app = { sdkAppId, secretKey: sdkSecretKey }
  const sign = (userId: string, options?: Parameters<typeof userSigFor>[2]) => {
    const userSig = userSigFor(app, userId, options)
    onSecret(userSig)
    return userSig
  }
  return {
    sign,
    enter: (
      room: { roomId: number } | { strRoomId: string },
      userId: string,
      { role = 'audience', userSig = sign(userId) }: { role?: 'anchor' | 'audience'; userSig?: string } = {},
    ) =>
      SdkUser.enter(chromium, {
        room: { sdkAppId, ...room },
        userId,
        role,
        userSig,
        ...(endpoints === undefined ? {} : { unifiedProxy: endpoints.room }),
      }),
    close: () => chromium.close(),
  }
}
export type Users = Awaited<ReturnType<typeof startUsers>>
