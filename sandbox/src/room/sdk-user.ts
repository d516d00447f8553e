/** One user of the unmodified SDK in one page: enters, publishes, watches. */
import type { Page } from 'puppeteer-core'
import type sdk from 'trtc-cloud-js-sdk'
import { identities } from '../identities.ts'
import { userSigFor } from '../user-sig.ts'
import type { RoomName } from './room.ts'
import type { SdkChromium } from './sdk-chromium.ts'

/** What of the SDK's events is kept, in order, as name and arguments. */
const events = [
  'onEnterRoom',
  'onExitRoom',
  'onError',
  'onConnectionLost',
  'onConnectionRecovery',
  'onRemoteUserEnterRoom',
  'onRemoteUserLeaveRoom',
  'onUserAudioAvailable',
  'onUserVideoAvailable',
  'onUserSubStreamAvailable',
  'onFirstVideoFrame',
] as const
/** `kicked-out` is the inner instance's: the wrapper says nothing to whom another one with the same user id sends out. */
export type SdkEventName = (typeof events)[number] | 'kicked-out'
export type SdkEvent = [name: SdkEventName, ...args: unknown[]]

/** What `RTCPeerConnection.getStats` says of one incoming stream. */
export interface InboundStats {
  kind: 'audio' | 'video'
  ssrc: number
  packetsReceived: number
  packetsLost: number
  framesDecoded?: number
  nackCount?: number
  totalAudioEnergy?: number
}

// The typings describe the package's CommonJS file; the page holds its ES module, whose default export is the class itself.
type Cloud = sdk.default & {
  /** Of the event emitter it inherits from. */
  on(event: string, listener: (...values: unknown[]) => void): void
  /** The trtc-sdk-v5 instance inside, a private member. */
  _trtc: {
    updateLocalVideo(options: { mute: boolean }): Promise<void>
    on(event: 'kicked-out', listener: (event: { reason: string }) => void): void
  }
}

interface PageGlobals {
  trtc: { default: new () => Cloud }
  cloud: Cloud
  events: SdkEvent[]
  connections: RTCPeerConnection[]
}

export interface SdkUserOptions {
  room: RoomName
  userId: string
  /** host:port of the room server; none for Tencent's cloud. */
  unifiedProxy?: string
  role: 'anchor' | 'audience'
  /** A right one unless told otherwise. */
  userSig?: string
}

export class SdkUser {
  readonly #page: Page

  private constructor(page: Page) {
    this.#page = page
  }

  /** Resolves when the SDK has said whether it could enter: see the event `onEnterRoom`, which is negative if not. */
  static async enter(chromium: SdkChromium, options: SdkUserOptions): Promise<SdkUser> {
    const page = await chromium.open()
    const { room, userId, unifiedProxy, role, userSig = userSigFor(identities.trtc, userId) } = options
    const { roomId, strRoomId, sdkAppId } = room
    const which = strRoomId === undefined ? { roomId } : { strRoomId }
    const params = { ...which, sdkAppId, userId, userSig, role: role === 'anchor' ? 20 : 21, enableAutoPlayDialog: false }
    await page.evaluate(
      (names, params) => {
        const page = globalThis as unknown as PageGlobals
        page.connections = []
        const Connection = RTCPeerConnection
        globalThis.RTCPeerConnection = class extends Connection {
          constructor(...args: ConstructorParameters<typeof Connection>) {
            super(...args)
            page.connections.push(this)
          }
        }
        page.events = []
        const cloud = new page.trtc.default()
        page.cloud = cloud
        for (const name of names) cloud.on(name, (...args) => page.events.push([name, ...args]))
        cloud._trtc.on('kicked-out', ({ reason }: { reason: string }) => page.events.push(['kicked-out', reason]))
        cloud.setDefaultStreamRecvMode(true, true)
        // Scene 1: live. The SDK passes on `proxy`, which its types do not know.
        return cloud.enterRoom(params as never, 1)
      },
      events,
      unifiedProxy === undefined ? params : { ...params, proxy: { unifiedProxy } },
    )
    return new SdkUser(page)
  }

