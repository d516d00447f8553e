import { readFileSync } from 'node:fs'

/** The two clocks of the machine, in milliseconds: one that never jumps, and one that says what time it is. */
export interface TimeSource {
  monotonicMillis(): number
  wallMillis(): number
}

/** The wall clock was set. Microseconds since 1970. */
export interface ClockStep {
  /** When, as times are told. */
  toldMicros: number
  /** What the wall clock would have said then, and what it said. */
  beforeMicros: number
  afterMicros: number
}

/** How a machine's wall clock is set: what it said, or would have, when the machine began to run. The same for all of its processes until somebody sets it. */
export interface WallSetting {
  /** Of which time that the machine began to run. */
  boot: string
  atBootMillis: number
}

export const machine: TimeSource = { monotonicMillis: () => performance.now(), wallMillis: () => Date.now() }
/** A reading of both clocks that is interrupted in between differs by this much at most; the wall clock shows whole milliseconds. */
const noiseMillis = 50
/** Where the wall clock is so far ahead of the times that are told, they follow. */
const followMillis = 1000

/**
 * The one clock of a recorder: monotonic, placed on wall time when it is made (ADR 0109). Decisions and durations take `now`. Media and what happens is
 * placed in `micros`, an axis that goes on evenly whatever becomes of the wall clock, so that what was recorded stays as long as it was. The world is
 * told times by `told`: the same until the wall clock is set ahead, which is what becomes of one on a machine that was suspended. They follow it then, and they never go
 * back: nothing ends before it began.
 *
 * NTP that only slows or hastens the clock does so to both, and there is nothing to correct.
 */
export class Clock {
  readonly #source: TimeSource
  readonly #placedMillis: number
  /** By how much the wall clock has been set since. */
  #steppedMillis = 0
  #suspected: number | undefined
  /** What is added to times from a moment on, to tell them; ever more. */
  readonly #added: { fromMicros: number; micros: number }[] = []

  constructor(source: TimeSource = machine) {
    this.#source = source
    this.#placedMillis = this.#wallAtZero()
  }

  /** Milliseconds since some moment; never jumps. */
  now(): number {
    return this.#source.monotonicMillis()
  }

  /** A moment of `now`, in microseconds since 1970, as the wall clock was set when this clock was made. */
  micros(atMillis = this.now()): number {
    return Math.round((atMillis + this.#placedMillis) * 1000)
  }

  /** The inverse of `micros`. */
  millisOf(micros: number): number {
    return micros / 1000 - this.#placedMillis
  }

  /** A time of `micros`, as the world is told it. */
  told(micros = this.micros()): number {
    return micros + (this.#added.findLast(({ fromMicros }) => fromMicros <= micros)?.micros ?? 0)
  }

  /** Now, as the world is told it. */
  date(): Date {
    return new Date(this.told() / 1000)
  }

  /** What is added to `micros` now, to tell them. */
  get addedMicros(): number {
    return this.#added.at(-1)?.micros ?? 0
  }

  /** To be asked once in a while: whether the wall clock was set since the last time. Only believed when it is seen twice. */
  look(): ClockStep | undefined {
    const steppedMillis = this.#wallAtZero() - this.#placedMillis
    const nowMicros = this.micros()
    if (Math.abs(steppedMillis - this.#steppedMillis) < noiseMillis) {
      this.#suspected = undefined
      return undefined
    }
    if (this.#suspected === undefined) {
      this.#suspected = nowMicros
      return undefined
    }
    const micros = this.#suspected
    this.#suspected = undefined
    const step = {
      toldMicros: this.told(micros),
      beforeMicros: Math.round(micros + this.#steppedMillis * 1000),
      afterMicros: Math.round(micros + steppedMillis * 1000),
    }
    this.#steppedMillis = steppedMillis
    const aheadMillis = steppedMillis - this.addedMicros / 1000
    if (aheadMillis >= followMillis) this.#added.push({ fromMicros: nowMicros, micros: Math.round(steppedMillis * 1000) })
    return step
  }

  /** Undefined where the machine does not say which boot this is. */
  get wallSetting(): WallSetting | undefined {
    return boot === undefined ? undefined : { boot, atBootMillis: this.#wallAtZero() - zeroSinceBootMillis }
  }

  /** Whether the wall clock was set since a process of before took note of it; undefined where it was not, and after a boot or on another machine, where nobody can know. */
  stepSince(earlier: WallSetting): ClockStep | undefined {
    const now = this.wallSetting
    if (now === undefined || now.boot !== earlier.boot) return undefined
    const steppedMillis = now.atBootMillis - earlier.atBootMillis
    if (Math.abs(steppedMillis) < noiseMillis) return undefined
    const toldMicros = this.told()
    return { toldMicros, beforeMicros: Math.round(toldMicros - steppedMillis * 1000), afterMicros: toldMicros }
  }

  /** What the wall clock said when the monotonic one stood at zero. Read between two looks at the latter, so that a pause is seen. */
  #wallAtZero(): number {
    let best = { pauseMillis: Number.POSITIVE_INFINITY, wallAtZero: 0 }
    for (let reading = 0; reading < 3; reading++) {
      const before = this.#source.monotonicMillis()
      const wall = this.#source.wallMillis()
      const after = this.#source.monotonicMillis()
      if (after - before < best.pauseMillis) best = { pauseMillis: after - before, wallAtZero: wall - (before + after) / 2 }
    }
    return best.wallAtZero
  }
}

/** From when the machine began to run to zero of this process's monotonic clock. */
const zeroSinceBootMillis = Number(process.hrtime.bigint()) / 1e6 - performance.now()
const boot = readBoot()

function readBoot(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return undefined
  }
}
