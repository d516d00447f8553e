import type { Recording } from '@trtc-recorder/api'
import type { Caches } from '../caches.ts'
import { keyOf } from '../runtime/objects.ts'
import type { Observed } from './plan.ts'
import type { RefusalWord } from './refusal.ts'
import { refusedSince } from './stage.ts'

export interface SecondTriesOptions {
  recordings: Pick<Caches['recordings'], 'get' | 'byIndex'>
  /** Called with the key of a Recording that is to be looked at. `first`: of those that what has just happened is for. */
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
export class SecondTries {
  readonly #options: SecondTriesOptions
  /** Keys of those that are to try. */
  readonly #due = new Set<string>()
  /** By namespace. */
  readonly #rounds = new Map<string, { trying: string; tried: Set<string>; inVain: number }>()

  constructor(options: SecondTriesOptions) {
    this.#options = options
  }

  quotaHasRoom(namespace: string): void {
    this.#next(namespace, new Set(), 0, true)
  }

  /** A volume that stood where this Recording is to have one is gone. */
  isFree(key: string): void {
    const recording = this.#options.recordings.get(key)
    if (recording !== undefined && refusedFor(recording, 'VolumeNotOwned') !== undefined) this.#call(key, false)
  }

  /** Asked once for each try. */
  ask({ metadata }: Recording): Pick<Observed, 'mayBeGrantedNow'> {
    return { mayBeGrantedNow: this.#due.delete(keyOf(metadata)) }
  }

  /** What was decided has been carried out, or failed. */
  settle({ metadata }: Recording): void {
    const key = keyOf(metadata)
    const round = this.#rounds.get(metadata.namespace)
    if (round?.trying !== key || this.#due.has(key)) return
    const known = this.#options.recordings.get(key)
    const isInVain = known !== undefined && refusedFor(known, 'QuotaExceeded') !== undefined
    this.#next(metadata.namespace, round.tried, isInVain ? round.inVain + 1 : 0, false)
  }

  #next(namespace: string, tried: Set<string>, inVain: number, first: boolean): void {
    this.#rounds.delete(namespace)
    if (inVain === mostInVain) return
    let next: { key: string; since: string } | undefined
    for (const recording of this.#options.recordings.byIndex('refusedByQuotaIn', namespace)) {
      const key = keyOf(recording.metadata)
      const since = refusedFor(recording, 'QuotaExceeded') ?? ''
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

const refusedFor = ({ status = {} }: Recording, word: RefusalWord) => refusedSince(status, word)
