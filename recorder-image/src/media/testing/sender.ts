import type { EncodedFrame } from '../../tap/frame.ts'
import type { Clip } from './clip.ts'

/** How a stretch of a clip is sent. Times in seconds. */
export interface Sending {
  clip: Clip
  /** Part of the clip that is sent, and when its start leaves the sender, by the wall clock of the recorder. */
  from: number
  to: number
  atSeconds: number
  kinds?: ('audio' | 'video')[]
  ssrc?: { audio: number; video: number }
  /** RTP time at the start of the clip, in ticks. */
  rtpStart?: { audio: number; video: number }
  /** Seconds on the way; called for each frame. */
  delay?: (frame: { kind: 'audio' | 'video'; key: boolean; seconds: number }) => number
  /** Whether a frame gets lost. */
  lost?: (frame: { kind: 'audio' | 'video'; seconds: number }) => boolean
}

/** Wall-clock time 0 of all tests, in microseconds. */
export const epochMicros = Date.UTC(2026, 10, 22, 12) * 1000

/** The frames as they leave the network, in order of arrival. */
export function send(...sendings: Sending[]): EncodedFrame[] {
  const sent = new Map<number, number>()
  return sendings.flatMap((sending) => framesOf(sending, sent)).sort((a, b) => a.receiveTimeMicros - b.receiveTimeMicros)
}

/** `sent`: packets of each SSRC so far, for their numbers. */
function framesOf({ clip, from, to, atSeconds, ...how }: Sending, sent: Map<number, number>): EncodedFrame[] {
  const { kinds = ['audio', 'video'], delay = () => 0.02, lost = () => false } = how
  const ssrc = how.ssrc ?? { audio: 0xa0000001, video: 0xb0000001 }
  const rtpStart = how.rtpStart ?? { audio: 1000, video: 2000 }
  const frames: EncodedFrame[] = []
  const last = { audio: 0, video: 0 }
  const add = (kind: 'audio' | 'video', data: Uint8Array, key: boolean, seconds: number, clockRate: number) => {
    if (seconds < from - 1e-9 || seconds >= to - 1e-9) return
    const sequenceNumber = sent.get(ssrc[kind]) ?? 65_500 + Math.round(from * 50)
    sent.set(ssrc[kind], sequenceNumber + 1)
    if (lost({ kind, seconds })) return
    const arrival = epochMicros + (atSeconds + seconds - from + delay({ kind, key, seconds })) * 1_000_000
    // A receiver hands frames on in their order: one that is late holds up those behind it.
    last[kind] = Math.max(last[kind], Math.round(arrival))
    frames.push({
      slot: kind === 'audio' ? 1 : 2,
      kind,
      ssrc: ssrc[kind],
      key,
      sequenceNumber: kind === 'audio' ? sequenceNumber & 0xffff : null,
      rtpTimestamp: (rtpStart[kind] + Math.round(seconds * clockRate)) % 2 ** 32,
      receiveTimeMicros: last[kind],
      mimeType: kind === 'audio' ? 'audio/opus' : clip.mimeType,
      data,
    })
  }
  for (const [n, { data, key }] of kinds.includes('video') ? clip.pictures.entries() : [])
    add('video', data, key, n / clip.fps, 90_000)
  let samples = 0
  for (const packet of kinds.includes('audio') ? clip.packets : []) {
    add('audio', packet.data, true, samples / 48_000, 48_000)
    samples += packet.samples
  }
  return frames
}

/** Numbers in [0, 1) that are the same every time (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let value = Math.imul(state ^ (state >>> 15), 1 | state)
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32
  }
}
