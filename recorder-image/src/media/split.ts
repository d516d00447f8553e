import type { EncodedFrame } from '../tap/frame.ts'
import { splitNalUnits } from './annexb.ts'
import { UnreadableError } from './bit-reader.ts'
import { nalTypes, typeOf } from './h265-units.ts'
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
  if (other !== undefined && other !== codec) return false
  return beyondMicros < 0 || !canBeginFile(frame, codec, beyondMicros)
}

/**
 * Whether a file can begin with a frame, and the one before it, which has pictures of `codec` if any, end before it, without a loss. Of H.265 pictures that are decoded after a key
 * frame may refer to what is in front of it, and then they are of no file: `waitedMicros` long one is waited for of which that cannot be.
 */
export function canBeginFile(frame: EncodedFrame, codec: VideoCodec | undefined, waitedMicros: number): boolean {
  if (frame.kind === 'audio') return codec === undefined
  return frame.key && (waitedMicros >= patienceMicros / 2 || !mayBeLedAcross(frame))
}

function mayBeLedAcross({ mimeType, data }: EncodedFrame): boolean {
  if (pictureReader(mimeType)?.codec !== 'h265') return false
  try {
    return splitNalUnits(data).some((unit) => typeOf(unit) === nalTypes.cleanRandomAccess)
  } catch (error) {
    // What cannot be read is of no file.
    if (error instanceof UnreadableError) return false
    throw error
  }
}

/** So long without a picture there is no camera: the next one begins with a key frame. */
const cameraOffMicros = 10_000_000

/** Whether sound comes so long after the last picture that the next file can begin with it. */
export const isCameraOff = ({ kind, receiveTimeMicros }: EncodedFrame, lastPictureMicros: number): boolean =>
  kind === 'audio' && receiveTimeMicros - lastPictureMicros >= cameraOffMicros
