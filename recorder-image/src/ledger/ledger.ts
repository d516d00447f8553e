import type { Loss, LossReason, LossTotals, Stream } from '@trtc-recorder/api'

/** A loss as whoever notices it knows it. Times in microseconds since 1970; null is what cannot be known. */
export interface NoticedLoss {
  userId: string | null
  stream: Stream | null
  medium: 'audio' | 'video'
  fromMicros: number
  toMicros: number
  frames: number | null
  /** `frames` is the most it can be. */
  framesAre?: 'AtMost' | undefined
  bytes: number | null
  reason: LossReason
  file: string | null
  detail: string
}

/** A line of the ledger on disk. A later line of the same id replaces the earlier one. */
export interface LedgerLine {
  id: number
  loss: Loss
}

/** What is lost of one thing for one reason within this time is one stretch. */
const sameStretchMicros = 2_000_000
/** Beyond it the stretches of one thing and reason grow together, so that days of a bad line do not fill the memory. */
const stretchesOfAKind = 500

/**
 * The one place where everything goes that was sent, or should have been, and is not in the recording. Whoever drops or misses media tells it here;
 * status, manifest and files read it from here. Pure but for its lines, which are handed to `write` each time `settle` is called.
 */
export class Ledger {
  readonly #stretches: NoticedLoss[] = []
  readonly #ofKind = new Map<string, number[]>()
  readonly #unwritten = new Set<number>()
  readonly #write: (lines: LedgerLine[]) => void | Promise<void>
  #written: Promise<void> = Promise.resolve()
  readonly #earlier: readonly Loss[]
  readonly #explained: (loss: NoticedLoss) => NoticedLoss
  readonly #now: () => number

  /** `earlier`: what the attempts before this one told theirs. `explained`: a loss with what is known of its cause beyond whoever noticed it. `now`: as times are told. */
  constructor(
    write: (lines: LedgerLine[]) => void | Promise<void> = () => {},
    earlier: readonly Loss[] = [],
    explained: (loss: NoticedLoss) => NoticedLoss = (loss) => loss,
    now: () => number = () => Date.now() * 1000,
  ) {
    this.#write = write
    this.#earlier = earlier
    this.#explained = explained
    this.#now = now
  }

  add(noticed: NoticedLoss): void {
    const loss = this.#explained(noticed)
    // Not by its detail, of which a sender may make as many as it likes.
    const kind = JSON.stringify([loss.userId, loss.stream, loss.medium, loss.reason, loss.file, loss.framesAre])
    const ids = this.#ofKind.get(kind) ?? []
    const isSame = (at: number) => this.#stretches[at]!.detail === loss.detail && isOneStretch(this.#stretches[at]!, loss)
    const id = ids.find(isSame) ?? (ids.length >= stretchesOfAKind ? ids.at(-1) : undefined)
    if (id === undefined) {
      this.#ofKind.set(kind, [...ids, this.#stretches.length])
      this.#unwritten.add(this.#stretches.length)
      this.#stretches.push({ ...loss })
      return
    }
    const stretch = this.#stretches[id]!
    stretch.fromMicros = Math.min(stretch.fromMicros, loss.fromMicros)
    stretch.toMicros = Math.max(stretch.toMicros, loss.toMicros)
    stretch.frames = plus(stretch.frames, loss.frames)
    stretch.bytes = plus(stretch.bytes, loss.bytes)
    this.#unwritten.add(id)
  }

  /** What is noticed now, and of which no more than that is known. */
  addNow(noticed: Omit<NoticedLoss, 'fromMicros' | 'toMicros'>): void {
    const now = this.#now()
    this.add({ ...noticed, fromMicros: now, toMicros: now })
  }

  /** Hands what is new or has grown to `write`. Resolves when that has all there is: only then what it speaks of may go. */
  async settle(): Promise<void> {
    if (this.#unwritten.size > 0) {
      const lines = [...this.#unwritten].map((id) => ({ id, loss: lossOf(this.#stretches[id]!) }))
      this.#unwritten.clear()
      this.#written = Promise.all([this.#written, this.#write(lines)]).then(() => {})
    }
    await this.#written
  }

  /** All stretches, of earlier attempts too, in the order of their beginning. */
  get losses(): Loss[] {
    return [...this.#earlier, ...this.#stretches.map(lossOf)].sort((a, b) => a.from.localeCompare(b.from))
  }

  lossesOf(file: string): Loss[] {
    return this.losses.filter((loss) => loss.file === file)
  }

  get totals(): LossTotals {
    return totalsOf(this.losses)
  }
}

/** Whether it is not in the files; of all else that the ledger has, the files have it, or something. */
export const isMissing = ({ reason }: Pick<Loss, 'reason'>) => !notMissing.has(reason)
const notMissing: ReadonlySet<Loss['reason']> = new Set(['LiveOutputLost', 'NotKept', 'Unproven', 'EndUnproven'])

/** Of what is not in the files. */
export function totalsOf(all: readonly Loss[]): LossTotals {
  const losses = all.filter(isMissing)
  return {
    frames: losses.reduce((sum, { frames }) => sum + (frames ?? 0), 0),
    ...(losses.some(({ framesAre }) => framesAre === 'AtMost') ? { framesAre: 'AtMost' as const } : {}),
    bytes: losses.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0),
    stretches: losses.length,
  }
}

/** How long something was missing: stretches that overlap, such as of sound and pictures at once, count once. */
export function secondsOf(losses: readonly Loss[]): number {
  const stretches = losses.map(({ from, to }) => [Date.parse(from), Date.parse(to)] as const).sort(([a], [b]) => a - b)
  let millis = 0
  let until = Number.NEGATIVE_INFINITY
  for (const [from, to] of stretches) {
    millis += Math.max(0, to - Math.max(from, until))
    until = Math.max(until, to)
  }
  return millis / 1000
}

/** The losses that the lines of one ledger amount to. */
export const lossesIn = (lines: readonly LedgerLine[]): Loss[] => [...new Map(lines.map(({ id, loss }) => [id, loss])).values()]

/** How many are missing, for a person, with the verb. */
export function framesMissing({ frames, framesAre }: Pick<LossTotals, 'frames' | 'framesAre'>): string {
  if (frames === 0) return 'something is missing'
  const count = frames === 1 ? '1 frame is' : `${frames} frames are`
  return `${framesAre === 'AtMost' ? `at most ${count}` : count} missing`
}

const isOneStretch = (known: NoticedLoss, loss: NoticedLoss) =>
  loss.fromMicros <= known.toMicros + sameStretchMicros && loss.toMicros >= known.fromMicros - sameStretchMicros

const plus = (one: number | null, other: number | null) => (one === null && other === null ? null : (one ?? 0) + (other ?? 0))

function lossOf({ fromMicros, toMicros, detail, ...same }: NoticedLoss): Loss {
  const time = (micros: number) => new Date(micros / 1000).toISOString()
  return { ...same, from: time(fromMicros), to: time(toMicros), detail: detail.slice(0, 256) }
}
