import type { Stream } from '@trtc-recorder/api'

/** One user publishing one stream, from the beginning to the end of it: what one file holds. Mutes and reconnections are inside. */
export interface Publication {
  readonly id: number
  readonly userId: string
  readonly stream: Stream
  /** Undefined while it is published. */
  readonly endedMicros?: number | undefined
}

export interface LivePublication extends Publication {
  opened: boolean
  endedMicros: number | undefined
}
