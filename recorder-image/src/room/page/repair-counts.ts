/** Of the packets of one stream, as Chromium counts them since it is received. */
export interface RepairCounts {
  /** Missing until now. */
  lost: number
  /** How often packets were asked for again. */
  asked: number
}

type Counts = ReadonlyMap<number, RepairCounts>

/** How often they are looked at when nothing happens: it costs a millisecond or two. */
const lookMillis = 10_000
/** Packets that are missing are waited for so long after what follows them came. */
const repairMillis = 1300
/** Between two looks, of which the better counts: what is on its way just now is not lost. */
const againMillis = 300
const rememberedLooks = 4

/** Tells what was missing of a stream in a stretch of time, from counters that only grow. */
export class RepairHistory {
  readonly #count: () => Promise<Counts>
  readonly #looks: { atMillis: number; counts: Counts }[] = []

  constructor(count: () => Promise<Counts>) {
    this.#count = count
  }

  start(): void {
    setInterval(() => this.#look().catch(() => {}), lookMillis)
  }

  /** What is missing for good since so long ago, and how often something was asked for again. Takes a moment: it may still come. */
  async since(ssrc: number, millis: number): Promise<RepairCounts> {
    const from = performance.now() - millis
    const before = this.#looks.findLast(({ atMillis }) => atMillis <= from)?.counts.get(ssrc) ?? { lost: 0, asked: 0 }
    await sleep(repairMillis)
    const first = (await this.#count()).get(ssrc)
    await sleep(againMillis)
    const second = (await this.#count()).get(ssrc)
    if (first === undefined || second === undefined) throw new Error(`nothing is counted of SSRC ${ssrc} any more`)
    return { lost: Math.min(first.lost, second.lost) - before.lost, asked: second.asked - before.asked }
  }

  async #look(): Promise<void> {
    const counts = await this.#count()
    this.#looks.push({ atMillis: performance.now(), counts })
    if (this.#looks.length > rememberedLooks) this.#looks.shift()
  }
}

const sleep = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))
