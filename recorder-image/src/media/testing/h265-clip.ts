import type { EncodedFrame } from '../../tap/frame.ts'
import { readH265 } from '../h265.ts'
import type { Picture, VideoConfig } from '../video-codec.ts'
import { makeClip } from './clip.ts'
import { epochMicros } from './sender.ts'

export interface Sent {
  picture: Picture
  rtp: number
  /** Number in the order of decoding. */
  sent: number
}

/** Pictures of x265, dark but for the first of each second, with a key frame each second, in the order in which they are decoded and sent. */
export async function encodeH265(
  parameters: string,
  { seconds = 3, fps = 30, numbered = false, pixels = 'yuv420p' } = {},
): Promise<{ pictures: Sent[]; config: VideoConfig; frames: EncodedFrame[] }> {
  const encoder = [
    ...['-preset', 'medium', '-pix_fmt', pixels, '-x265-params'],
    `aud=1:repeat-headers=1:open-gop=0:scenecut=0:log-level=none:${parameters}`,
  ]
  const clip = await makeClip({ seconds, fps, numbered, codec: 'h265', encoder })
  let config: VideoConfig | undefined
  const read = clip.pictures.map(({ data }) => {
    const picture = readH265(data, config)
    config = picture.config ?? config
    return picture
  })
  const shown = shownOrder(read)
  const step = 90_000 / fps
  const pictures = read.map((picture, sent) => ({ picture, sent, rtp: shown.indexOf(sent) * step }))
  const frames = pictures.map(
    ({ picture: { key }, rtp, sent }): EncodedFrame => ({
      ...{ slot: 2, kind: 'video', ssrc: 0xb0000001, key, sequenceNumber: null, rtpTimestamp: 2000 + rtp },
      ...{
        receiveTimeMicros: epochMicros + Math.round((sent / fps) * 1e6),
        mimeType: clip.mimeType,
        data: clip.pictures[sent]!.data,
      },
    }),
  )
  return { pictures, config: config!, frames }
}

/** Numbers of pictures in the order in which they are shown: after an IDR picture they count anew, below 0 too. */
function shownOrder(read: readonly Picture[]): number[] {
  let [sequence, latest] = [-1, 0]
  const keys = read.map(({ key, number }, sent) => {
    if (number?.type !== 'refers') throw new Error(`picture ${sent} does not say where it stands`)
    if (key && !number.goesOn) [sequence, latest] = [sequence + 1, 0]
    const ahead = (number.value - (latest % number.modulus) + number.modulus * 1.5) % number.modulus
    const value = latest + ahead - number.modulus / 2
    latest = Math.max(latest, value)
    return { sent, sequence, value }
  })
  return keys.toSorted((a, b) => a.sequence - b.sequence || a.value - b.value).map(({ sent }) => sent)
}
