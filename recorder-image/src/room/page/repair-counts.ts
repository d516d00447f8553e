/** Of the packets of one stream, as Chromium counts them since it is received. */
export interface PacketCounts {
  /** Missing until now; less again when one comes late. */
  lost: number
  received: number
  /** Since the last one came. */
  quietMillis: number
}

/** What became of the packets around a hole. */
export interface Repair {
  /** Missing for good. */
  lost: number
  /** Nothing is missing any more, but something was for so long that what goes on from it may have been given up. */
  cameTooLate: boolean
  /** They may be those of another hole, of the same time, or have come after the stream was counted anew. */
  isUnsure: boolean
}

type Counts = ReadonlyMap<number, PacketCounts>

/** How often they are looked at when nothing happens: it costs a millisecond or two. */
const lookMillis = 10_000
/**
 * When it is looked what is missing still, from when the picture behind the hole came. Chromium counts anew after 50 ms. A key frame goes to the decoder a second
 * after it came (`tap/decoder-delay.ts`), and until then nothing of what came late is given up.
 */
const inTimeMillis = [60, 350, 650, 900]
/** Packets that are missing are waited for so long after what follows them came. */
const repairMillis = 1360
/**
 * What is on its way just now is missing and not lost, and on a bad line something always is: of so many looks the best one counts. With a repair of 60 ms
 * and two losses of 100 packets at 2 Mbit/s a third of them sees nothing on its way.
 */
const againMillis = 100
const mostLooks = 15
/** Repairs take no longer on any line on which they are of use: what was missing at all looks of such a time was lost. */
const onItsWayMillis = 1500
/** Between looks that are remembered: of the latest ones, and of those from longer ago. A hole may be as long as a camera was covered. */
const rememberMillis = 90
const latestLooks = 40
const rememberOldMillis = 5000
const rememberedLooks = 160

const nothing: PacketCounts = { lost: 0, received: 0, quietMillis: 0 }

interface Window {
  fromMillis: number
  toMillis: number
  /** Undefined until it is known. */
  lost: number | undefined
}
/** Two holes farther apart have nothing to do with each other. */
const rememberedWindows = 8

/** Tells what was missing of a stream in a stretch of time, from counters that only grow, or begin again where a stream is received anew. */
export class RepairHistory {
  readonly #count: () => Promise<Counts>
  readonly #looks: { atMillis: number; counts: Counts }[] = []
  readonly #windows = new Map<number, Window[]>()
  readonly #over = Promise.withResolvers<void>()
  #isOver = false
  #hasForgotten = false
  readonly #asking = new Set<Promise<unknown>>()

  constructor(count: () => Promise<Counts>) {
    this.#count = count
  }

