import type { PageCommand, PageReport } from '../protocol.ts'

/** What the worker knows of the receiver it taps. */
export interface TapOptions {
  slot: number
  kind: 'audio' | 'video'
}

export type ToWorker =
  | { type: 'connect'; url: string }
  | { type: 'report'; report: PageReport }
  /** Something ends: what stays away behind the last picture of each is to be told. */
  | { type: 'tellEnds' }

export type ToPage =
  | { type: 'connected' }
  | { type: 'command'; command: PageCommand }
  /** Frames with an SSRC never seen in this slot: whose are they? */
  | { type: 'newSubscription'; slot: number; kind: 'audio' | 'video'; ssrc: number }
  /** Pictures may be missing before this one, for so long: by the sender's clock, or since the one before came. */
  | { type: 'hole'; slot: number; ssrc: number; rtpTimestamp: number; millis: number }
  /** Pictures stay away after this one, for so long by now, or it may have been the last. */
  | { type: 'silence'; slot: number; ssrc: number; rtpTimestamp: number; millis: number }
