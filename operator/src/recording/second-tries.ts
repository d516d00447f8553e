import { keyOf, type StoredObject } from '../runtime/objects.ts'
import type { Observed } from './plan.ts'
import type { RefusalWord } from './refusal.ts'

export interface SecondTriesOptions<T extends StoredObject> {
  /** All there are; those that a quota keeps waiting are found by their namespace. */
  objects: { get(key: string): T | undefined; byIndex(index: 'refusedByQuotaIn', namespace: string): T[] }
  /** Since when it is refused for this reason; undefined if it is not. */
  refusedSince: (object: T, word: RefusalWord) => string | undefined
  /** Called with the key of one that is to be looked at. `first`: of those that what has just happened is for. */
  wake: (key: string, how: { first: boolean }) => void
}

/** How many are let try in vain for one piece of news, so that a thousand that wait do not ask each time that a single Pod has ended. */
const mostInVain = 3

/**
 * What the API server refused is asked for again after a while, and before that if something that can be seen may have changed the answer: a quota
 * has room, or the volume of somebody else is gone.
 *
 * Of those that a quota keeps waiting one at a time tries, whoever was refused longest ago first; each that gets what it asks for lets the next one
 * try, for there may be room for more. All others still come by the clock.
 *
 * Flow: `quotaHasRoom` or `isFree` → `wake` → `ask` → the decision is carried out → `settle`.
 */
export class SecondTries<T extends StoredObject> {
  readonly #options: SecondTriesOptions<T>
  /** Keys of those that are to try. */
  readonly #due = new Set<string>()
  /** By namespace. */
  readonly #rounds = new Map<string, { trying: string; tried: Set<string>; inVain: number }>()

  constructor(options: SecondTriesOptions<T>) {
    this.#options = options
  }

  quotaHasRoom(namespace: string): void {
    this.#next(namespace, new Set(), 0, true)
  }

  /** What stood where this one is to have something is gone. */
  isFree(key: string): void {
    const { objects, refusedSince } = this.#options
    const object = objects.get(key)
    if (object !== undefined && refusedSince(object, 'VolumeNotOwned') !== undefined) this.#call(key, false)
  }

  /** Asked once for each try. */
  ask({ metadata }: T): Pick<Observed, 'mayBeGrantedNow'> {
    return { mayBeGrantedNow: this.#due.delete(keyOf(metadata)) }
  }

  /** What was decided has been carried out, or failed. */
  settle({ metadata }: T): void {
    const key = keyOf(metadata)
    const round = this.#rounds.get(metadata.namespace)
    if (round?.trying !== key || this.#due.has(key)) return
    const { objects, refusedSince } = this.#options
    const known = objects.get(key)
    const isInVain = known !== undefined && refusedSince(known, 'QuotaExceeded') !== undefined
    this.#next(metadata.namespace, round.tried, isInVain ? round.inVain + 1 : 0, false)
  }

  #next(namespace: string, tried: Set<string>, inVain: number, first: boolean): void {
    this.#rounds.delete(namespace)
    if (inVain === mostInVain) return
    let next: { key: string; since: string } | undefined
    const { objects, refusedSince } = this.#options
    for (const object of objects.byIndex('refusedByQuotaIn', namespace)) {
      const key = keyOf(object.metadata)
      const since = refusedSince(object, 'QuotaExceeded') ?? ''
      if (!tried.has(key) && (next === undefined || since < next.since)) next = { key, since }
    }
    if (next === undefined) return
    this.#rounds.set(namespace, { trying: next.key, tried: tried.add(next.key), inVain })
    this.#call(next.key, first)
  }

  #call(key: string, first: boolean): void {
    this.#due.add(key)
    this.#options.wake(key, { first })
  }
}
