import type { PlacedSample, ReadPicture } from './index-records.ts'
import { VideoColumns } from './media-columns.ts'
import type { StoredVideoConfig } from './video-codec.ts'

/** Media of which a damaged index does not say any more where it is, or that cannot be used without that. */
export interface IndexLoss {
  medium: 'audio' | 'video'
  /** Undefined where the index says nothing of it. */
  fromMicros: number | undefined
  toMicros: number | undefined
  frames: number
  bytes: number
}

export interface NumberedSample {
  number: number
  picture: PlacedSample
}

/** The pictures of an index: those in order, and those that wait for what shows where they belong. */
export class IndexedPictures {
  readonly columns = new VideoColumns()
  readonly losses: IndexLoss[] = []
  /** By their numbers. */
  readonly waiting = new Map<number, PlacedSample>()
  /** Which of them would follow, if nothing more came. */
  wouldFollow: readonly number[] = []
  /** Of those that waited to the end: which followed, and which are left out. */
  readonly followed: NumberedSample[] = []
  readonly leftOut: NumberedSample[] = []
  /** Pictures of which there is an entry, and of those the ones that were given up. */
  #entries = 0
  #givenUp = 0
  /** What the recorder had counted when it wrote its last batch, and these two were so many. */
  #came: { received: number; lost: number; entries: number; givenUp: number } | undefined
  readonly #configs: readonly (StoredVideoConfig | undefined)[]
  /** How many were in order, with those that are lost. */
  count = 0
  /** Something that is lost is referred to. */
  #isBroken = false
  /** What leads the latest key frame may refer to something that is. */
  #isLedByLost = false
  #lastMicros: number | undefined

  constructor(configs: readonly (StoredVideoConfig | undefined)[]) {
    this.#configs = configs
  }

  /** `uncovered`: bytes before it of which no record can be read. Returns whether pictures were among them. */
  batch(picturesBefore: number | undefined, pictures: readonly ReadPicture[], uncovered: number): boolean {
    const missing = (picturesBefore ?? this.count) - this.count
    if (missing > 0) {
      const next = pictures.find((picture) => 'sample' in picture)?.sample.receiveTimeMicros
      this.#lose({ fromMicros: this.#lastMicros, toMicros: next, frames: missing, bytes: uncovered })
      this.count += missing
    }
    for (const picture of pictures) this.#take(picture)
    return missing > 0
  }

  cameWith(counts: { received: number; lost: number }): void {
    this.#came = { ...counts, entries: this.#entries, givenUp: this.#givenUp }
  }

  /** Pictures that came, and how many of them the ledger was told of; undefined of a release that did not keep count. */
  get came(): { received: number; lost: number } | undefined {
    if (this.#came === undefined) return undefined
    const { received, lost, entries, givenUp } = this.#came
    return { received: received + this.#entries - entries, lost: lost + this.#givenUp - givenUp }
  }

  /** Nothing more is in the index. */
  end(undecided: 'would follow' | 'waits'): void {
    if (undecided === 'waits') return
    for (const number of this.wouldFollow) {
      const picture = this.waiting.get(number)
      if (picture === undefined) continue
      this.#inOrder(picture)
      this.followed.push({ number, picture })
      this.waiting.delete(number)
    }
    for (const [number, picture] of this.waiting) this.leftOut.push({ number, picture })
  }

  #take(picture: ReadPicture): void {
    if ('sample' in picture) this.#entries++
    switch (picture.kind) {
      case 'inOrder':
        this.#inOrder(picture)
        break
      case 'waits':
        this.waiting.set(picture.number, picture)
        break
      case 'waited': {
        const before = this.waiting.get(picture.number)
        this.waiting.delete(picture.number)
        if (before !== undefined) this.#inOrder(before)
        else {
          this.count++
          this.#lose({ fromMicros: this.#lastMicros, toMicros: this.#lastMicros, frames: 1, bytes: 0 })
        }
        break
      }
      case 'givenUp':
        this.#givenUp++
        this.waiting.delete(picture.number)
    }
  }

  #inOrder({ sample, offset }: PlacedSample): void {
    this.count++
    const at = sample.receiveTimeMicros
    this.#lastMicros = at
    const isKnown = this.#configs[sample.config] !== undefined
    if (sample.key && isKnown) {
      this.#isLedByLost = this.#isBroken
      this.#isBroken = false
    }
    const loss = { fromMicros: at, toMicros: at, frames: 1, bytes: sample.bytes }
    if (this.#isBroken || !isKnown) this.#lose(loss)
    else if (this.#isLedByLost && sample.leads) this.#noteLoss(loss)
    else this.columns.push(sample, offset)
  }

  #lose(loss: Omit<IndexLoss, 'medium'>): void {
    this.#isBroken = true
    this.#noteLoss(loss)
  }

  #noteLoss(loss: Omit<IndexLoss, 'medium'>): void {
    const last = this.losses.at(-1)
    if (last === undefined || !this.#goesOn) this.losses.push({ medium: 'video', ...loss })
    else {
      last.fromMicros ??= loss.fromMicros
      last.toMicros = loss.toMicros ?? last.toMicros
      last.frames += loss.frames
      last.bytes += loss.bytes
    }
    this.#lostAt = this.columns.bytes.length
  }

  /** How many there were when the last one was lost. */
  #lostAt: number | undefined

  get #goesOn(): boolean {
    return this.#lostAt === this.columns.bytes.length
  }
}
