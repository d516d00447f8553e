import type { Medium } from '@trtc-recorder/api'
import type { EncodedFrame } from '../tap/frame.ts'
import type { LiveEvent, LivePicture, LiveSound, LiveSource } from './part.ts'
import { PictureFeed } from './picture-feed.ts'
import { SoundFeed } from './sound-feed.ts'

/** What the page sends in one batch, what a network hardly exceeds, and then some. */
const onItsWayMicros = 700_000
/** Nothing comes any more for so long: what is missing is not waited for longer. */
const quietMicros = 1_000_000

export interface SourceFeedOptions {
  source: LiveSource
  /** What any part wants of it. */
  media: readonly Medium[]
  tell(event: LiveEvent): void
  /** A picture that no part can use. */
  onLatePicture(ptsMicros: number): void
}

/** What is recorded of one source, made into what parts are told, without decoding. */
export class SourceFeed {
  readonly source: LiveSource
  /** Where the last picture came from. */
  videoSlot: number | undefined
  readonly #options: SourceFeedOptions
  readonly #sound = new SoundFeed()
  readonly #pictures: PictureFeed
  #arrivedMicros: number | undefined
  #isPaused = false

  constructor(options: SourceFeedOptions) {
    this.source = options.source
    this.#options = options
    this.#pictures = new PictureFeed(options.onLatePicture)
  }

  frame(frame: EncodedFrame): void {
    this.#arrivedMicros = Math.max(this.#arrivedMicros ?? 0, frame.receiveTimeMicros)
    if (frame.kind === 'video') this.videoSlot = frame.slot
    if (!this.#options.media.includes(frame.kind)) return
    if (frame.kind === 'video') this.#tellPictures(this.#pictures.push(frame))
    else this.#tellSound(this.#sound.push(frame))
  }

  sends(kind: Medium, sends: boolean, atMicros: number): void {
    if (kind === 'video') this.#pictures.sends(sends, atMicros)
    this.#tell({ type: 'sends', source: this.source, kind, sends, atMicros })
  }

  /** Call it a few times a second. */
  tick(nowMicros: number): void {
    if (this.#arrivedMicros === undefined || this.#isPaused) return
    this.#sound.forgetLosses()
    if (this.#sound.holdsBack && nowMicros - this.#arrivedMicros > quietMicros) this.#tellSound(this.#sound.release())
    if (!this.#sound.holdsBack) this.#tell({ type: 'reached', source: this.source, micros: nowMicros - onItsWayMicros })
  }

  pause(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    this.#release()
    this.#tell({ type: 'paused', source: this.source })
  }

  resume(micros: number): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#tell({ type: 'resumed', source: this.source, micros })
  }

  close(): void {
    this.#release()
    this.#tell({ type: 'closed', source: this.source })
  }

  #release(): void {
    this.#tellSound(this.#sound.release())
    this.#tellPictures(this.#pictures.release())
  }

  #tellSound(sounds: readonly LiveSound[]): void {
    for (const sound of sounds) this.#tell({ type: 'sound', source: this.source, sound })
  }

  #tellPictures(pictures: readonly LivePicture[]): void {
    for (const picture of pictures) this.#tell({ type: 'picture', source: this.source, picture })
  }

  #tell(event: LiveEvent): void {
    this.#options.tell(event)
  }
}
