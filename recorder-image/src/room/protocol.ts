import type { Stream } from '@trtc-recorder/api'
import type { CountedHole } from '../timeline/picture-gaps.ts'
import type { PageEvent } from './events.ts'

/** What Node tells the page, as JSON over the tap's socket. The UserSig and the TURN password go this way: never in a URL, an argument or a log. */
export type PageCommand =
  | {
      type: 'enter'
      sdkAppId: number
      userId: string
      userSig: string
      roomId?: number
      strRoomId?: string
      /** As the SDK takes it. Holds the TURN password, if there is one. */
      networkProxy?: object
      /** So long frames wait for others at most; half a second where it is left out. */
      batchMillis?: number
    }
  /** Receive one kind of media of one user from now on. Nothing is received that was not asked for. */
  | { type: 'subscribe'; userId: string; stream: Stream; kind: 'audio' | 'video' }
  /** Receive it no more. */
  | { type: 'unsubscribe'; userId: string; stream: Stream; kind: 'audio' | 'video' }
  /** Give up what was subscribed of one user and ask for it anew: it does not come. */
  | { type: 'resubscribe'; userId: string; media: { stream: Stream; kind: 'audio' | 'video' }[] }
  /** Ask the sender in this slot for a key frame; it is asked once a second at most. */
  | { type: 'requestKeyFrame'; slot: number }
  /** Say `path`: what came through the connection for media. */
  | { type: 'look' }
  /** Build the connection for media anew; everything is subscribed anew by that. */
  | { type: 'rebuildMedia' }
  /** Say what time it is by the page's clock. */
  | { type: 'clock' }
  | { type: 'leave' }
  /** Send what is in the batch; answer `flushed` with the same id, a moment later, behind what had been received until now and was still on its way to it. */
  | { type: 'flush'; id: number }
  /** Nothing more will be recorded: say what is known by now of what was missing, then as for `flush`. */
  | { type: 'lastWord'; id: number }

/** What the page tells Node besides frames, in order with them. */
export type PageReport =
  /** Its `timeMicros` is by the page's clock, as those of frames are. */
  | { type: 'room'; event: PageEvent }
  /** The page can take commands. */
  | { type: 'ready' }
  /** The page's main thread answers; sent twice a second. */
  | { type: 'alive' }
  | { type: 'flushed'; id: number }
  | { type: 'clock'; pageMicros: number }
  /** Counters of the connection for media that was opened last; -1 where there is none. */
  | { type: 'path'; packets: number; responses: number }
  /**
   * What became of the packets of one stream around the hole before the picture of this time (`CountedHole`). With `openMicros` of the hole behind it: by then
   * nothing had come after it.
   */
  | ({ type: 'hole'; slot: number } & CountedHole)
  | { type: 'left' }
  /** Node did not keep up: frames were thrown away until the next key frame. Said within the time of a batch, whatever comes after them. */
  | { type: 'overflow'; slot: number; ssrc: number; droppedFrames: number; droppedBytes: number }
  /**
   * The page could not take frames, by a defect of its own; from now on nothing comes from the slot where it says that its tap has ended. Said within the time
   * of a batch.
   */
  | {
      type: 'tapFailed'
      slot: number
      kind: 'audio' | 'video'
      ssrc: number
      frames: number
      bytes: number
      ended: boolean
      message: string
    }
  /** Something the SDK reported that does not end the recording, or an error of the page's own. */
  | { type: 'warning'; message: string; code?: number }
