import type { EncodedFrame } from '../tap/frame.ts'
import { pictureReader } from './read-picture.ts'
import type { VideoCodec } from './video-codec.ts'

/** What finishing a file needs in memory grows with its length: some 350 MB of pictures for this long. */
export const maxFileMicros = 12 * 3_600_000_000
/** So long after that a key frame is waited for, so that nothing is lost between two files. */
const patienceMicros = 60_000_000

/**
 * Whether a frame belongs into a file that was opened at `openedMicros` and has pictures of `codec`, if any. Where it does not, the next file
 * begins with it: after 12 hours, at a key frame if one comes, and where the codec changes, which one track cannot hold.
 */
export function belongsInFile(frame: EncodedFrame, openedMicros: number, codec: VideoCodec | undefined): boolean {
  const beyondMicros = frame.receiveTimeMicros - openedMicros - maxFileMicros
  if (beyondMicros >= patienceMicros) return false
  if (frame.kind === 'audio') return codec !== undefined || beyondMicros < 0
  if (!frame.key || codec === undefined) return true
  const other = pictureReader(frame.mimeType)?.codec
  return beyondMicros < 0 && (other === undefined || other === codec)
}

/** Whether a file can begin with a frame, and the one before it, which has pictures of `codec` if any, end before it, without a loss. */
export const canBeginFile = ({ kind, key }: EncodedFrame, codec: VideoCodec | undefined): boolean =>
  kind === 'audio' ? codec === undefined : key
