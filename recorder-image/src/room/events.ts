import type { StopReason, Stream } from '@trtc-recorder/api'

/** What the page reports of the room, in the order it happened. Times by the recorder’s clock, in microseconds since 1970. */
export type PageEvent =
  /** The recorder is in the room. */
  | { type: 'entered'; timeMicros: number }
  | { type: 'anchorEntered'; userId: string; timeMicros: number }
  | { type: 'anchorLeft'; userId: string; timeMicros: number }
  /** Whether a user publishes a stream, muted or not. A file lasts from one publishing to its end. */
  | { type: 'published'; userId: string; stream: Stream; published: boolean; timeMicros: number }
  /** Whether a user sends a kind of media now: publishing, unpublishing, mute and unmute. */
  | { type: 'available'; userId: string; stream: Stream; kind: 'audio' | 'video'; available: boolean; timeMicros: number }
  /** What comes from a slot with this SSRC is this user's. A new subscription has a new SSRC and is bound again. */
  | { type: 'bound'; slot: number; ssrc: number; userId: string; stream: Stream; kind: 'audio' | 'video'; timeMicros: number }
  | { type: 'connectionLost'; timeMicros: number }
  | { type: 'connectionRecovered'; timeMicros: number }
  /** The recorder was never let in. */
  | { type: 'refused'; trtcCode: number | undefined; message: string; timeMicros: number }
  /** The recorder was in the room and is not any more. */
  | { type: 'ended'; reason: Ending; message: string; timeMicros: number }

/** Sent out by TRTC, which is for good, or the SDK could not come back. */
export type Ending = Extract<StopReason, 'RoomDismissed' | 'RemovedByApi' | 'DuplicateUser' | 'RoomLost'>

/** What the supervisor tells of the room, in order with frames. `entered` comes again each time the recorder is back. */
export type RoomEvent =
  | Exclude<PageEvent, { type: 'refused' | 'ended' }>
  /** The page is given up and another one is on its way. Whoever publishes is told anew by that. What came to the page since it was heard last is gone with it. */
  | { type: 'away'; why: string; heardMicros: number; timeMicros: number }
  /** No packet comes any more; the SDK was told to build the connection for media anew. */
  | { type: 'mediaRebuilt'; timeMicros: number }
