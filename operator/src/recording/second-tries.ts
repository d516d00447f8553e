import { keyOf, type StoredObject } from '../runtime/objects.ts'
import type { Observed } from './plan.ts'
import { type RefusalWord, refusedIn } from './refusal.ts'

export interface SecondTriesOptions<T extends StoredObject> {
  /** All there are; those that were refused are found by `refusedIn`. */
  objects: { get(key: string): T | undefined; byIndex(index: 'refused', where: string): T[] }
  /** What it was refused, since when; undefined if it is not refused for this reason. */
  refused: (object: T, word: RefusalWord) => Refused | undefined
  /** Called with the key of one that is to be looked at. `first`: of those that what has just happened is for. */
  wake: (key: string, how: { first: boolean }) => void
}

export interface Refused {
  since: string
  /** As the API server said it. */
  message: string
}

/** What has changed, so that something may be granted. */
type Cause =
  | { word: 'QuotaExceeded'; namespace: string }
  /** A class that a Pod names, and that was not there, keeps it from being made in whatever namespace. */
  | { word: 'PodRejected'; priorityClass: string }

interface Round {
  cause: Cause
  trying: string
  tried: Set<string>
  inVain: number
}

/** The API server judges by caches of its own, which have the news of a quota or a PriorityClass about when this process has. */
export const apiServerLagMillis = 200

/** How many are let try in vain for one piece of news, so that a thousand that wait do not ask each time that a single Pod has ended. */
const mostInVain = 3

/**
 * What the API server refused is asked for again after a while, and before that if something that can be seen may have changed the answer: a quota
 * has room, the volume of somebody else is gone, or a PriorityClass that the answer named is there.
 *
 * Of those that wait for the same one at a time tries, whoever was refused longest ago first; each that gets what it asks for lets the next one
 * try, for there may be room for more. All others still come by the clock.
 *
 * Flow: `quotaHasRoom`, `priorityClassIsThere` or `isFree` → `wake` → `ask` → the decision is carried out → `settle`.
 */
export class SecondTries<T extends StoredObject> {
  readonly #options: SecondTriesOptions<T>
  /** Keys of those that are to try. */
  readonly #due = new Set<string>()
  /** By their cause. */
  readonly #rounds = new Map<string, Round>()

  constructor(options: SecondTriesOptions<T>) {
    this.#options = options
  }

  quotaHasRoom(namespace: string): void {
    this.#begin({ word: 'QuotaExceeded', namespace })
  }

  priorityClassIsThere(priorityClass: string): void {
    this.#begin({ word: 'PodRejected', priorityClass })
  }

  /** What stood where this one is to have something is gone. */
  isFree(key: string): void {
    const { objects, refused } = this.#options
    const object = objects.get(key)
    if (object !== undefined && refused(object, 'VolumeNotOwned') !== undefined) this.#call(key, false)
  }

  /** Asked once for each try. */
  ask({ metadata }: T): Pick<Observed, 'mayBeGrantedNow'> {
    return { mayBeGrantedNow: this.#due.delete(keyOf(metadata)) }
  }

  /** What was decided has been carried out, or failed. */
  settle({ metadata }: T): void {
    const key = keyOf(metadata)
    if (this.#due.has(key)) return
    const { objects, refused } = this.#options
    for (const { cause, trying, tried, inVain } of [...this.#rounds.values()]) {
      if (trying !== key) continue
      const known = objects.get(key)
      const isInVain = known !== undefined && refused(known, cause.word) !== undefined
      this.#next(cause, tried, isInVain ? inVain + 1 : 0, false)
    }
  }

  #begin(cause: Cause): void {
    this.#next(cause, new Set(), 0, true)
  }

  #next(cause: Cause, tried: Set<string>, inVain: number, first: boolean): void {
    const id = JSON.stringify(cause)
    this.#rounds.delete(id)
    if (inVain === mostInVain) return
    let next: { key: string; since: string } | undefined
    for (const { key, since } of this.#waiting(cause)) {
      if (!tried.has(key) && (next === undefined || since < next.since)) next = { key, since }
    }
    if (next === undefined) return
    this.#rounds.set(id, { cause, trying: next.key, tried: tried.add(next.key), inVain })
    this.#call(next.key, first)
  }

  /** Those that what has changed may be good for. */
  *#waiting(cause: Cause): Generator<{ key: string; since: string }> {
    const { objects, refused } = this.#options
    const where = cause.word === 'QuotaExceeded' ? refusedIn.QuotaExceeded(cause.namespace) : refusedIn.PodRejected()
    for (const object of objects.byIndex('refused', where)) {
      const known = refused(object, cause.word)
      const isMeant = cause.word === 'QuotaExceeded' || (known?.message.includes(cause.priorityClass) ?? false)
      if (known !== undefined && isMeant) yield { key: keyOf(object.metadata), since: known.since }
    }
  }

  #call(key: string, first: boolean): void {
    this.#due.add(key)
    this.#options.wake(key, { first })
  }
}
