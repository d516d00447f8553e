import { AUDIO_PACKET_MS, bFrames, type ClipParameters, clipFrames, keyFramesOf, SAMPLE_RATE_HZ, sendingOrder } from './clip.ts'
import { audioClip, videoClip } from './clip-store.ts'
import type { Codec } from './messages.ts'
import type { Track } from './publisher.ts'

const VIDEO_CLOCK_HZ = 90_000

/** Where a scripted anchor takes one of its tracks from: an endless row of numbered frames or packets. */
export interface ClipSource {
  track: Track
  /** The same for sources that give the same. */
  key: string
  intervalMillis: number
  clockHz: number
  /** Frames of one loop; 0 for audio. */
  clipFrames: number
  codec: Codec
  /** `keyFrom`: this number is a key frame too, and what follows refers to it; one of those that `nextKey` gives. */
  packetsOf(number: number, keyFrom?: number): { payloads: readonly Buffer[]; key: boolean }
  /** The first number from this one on at which a key frame can be had. */
  nextKey(number: number): number
  /** So much later than it was taken a frame is sent: one that is shown after others may be sent before them, and not before it was taken. */
  encoderMillis: number
  /** Which number is shown that is sent as this one; the same where there are no B frames. */
  shownAs(number: number): number
}

/** Makes the clips if need be, which takes seconds the first time. */
export function clipSources(
  userId: string,
  clip: Omit<ClipParameters, 'userId' | 'stream'>,
  tracks: readonly Track[],
): Promise<ClipSource[]> {
  return Promise.all(
    tracks.map((track) =>
      track === 'audio'
        ? audioSource({ userId, loopSeconds: clip.loopSeconds })
        : videoSource(track, { ...clip, userId, stream: track === 'aux' ? 'aux' : 'main' }),
    ),
  )
}

async function videoSource(track: Track, clip: ClipParameters): Promise<ClipSource> {
  const keys = keyFramesOf(clip)
  const clips = await Promise.all(keys.map((key) => videoClip(clip, key)))
  /** With a key frame where this one stands in its second. */
  const framesWith = new Map(keys.map((key, at) => [key, clips[at]!.frames]))
  const { frames } = clips[0]!
  const secondOf = (number: number) => Math.floor(number / clip.fps)
  const order = sendingOrder(clip)
  return {
    track,
    key: JSON.stringify(clip),
    intervalMillis: 1000 / clip.fps,
    clockHz: VIDEO_CLOCK_HZ,
    clipFrames: clipFrames(clip),
    encoderMillis: clip.codec === 'h264 b' ? (bFrames * 1000) / clip.fps : 0,
    codec: clip.codec === 'vp8' ? 'vp8' : 'h264',
    packetsOf: (number, keyFrom = Number.POSITIVE_INFINITY) => {
      const isBehind = number >= keyFrom && secondOf(number) === secondOf(keyFrom)
      return (isBehind ? framesWith.get(keyFrom % clip.fps)! : frames)[number % frames.length]!
    },
    nextKey: (number) => {
      const key = keys.find((key) => key >= number % clip.fps) ?? clip.fps
      return secondOf(number) * clip.fps + key
    },
    shownAs: (number) => number + order[number % order.length]! - (number % order.length),
  }
}

async function audioSource(clip: Pick<ClipParameters, 'userId' | 'loopSeconds'>): Promise<ClipSource> {
  const { packets } = await audioClip(clip)
  return {
    track: 'audio',
    key: JSON.stringify(clip),
    intervalMillis: AUDIO_PACKET_MS,
    clockHz: SAMPLE_RATE_HZ,
    clipFrames: 0,
    encoderMillis: 0,
    codec: 'opus',
    packetsOf: (number) => ({ payloads: [packets[number % packets.length]!], key: true }),
    nextKey: (number) => number,
    shownAs: (number) => number,
  }
}
