import { open } from 'node:fs/promises'
import { UnreadableError } from '../media/bit-reader.ts'
import { idrPicId, withIdrPicId } from '../media/idr-picture.ts'
import type { VideoConfig } from '../media/video-codec.ts'
import { NotEncodedError } from './encode-lead.ts'
import { readExactly } from './exact-body.ts'
import type { Encoded } from './exact-pictures.ts'

/**
 * Of two IDR pictures in a row each has a number of its own, or a decoder may take them for one (H.264, 7.4.3). The encoder does not know what the picture behind the seam has:
 * where the last that it made is an IDR picture of that number, it gets another, at the end of the file. `beginning`: what the picture behind the seam begins with, of
 * the configuration `config`. Rejects with a NotEncodedError.
 */
export async function tellApart(path: string, encoded: Encoded, beginning: Uint8Array, config: VideoConfig): Promise<Encoded> {
  const file = await open(path, 'r+')
  try {
    const sample = (at: number) => readExactly(file, encoded.offsets[at]!, encoded.offsets[at]! + encoded.sizes[at]!)
    const last = encoded.sizes.length - 1
    const picture = await sample(last)
    const number = idrPicId(picture, encoded.config)
    if (number === undefined) return encoded
    const behind = idrPicId(beginning, config)
    if (number !== behind) return encoded
    const before = last === 0 ? undefined : idrPicId(await sample(last - 1), encoded.config)
    const changed = withIdrPicId(picture, encoded.config, [0, 1, 2].find((one) => one !== behind && one !== before)!)
    const { size } = await file.stat()
    await file.write(changed, 0, changed.length, size)
    const [sizes, offsets] = [encoded.sizes.slice(), encoded.offsets.slice()]
    sizes[last] = changed.length
    offsets[last] = size
    return { ...encoded, sizes, offsets }
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error
    throw new NotEncodedError(
      'EncodingFailed',
      `the first picture that was sent cannot be told from the last that was encoded: ${error.message}`,
    )
  } finally {
    await file.close()
  }
}
