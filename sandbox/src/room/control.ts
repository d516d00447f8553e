import type { CallbackOptions, SentCallback } from './callbacks.ts'
import type { ClipCodec, ClipParameters } from './clip.ts'
import type { LineQuality } from './line.ts'
import type { VideoCodec } from './messages.ts'
import type { Track } from './publisher.ts'
import type { RoomEventName, RoomName } from './room.ts'
import type { SenderClockOptions, SentSpan } from './scripted-anchor.ts'

/** Codec, size, rate and length of what an anchor plays; `defaultClip` where not said. */
export interface ClipOptions {
  codec?: ClipCodec
  width?: number
  height?: number
  fps?: number
  videoKbps?: number
  loopSeconds?: number
  keyFrames?: ClipParameters['keyFrames']
}

interface Who {
  room: RoomName
  userId: string
}

interface OneLine {
  room: RoomName
  userId?: string
  publisherId?: string
}

export interface RoomState {
  members: {
    userId: string
    role: 'anchor' | 'audience'
    signalling: boolean
    subscriptions: { userId: string; tracks: Track[] }[]
  }[]
  publishers: { userId: string; tracks: Track[]; muted: Track[] }[]
}

/** What tests and the demo do to a room. All errors name what is wrong. Over HTTP: `POST /<name>` with the argument as JSON. */
export interface RoomControl {
  /**
   * A scripted anchor enters and publishes. Again for the same user: what it publishes changes; what stays goes on without a pause, and where
   * no clip is said its clip stays. How its clocks run is said the first time. Resolves once it plays.
   */
  publish(
    options: Who & { audio?: boolean; video?: boolean; aux?: boolean; clip?: ClipOptions; clock?: SenderClockOptions },
  ): Promise<void>
  setMuted(options: Who & { kind: 'audio' | 'video'; muted: boolean }): Promise<void>
  leave(options: Who): Promise<void>
  /** RemoveUser for number rooms, RemoveUserByStrRoomId for string rooms. */
  removeUser(options: { sdkAppId: number; roomId: number; userId: string }): Promise<void>
  removeUserByStrRoomId(options: { sdkAppId: number; roomId: string; userId: string }): Promise<void>
  dismissRoom(options: { room: RoomName }): Promise<void>
  /** Loses packets on the way to a member (everybody, without userId), of one publisher or of all. percent 0 ends it. */
  loss(options: OneLine & { percent: number; repairable: boolean }): Promise<void>
  /** How good the line to a member is (everybody's, without userId), from one publisher or from all; what is not said is as on a good line. */
  worsenLine(options: OneLine & Partial<LineQuality>): Promise<void>
  /** Nothing passes to a member for so long, of one publisher or of all; then all of it at once, as to a machine that was paused. */
  freezeLine(options: Who & { publisherId?: string; seconds: number }): Promise<void>
  /** The RTP clocks of a scripted anchor are set ahead, as those of a machine that slept. */
  jumpClock(options: Who & { seconds: number }): Promise<void>
  /** A scripted anchor sends nothing for so long, and its clocks stand still: its virtual machine is paused. */
  standStill(options: Who & { seconds: number }): Promise<void>
  /** The cameras of a scripted anchor make no pictures for so long, without a word, and go on with a key frame; its sound goes on. */
  restCamera(options: Who & { seconds: number }): Promise<void>
  /** In which codec a member who enters from now on is told to send its camera. */
  preferCodec(options: Who & { codec: VideoCodec }): Promise<void>
  /** Drops a member's signalling socket with a close code. 1006 (abnormal) unless told otherwise. */
  dropSignalling(options: Who & { code?: number }): Promise<void>
  /** Keeps the socket and says nothing more on it. */
  silenceSignalling(options: Who & { silent: boolean }): Promise<void>
  /** Whether sockets that come back are told that their session is gone. */
  refuseReconnect(options: { refuse: boolean }): Promise<void>
  killMediaPath(options: Who): Promise<void>
  /** Whether datagrams of media reach the server at all, as where a firewall lets no UDP pass. */
  blockMedia(options: { blocked: boolean }): Promise<void>
  /** The next so many subscriptions to a publisher, or changes of them, are answered well, and nothing is sent. */
  ignoreSubscriptions(options: Who & { times: number }): Promise<void>
  setNoAnchorSeconds(options: { seconds: number }): Promise<void>
  /** Sends what TRTC’s console would be set to send: room and media events, from now on, as they come or spoilt. */
  sendCallbacks(options: CallbackOptions): Promise<void>
  /** Sends those that are held; in reverse, each after the answer to the one before, and resolves with the last answer. */
  releaseCallbacks(options: { order?: 'AsTold' | 'Reversed' }): Promise<void>
  /** Those that were sent to their end. */
  callbacksSent(options: Record<string, never>): Promise<SentCallback[]>
  state(options: { room: RoomName }): Promise<RoomState>
  /** What a scripted anchor has sent, also after it left; `track` picks one. */
  sent(options: Who & { track?: Track }): Promise<SentSpan[]>
  /** RTP times of the frames of a member with an SDK that were forwarded to anybody, in the order they came first. */
  forwarded(options: Who & { track: Track }): Promise<number[]>
  /** Resolves when the event happens; at once if it is the state of things (joined, subscribed, published, mediaConnected). Rejects after `timeoutSeconds`. `destroyed` takes no `userId`. */
  waitFor(options: { room: RoomName; event: RoomEventName; userId?: string; timeoutSeconds?: number }): Promise<void>
}

/** The control API of a room server in another process. */
export function roomControl(url: string): RoomControl {
  return new Proxy({} as RoomControl, {
    get: (_, name) => async (argument: unknown) => {
      const response = await fetch(`${url}/${String(name)}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(argument),
      })
      const text = await response.text()
      const body = text === '' ? undefined : JSON.parse(text)
      if (!response.ok) throw new Error(`Room: ${String(name)}: ${body?.message ?? response.status}`)
      return body
    },
  })
}
