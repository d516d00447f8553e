import { AUDIO_PACKET_MS, type ClipParameters, clipFrames, SAMPLE_RATE_HZ } from './clip.ts'
import { audioClip, videoClip } from './clip-store.ts'
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
  packetsOf(number: number): { payloads: readonly Buffer[]; key: boolean }
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
  const { frames } = await videoClip(clip)
  return {
    track,
    key: JSON.stringify(clip),
    intervalMillis: 1000 / clip.fps,
    clockHz: VIDEO_CLOCK_HZ,
    clipFrames: clipFrames(clip),
    packetsOf: (number) => frames[number % frames.length]!,
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
    packetsOf: (number) => ({ payloads: [packets[number % packets.length]!], key: true }),
  }
}