  /** Waits for an event that was not waited for before; later ones of another kind stay. */
  async next(name: SdkEventName, timeoutSeconds = 10): Promise<unknown[]> {
    try {
      const found = await this.#page.waitForFunction(
        (name) => {
          const { events } = globalThis as unknown as PageGlobals
          const at = events.findIndex(([happened]) => happened === name)
          return at >= 0 && events.splice(at, 1)[0]!.slice(1)
        },
        { timeout: timeoutSeconds * 1000, polling: 20 },
        name,
      )
      return (await found.jsonValue()) as unknown[]
    } catch (error) {
      const happened = JSON.stringify(await this.events())
      throw new Error(`${name} did not happen within ${timeoutSeconds} s; there were ${happened}`, { cause: error })
    }
  }

  /** Events that nobody has taken yet. */
  events = (): Promise<SdkEvent[]> => this.#page.evaluate(() => (globalThis as unknown as PageGlobals).events)

  async publishCameraAndMicrophone(): Promise<void> {
    await this.#page.evaluate(async () => {
      const { cloud } = globalThis as unknown as PageGlobals
      // What others see is mirrored otherwise.
      await cloud.setVideoEncoderMirror(false)
      await cloud.startLocalAudio()
      await cloud.startLocalPreview(document.body.appendChild(document.createElement('div')))
    })
  }

  /** Says to the room that the camera is muted. The wrapper's muteLocalVideo unpublishes it instead, hence its inner instance. */
  muteVideo = (muted: boolean): Promise<void> =>
    this.#page.evaluate((mute) => (globalThis as unknown as PageGlobals).cloud._trtc.updateLocalVideo({ mute }), muted)
  muteAudio = (muted: boolean): Promise<void> =>
    this.#page.evaluate((muted) => (globalThis as unknown as PageGlobals).cloud.muteLocalAudio(muted), muted)

  /** Shows a user's camera (0) or screen (2). */
  async watch(userId: string, streamType: 0 | 2 = 0): Promise<void> {
    await this.#page.evaluate(
      (userId, streamType) => {
        const { cloud } = globalThis as unknown as PageGlobals
        const view = document.body.appendChild(document.createElement('div'))
        return cloud.startRemoteView(userId, view, streamType as never)
      },
      userId,
      streamType,
    )
  }

  /** Luma of the top 48 rows of the picture that is shown of a user, and its width. Undefined while there is none. */
  async picture(userId: string): Promise<{ luma: Uint8Array; width: number } | undefined> {
    const shown = await this.#page.evaluate((userId) => {
      const video = document.querySelector<HTMLVideoElement>(`video[id^="video_${userId}"]`)
      if (!video?.videoWidth) return undefined
      const canvas = new OffscreenCanvas(video.videoWidth, 48)
      const context = canvas.getContext('2d')!
      context.drawImage(video, 0, 0)
      const { data } = context.getImageData(0, 0, canvas.width, 48)
      // The code lines are grey: any colour is the luma, but for its range.
      return { grey: Array.from({ length: data.length / 4 }, (_, i) => data[4 * i + 1]!), width: canvas.width }
    }, userId)
    return shown && { luma: Uint8Array.from(shown.grey), width: shown.width }
  }

  /** Incoming streams of the connection that is in use. */
  inbound = (): Promise<InboundStats[]> =>
    this.#page.evaluate(async () => {
      const { connections } = globalThis as unknown as PageGlobals
      const found: InboundStats[] = []
      const stats = await connections.findLast(({ connectionState }) => connectionState !== 'closed')?.getStats()
      stats?.forEach((entry) => {
        if (entry.type === 'inbound-rtp') found.push({ ...entry })
      })
      return found
    })

  /** What the server answered: the session description of the connection in use, and by what way its media comes. */
  line = (): Promise<{ answer: string; protocol: string; remoteType: string }> =>
    this.#page.evaluate(async () => {
      const { connections } = globalThis as unknown as PageGlobals
      const connection = connections.findLast(({ connectionState }) => connectionState !== 'closed')
      const stats = new Map<string, Record<string, string>>()
      const report = await connection?.getStats()
      report?.forEach((entry) => {
        stats.set(entry.id, entry)
      })
      const transport = [...stats.values()].find(({ type }) => type === 'transport')
      const remote = stats.get(stats.get(transport?.selectedCandidatePairId ?? '')?.remoteCandidateId ?? '')
      return {
        answer: connection?.remoteDescription?.sdp ?? '',
        protocol: remote?.protocol ?? '',
        remoteType: remote?.candidateType ?? '',
      }
    })

  /** How many peer connections the SDK has made so far. */
  connectionCount = (): Promise<number> => this.#page.evaluate(() => (globalThis as unknown as PageGlobals).connections.length)

  /** Leaves the room as a user does, and closes the page. */
  async leave(): Promise<void> {
    await this.#page.evaluate(() => (globalThis as unknown as PageGlobals).cloud.exitRoom())
    await this.close()
  }

  /** Closes the page without a word to the room. */
  close = (): Promise<void> => this.#page.close()
}
