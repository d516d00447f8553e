/**
 * A second Chromium with the SDK as a publisher like any other: encoder, congestion control and all. Its picture and sound come from files, or are
 * Chromium's own. In which codec it sends its camera is the room's to say (`preferCodec`, before it enters).
 */
import type { CameraFiles } from './clip-store.ts'
import type { RoomName } from './room.ts'
import { SdkChromium } from './sdk-chromium.ts'
import { SdkUser } from './sdk-user.ts'

export interface RealPublisherOptions {
  room: RoomName
  userId: string
  /** As the room server says them. */
  unifiedProxy: string
  spki: string
  camera?: CameraFiles
}

export interface RealPublisher {
  muteVideo(muted: boolean): Promise<void>
  muteAudio(muted: boolean): Promise<void>
  /** Leaves the room and ends its Chromium. */
  stop(): Promise<void>
  /** Ends its Chromium without a word to the room. */
  kill(): Promise<void>
}

/** Enters as an anchor and publishes camera and microphone; rejects with the SDK's code if it may not enter. */
export async function startRealPublisher({ spki, camera, ...options }: RealPublisherOptions): Promise<RealPublisher> {
  const chromium = await SdkChromium.launch(spki, camera)
  try {
    const user = await SdkUser.enter(chromium, { ...options, role: 'anchor' })
    const [result] = (await user.next('onEnterRoom')) as [number]
    if (result < 0) throw new Error(`${options.userId} could not enter the room: the SDK says ${result}`)
    await user.publishCameraAndMicrophone()
    return {
      muteVideo: user.muteVideo,
      muteAudio: user.muteAudio,
      async stop() {
        await user.leave().finally(() => chromium.close())
      },
      kill: () => chromium.close(),
    }
  } catch (error) {
    await chromium.close()
    throw error
  }
}
