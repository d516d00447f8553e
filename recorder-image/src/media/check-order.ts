import { type Decoder, decoderAfter, decoderWith, type Ordered, turnOf } from '../timeline/decoding-order.ts'
import { toAnnexB } from './annexb.ts'
import { UnreadableError } from './bit-reader.ts'
import { pictureReader } from './read-picture.ts'
import type { Picture, VideoConfig } from './video-codec.ts'

/** A sender that leaves out numbers as it goes along leaves out more of them than this; what was lost is not that regular. */
const mostMissing = 0.1

/**
 * What a decoder does not say: it conceals a picture that is missing, and begins wherever it is told to. So of groups of pictures it is looked whether each begins
 * with one that can be decoded by itself, of H.264 whether its numbers (7.4.3, frame_num) go on without a gap, and of H.265 whether what each says it refers to
 * is there (8.3.2, reference picture sets). VP8 and VP9 say nothing of the kind: the slots of a decoder are never empty. Of AV1 it is not looked for: its
 * coding goes on from picture to picture, so a decoder fails where one is missing that others go on from, unless a sender codes each by itself.
 */
export class PictureOrder {
  readonly #read: (sample: Uint8Array) => Picture | undefined
  /** Of the last picture that others refer to. */
  #last: number | undefined
  #pictures = 0
  readonly #noKeys: number[] = []
  readonly #gaps: number[] = []
  /** Of a codec that names what its pictures refer to. */
  readonly #lacking: number[] = []
  #decoder: Decoder | undefined
  #lastAt = Number.NaN
  /** Where what was looked at without a break began. */
  #beganAt = 0

  /** Of samples of one configuration. */
  constructor(config: VideoConfig) {
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

  /**
   * The `at`th picture of the file. Those of a group in their order. Returns false for one that no decoder shows which begins with its group: it leads the key
   * frame, and refers to what is in front of that.
   */
  add(sample: Uint8Array, at: number, beginsGroup: boolean): boolean {
    const picture = this.#read(sample)
    this.#pictures++
    const goesOn = at === this.#lastAt + 1
    this.#lastAt = at
    if (picture === undefined) {
      this.#last = undefined
      this.#decoder = undefined
      return true
    }
    const { key, recoveryPoint, number, leads } = picture
    if (beginsGroup && !key && !recoveryPoint) this.#noKeys.push(at)
    if (number?.type === 'refers') return this.#addReferring({ number, leads }, key, at, goesOn)
    this.#decoder = undefined
    if (number === undefined) return true
    const { value, modulus, isReference } = number
    const begins = beginsGroup || key
    if (!begins && this.#last !== undefined && value !== (this.#last + 1) % modulus) this.#gaps.push(at)
    if (begins || isReference) this.#last = value
    return true
  }

  #addReferring(one: Ordered, key: boolean, at: number, goesOn: boolean): boolean {
    const decoder = this.#decoder
    if (key) {
      this.#decoder = decoderWith(one.number, goesOn ? decoder : undefined)
      if (!goesOn) this.#beganAt = at
      return true
    }
    if (decoder?.type !== 'refers') return true
    const isLackingAll = one.leads === 'acrossKey' && decoder.across === undefined
    // The file is looked at from its beginning on, or from somewhere in the middle.
    if (isLackingAll && this.#beganAt > 0) return false
    if (turnOf(decoder, one, false) !== 'next') this.#lacking.push(at)
    this.#decoder = decoderAfter(decoder, one.number)
    return true
  }

  get problems(): string[] {
    const isHabit = this.#gaps.length > this.#pictures * mostMissing
    return [
      ...this.#noKeys.slice(0, 1).map((at) => `picture ${at} begins a group and cannot be decoded by itself`),
      ...(isHabit ? [] : this.#gaps.slice(0, 1).map((at) => `picture ${at} follows one that is not in the file`)),
      ...this.#lacking.slice(0, 1).map((at) => `picture ${at} refers to one that is not in the file`),
    ]
  }
}
