import { opusSamples } from '../../../media/opus.ts'
import { pictureReader } from '../../../media/read-picture.ts'
import type { StoredVideoConfig } from '../../../media/video-codec.ts'
import type { EncodedFrame } from '../../../tap/frame.ts'
import { type HlsObject, Packager } from '../packager.ts'
import type { SegmentLengths } from '../picture-segments.ts'

/** Gives a packager frames as they arrived, every 200 ms what came in them, and to `onObjects` what it makes of them. */
export class FramesPackaged {
  readonly #packager: Packager
  readonly #onObjects: (objects: HlsObject[]) => void
  #config: StoredVideoConfig | undefined

  constructor(lengths: SegmentLengths, onObjects: (objects: HlsObject[]) => void) {
    this.#packager = new Packager(lengths)
    this.#onObjects = onObjects
  }

  push({ kind, mimeType, data, receiveTimeMicros: ptsMicros }: EncodedFrame): void {
    if (kind === 'audio') {
      this.#onObjects(this.#packager.sound({ is: 'packet', data, samples: opusSamples(data), ptsMicros }).objects)
      return
    }
    const picture = pictureReader(mimeType)!.read(data, this.#config)
    if (picture.config !== undefined) this.#config = { ...picture.config, number: 0 }
    const { key, parameterSets } = picture
    this.#onObjects(this.#packager.picture({ data: picture.data, parameterSets, key, config: this.#config!, ptsMicros }).objects)
  }

  reached(micros: number): void {
    this.#onObjects(this.#packager.reached(micros))
  }

  end(): void {
    this.#onObjects(this.#packager.cut())
  }
}