  start(): void {
    setInterval(() => this.#look().catch(() => {}), lookMillis)
  }

  /**
   * What is missing since so long ago. Known at once where nothing is; else it takes a moment or two: it may still come. Rejects where nobody knows: the stream
   * is over, or counted anew.
   */
  since(ssrc: number, millis: number): Promise<Repair> {
    return this.#answering(this.#since(ssrc, millis))
  }

  /** Nothing more is waited for: what was asked is answered by what is known now. Resolves when it is. */
  async end(): Promise<void> {
    this.#isOver = true
    this.#over.resolve()
    await Promise.allSettled(this.#asking)
  }

  /** What is missing since so long ago by now, whatever is still on its way, and since when nothing came. */
  untilNow(ssrc: number, millis: number): Promise<{ lost: number; quietMillis: number }> {
    return this.#answering(this.#untilNow(ssrc, millis))
  }

  #answering<T>(asking: Promise<T>): Promise<T> {
    this.#asking.add(asking)
    const answered = () => this.#asking.delete(asking)
    asking.then(answered, answered)
    return asking
  }

  async #untilNow(ssrc: number, millis: number): Promise<{ lost: number; quietMillis: number }> {
    const before = this.#before(ssrc, performance.now() - millis)
    const counts = (await this.#look()).get(ssrc) ?? missingFrom(ssrc)
    return { lost: lostBetween(before, counts), quietMillis: counts.quietMillis }
  }

  async #since(ssrc: number, millis: number): Promise<Repair> {
    const askedMillis = performance.now()
    const window: Window = { fromMillis: askedMillis - millis, toMillis: askedMillis, lost: undefined }
    this.#windows.set(ssrc, [...(this.#windows.get(ssrc) ?? []), window].slice(-rememberedWindows))
    const before = this.#before(ssrc, window.fromMillis)
    if (this.#beganAnew(ssrc, window.fromMillis)) missingFrom(ssrc)
    let latest: PacketCounts | undefined
    let lost = Number.POSITIVE_INFINITY
    /** Whether more is to be known by looking on. */
    const goesOnAt = async (afterMillis: number): Promise<boolean> => {
      await Promise.race([sleep(askedMillis + afterMillis - performance.now()), this.#over.promise])
      const counts = (await this.#look()).get(ssrc) ?? missingFrom(ssrc)
      // Of what was missing until it was counted anew nothing is known.
      if (latest === undefined && isAnew(before, counts)) return missingFrom(ssrc)
      if (latest !== undefined && isAnew(latest, counts)) return false
      latest = counts
      lost = Math.min(lost, lostBetween(before, counts))
      return lost > 0
    }
    const answer = (cameTooLate: boolean, isAnew = false): Repair => {
      window.lost = lost
      return { lost, cameTooLate, isUnsure: lost > 0 && (isAnew || this.#isShared(ssrc, window)) }
    }
    for (const millis of inTimeMillis) if (!(await goesOnAt(millis))) return answer(false, lost > 0)
    for (let looks = 0; looks < mostLooks && !this.#isOver; looks++) {
      if (!(await goesOnAt(repairMillis + looks * againMillis))) return answer(lost <= 0, lost > 0)
    }
    return answer(false)
  }

  /** Whether something was lost, or may have been, in another hole that lies in the same stretch. */
  #isShared(ssrc: number, window: Window): boolean {
    return (this.#windows.get(ssrc) ?? []).some((one) => {
      const isBefore = one.toMillis <= window.fromMillis - onItsWayMillis
      const isAside = one === window || isBefore || one.fromMillis >= window.toMillis
      return !isAside && (one.lost === undefined || one.lost > 0)
    })
  }

  /** Of the last looks, two at least, the best one: what was on its way at one of them was not lost. */
  #before(ssrc: number, atMillis: number): PacketCounts {
    // Of what was before all that is remembered the first that is stands for it; before the very first look nothing had been counted.
    const until = Math.max(this.#hasForgotten ? 1 : 0, this.#looks.findLastIndex((look) => look.atMillis <= atMillis) + 1)
    const first = this.#looks.findLastIndex((look) => look.atMillis <= atMillis - onItsWayMillis)
    const from = Math.max(0, Math.min(first, until - 2))
    let best = first === -1 && !this.#hasForgotten ? nothing : undefined
    for (const { counts } of this.#looks.slice(from, until)) {
      const count = counts.get(ssrc) ?? nothing
      best = best === undefined || isAnew(best, count) ? count : { ...count, lost: Math.min(best.lost, count.lost) }
    }
    return best ?? nothing
  }

  /** Whether it was counted from 0 again since then, or shortly before. */
  #beganAnew(ssrc: number, sinceMillis: number): boolean {
    const recent = this.#looks.filter(({ atMillis }) => atMillis >= sinceMillis - onItsWayMillis)
    return recent.some(({ counts }, at) => isAnew(recent[at - 1]?.counts.get(ssrc) ?? nothing, counts.get(ssrc) ?? nothing))
  }

  async #look(): Promise<Counts> {
    const counts = await this.#count()
    const atMillis = performance.now()
    const latest = this.#looks.at(-1)
    if (latest === undefined || atMillis - latest.atMillis >= rememberMillis) this.#remember({ atMillis, counts })
    for (const ssrc of this.#windows.keys()) if (!counts.has(ssrc)) this.#windows.delete(ssrc)
    return counts
  }

  #remember(look: { atMillis: number; counts: Counts }): void {
    this.#looks.push(look)
    const at = this.#looks.length - 1 - latestLooks
    if (at > 0 && this.#looks[at]!.atMillis - this.#looks[at - 1]!.atMillis < rememberOldMillis) this.#looks.splice(at, 1)
    if (this.#looks.length <= rememberedLooks) return
    this.#looks.shift()
    this.#hasForgotten = true
  }
}

/** Whether the stream is received anew, and counted from 0. */
const isAnew = (before: PacketCounts, after: PacketCounts) => after.received < before.received

const lostBetween = (before: PacketCounts, after: PacketCounts) => after.lost - (isAnew(before, after) ? 0 : before.lost)

function missingFrom(ssrc: number): never {
  throw new Error(`of SSRC ${ssrc} is not counted any more what was`)
}

const sleep = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))
