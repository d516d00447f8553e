import { toAnnexB } from './annexb.ts'
import { UnreadableError } from './bit-reader.ts'
import { pictureReader } from './read-picture.ts'
import type { Picture, VideoConfig } from './video-codec.ts'

/** A sender that leaves out numbers as it goes along leaves out more of them than this; what was lost is not that regular. */
const mostMissing = 0.1

/**
 * What a decoder does not say: it conceals a picture that is missing, and begins wherever it is told to. So of groups of pictures it is looked whether each begins
 * with one that can be decoded by itself, and of H.264 whether its numbers (7.4.3, frame_num) go on without a gap.
 */
export class PictureOrder {
  readonly #config: VideoConfig
  readonly #read: (sample: Uint8Array) => Picture | undefined
  /** Of the last picture that others refer to. */
  #last: number | undefined
  #pictures = 0
  readonly #noKeys: number[] = []
  readonly #gaps: number[] = []

  /** Of samples of one configuration. */
  constructor(config: VideoConfig) {
    this.#config = config
    const { read } = pictureReader(`video/${config.codec}`)!
    const isOfUnits = config.codec === 'h264' || config.codec === 'h265'
    this.#read = (sample) => {
      try {
        return read(isOfUnits ? toAnnexB(sample) : sample, config)
      } catch (error) {
        // Whether it can be decoded is the decoder's to say.
        if (error instanceof UnreadableError || error instanceof RangeError) return undefined
        throw error
      }
    }
  }

  /** The `at`th picture of the file. Those of a group in their order. */
  add(sample: Uint8Array, at: number, beginsGroup: boolean): void {
    const picture = this.#read(sample)
    this.#pictures++
    if (picture === undefined) {
      this.#last = undefined
      return
    }
    const { key, recoveryPoint, number } = picture
    if (beginsGroup && !key && !recoveryPoint) this.#noKeys.push(at)
    if (this.#config.codec !== 'h264' || number === undefined) return
    const { value, modulus, isReference } = number
    if (!beginsGroup && this.#last !== undefined && value !== (this.#last + 1) % modulus) this.#gaps.push(at)
    if (beginsGroup || isReference) this.#last = value
  }

  get problems(): string[] {
    const isHabit = this.#gaps.length > this.#pictures * mostMissing
    return [
      ...this.#noKeys.slice(0, 1).map((at) => `picture ${at} begins a group and cannot be decoded by itself`),
      ...(isHabit ? [] : this.#gaps.slice(0, 1).map((at) => `picture ${at} follows one that is not in the file`)),
    ]
  }
}
