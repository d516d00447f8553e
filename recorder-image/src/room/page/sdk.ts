/**
 * Everything that rests on undocumented members of trtc-cloud-js-sdk 2.12.0 (with trtc-sdk-v5 5.17.1-kit.1 inside). Look here first after
 * an upgrade of the SDK; the integration tests of the three modes fail when one of these is gone. What is used:
 *
 * - `TRTCParams.proxy`: enterRoom passes it through; the typings do not have it.
 * - `cloud._trtc`: the inner instance. Its `kicked-out` event is the only word of a
 *   duplicate login (reason `kick`), of which the wrapper makes no onExitRoom.
 * - `_trtc.room.singlePC.startReconnection()`: builds the connection for media anew, as the SDK does by itself 18 s after the path died.
 * - `_trtc.room.singlePC.removeDownlink(userId)`, called when a user left or is not wanted any more: takes their receivers away at once, and gives their media
 *   ids, which `_downlinkMIDMap` has. It is replaced by one that waits. Meanwhile who is subscribed to again has to get other receivers: these are found by
 *   the names of their streams in `parsedAnswer`, the remote description, which begin with the user's `tinyId`.
 * - `_trtc.room`: emits `remote-publish-state-changed` with what a user publishes apart from what is muted, and holds
 *   `remotePublishedUserMap`, whose entries know the SSRCs the SDK chose for a user's subscription.
 * - Refusals: enterRoom never rejects; onEnterRoom(< 0) and onError come instead. `refusal-code.ts` reads the server's code from them.
 */
import type { Stream } from '@trtc-recorder/api'
import sdk, { TRTCLogLevel, type TRTCParams } from 'trtc-cloud-js-sdk'

// The typings describe the package's CommonJS file; the bundle takes its ES module, whose default export is the class itself.
// Nor do they have the event emitter it inherits from.
export type Cloud = sdk.default & { on(event: string, listener: (...values: never[]) => void): void }
const TRTCCloud = sdk as unknown as { new (): Cloud; setLogLevel: typeof sdk.default.setLogLevel }

interface PublishState {
  userId: string
  hasAudio: boolean
  hasVideo: boolean
  hasAuxiliary: boolean
}

/** What receives from everybody. */
interface SinglePeer {
  startReconnection(): Promise<void>
  removeDownlink(userId: string): Promise<number[] | undefined>
  getPeerConnection(): RTCPeerConnection | null
  readonly _downlinkMIDMap: Map<string, number[]>
  readonly parsedAnswer: { media: { mid: number | string; ssrcs?: { value?: string | undefined }[] }[] } | null
}

interface Inner {
  on(event: 'kicked-out', listener: (event: { reason: string }) => void): void
  room: {
    on(event: 'remote-publish-state-changed', listener: (event: { muteState: PublishState }) => void): void
    singlePC?: SinglePeer
    remotePublishedUserMap: Map<string, { userId: string; ssrc: { audio: number; video: number; auxiliary: number } }>
  }
}

const innerOf = (cloud: Cloud) => (cloud as unknown as { _trtc: Inner })._trtc

export function createCloud(): Cloud {
  // The SDK writes its parameters to the console, the UserSig among them.
  TRTCCloud.setLogLevel(TRTCLogLevel.TRTCLogLevelNone, true)
  return new TRTCCloud()
}

export const paramsWithProxy = (params: Partial<TRTCParams>, proxy: object | undefined) =>
  ({ ...params, ...(proxy === undefined ? {} : { proxy }) }) as TRTCParams

/** What a user publishes, muted or not; reported on each change of it or of a mute. */
export function onPublishState(cloud: Cloud, listener: (userId: string, published: Record<Stream, boolean>) => void): void {
  innerOf(cloud).room.on('remote-publish-state-changed', ({ muteState: { userId, hasAudio, hasVideo, hasAuxiliary } }) =>
    listener(userId, { main: hasAudio || hasVideo, aux: hasAuxiliary }),
  )
}

/** Removal from the room: `banned`, `room_disband`, or `kick` when somebody else entered with our user id. */
export const onKickedOut = (cloud: Cloud, listener: (reason: string) => void): void =>
  innerOf(cloud).on('kicked-out', ({ reason }) => listener(reason))

/** Gives the connection for media up and builds it anew; everything is subscribed again by that, with other SSRCs. */
export async function rebuildMedia(cloud: Cloud): Promise<void> {
  await innerOf(cloud).room.singlePC?.startReconnection()
}

/**
 * Receives for so long what is on its way when a user stops publishing, or is not wanted any more: signalling overtakes media. Who is subscribed to again before
 * that is received beside it, by way of other receivers. To be called once in the room.
 */
export function receiveTheRest(cloud: Cloud, forMillis: number): void {
  const peer = innerOf(cloud).room.singlePC
  if (peer === undefined) return
  const removeDownlink = peer.removeDownlink.bind(peer)
  let rests = 0
  peer.removeDownlink = async (userId) => {
    const mids = peer._downlinkMIDMap.get(userId)
    if (mids === undefined) return undefined
    const connection = peer.getPeerConnection()
    const rest = `rest ${++rests} of ${userId}`
    peer._downlinkMIDMap.delete(userId)
    peer._downlinkMIDMap.set(rest, mids)
    for (const { mid, ssrcs } of peer.parsedAnswer?.media ?? [])
      if (mids.includes(Number(mid)))
        for (const one of ssrcs ?? []) one.value = one.value?.replace(/[^ ]+/g, `rest${rests}-${mid}`)
    setTimeout(() => {
      // A connection that was built anew has none of these receivers.
      if (peer.getPeerConnection() === connection) removeDownlink(rest).catch(() => {})
      else peer._downlinkMIDMap.delete(rest)
    }, forMillis)
    return mids
  }
}

/** The users for whose subscriptions the SDK chose SSRCs that hold now. */
export function ownersOfSsrcs(cloud: Cloud): Map<number, { userId: string; stream: Stream }> {
  const owners = new Map<number, { userId: string; stream: Stream }>()
  for (const { userId, ssrc } of innerOf(cloud).room.remotePublishedUserMap.values()) {
    owners.set(ssrc.audio, { userId, stream: 'main' })
    owners.set(ssrc.video, { userId, stream: 'main' })
    owners.set(ssrc.auxiliary, { userId, stream: 'aux' })
  }
  return owners
}
