import type { OutboundStream } from './outbound.ts'

export type StreamName = 'main' | 'aux'
/** What a publisher sends: sound, camera, sub stream. */
export type Track = 'audio' | 'video' | 'aux'

/** Bits of `flag` in the room's list of publishers. */
export const flagBit = { bigVideo: 1, aux: 4, audio: 8, videoMuted: 16, audioMuted: 64 } as const

/** Somebody who publishes in a room: scripted, or a real SDK. */
export interface Publisher {
  readonly userId: string
  readonly tinyId: string
  readonly publishes: ReadonlySet<Track>
  readonly muted: ReadonlySet<Track>
  /** Where each track goes, by subscriber. */
  attach(track: Track, stream: OutboundStream): void
  detach(stream: OutboundStream): void
  /** A subscriber cannot decode before the next key frame. */
  requestKeyFrame(track: Track): void
}

export function flagOf({ publishes, muted }: Publisher): number {
  return (
    (publishes.has('video') ? flagBit.bigVideo : 0) |
    (publishes.has('aux') ? flagBit.aux : 0) |
    (publishes.has('audio') ? flagBit.audio : 0) |
    (publishes.has('video') && muted.has('video') ? flagBit.videoMuted : 0) |
    (publishes.has('audio') && muted.has('audio') ? flagBit.audioMuted : 0)
  )
}

/** A publisher as the room's lists have it. */
export const publisherItem = (publisher: Publisher) => ({
  userId: publisher.userId,
  srcTinyId: publisher.tinyId,
  flag: flagOf(publisher),
  fromType: 0,
})
