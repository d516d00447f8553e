import { setTimeout as sleep } from 'node:timers/promises'
import type { KubeClient } from './client.ts'
import { servedFields } from './served-fields.ts'
import type { KubeObject, Resource } from './types.ts'

/** A kind of ours, and what of its objects the API server has to keep, as paths in which lists count for nothing (`status.attempts.pod`). */
export interface Needed {
  resource: Resource<KubeObject>
  fields: readonly string[]
}

export interface FittingCrdsOptions {
  client: KubeClient
  log: Record<'info' | 'warn' | 'error', (about: unknown, message?: string) => void>
  /** Who needs it, for messages: `operator`. */
  who: string
  needed: readonly Needed[]
  /** How long until the API server is asked again while something is amiss, or may be. */
  retryMillis?: number
  /** The same while all is well: for whom neither a watch nor a write has told of a CRD that was changed. */
  seldomMillis?: number
}

/**
 * Whether the CRDs that are served keep what somebody needs, now and from then on. A CRD that is older drops what it does not know, so that an operator would forget
 * what volumes hold, and heed a user's annotation again and again.
 *
 * Flow: `run` asks the API server, at first and seldom → `has`, `trouble`, `onChange`. What tells of a change sooner: a watch that the API server ends, which it does
 * with all of a kind whose CRD is changed (`doubt`, and `asked` before anything is read again), and a write that it refuses for what it would drop (`dropped`).
 *
 * Where the API server does not say what it keeps, it is taken to keep all; where it does not answer, it is asked again.
 */
export class FittingCrds {
  readonly #options: FittingCrdsOptions
  readonly #missing = new Map<Resource<KubeObject>, readonly string[]>()
  readonly #handlers: (() => void)[] = []
  #isKnown = false
  /** How many doubts there were, and how many of them when the API server was last asked with success. */
  #doubts = 0
  #settled = 0
  #wake = new AbortController()
  #looked = Promise.withResolvers<void>()
  #looking: Promise<void> | undefined

  constructor(options: FittingCrdsOptions) {
    this.#options = options
  }

  /** Whether a kind keeps all that is needed of it, as far as it is known. */
  has(resource: Resource<KubeObject>): boolean {
    return (this.#missing.get(resource) ?? []).length === 0
  }

  /** What is amiss, for a person. Undefined where nothing is. */
  trouble = (): string | undefined => {
    const { who, needed } = this.#options
    const troubles = needed.flatMap(({ resource }) => {
      const { plural, group } = resource
      const missing = this.#missing.get(resource) ?? []
      return missing.length === 0
        ? []
        : `the CRD ${plural}.${group} is older than this ${who} and would drop ${missing.join(', ')}`
    })
    return troubles.length === 0 ? undefined : `${troubles.join('; ')}: apply the CRDs of this release`
  }

  /** Calls whenever what is said above has changed. */
  onChange(handler: () => void): void {
    this.#handlers.push(handler)
  }

  /** Looks until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { retryMillis = 5000, seldomMillis = 60_000 } = this.#options
    const pause = (millis: number, abort = signal) => sleep(millis, undefined, { signal: abort }).catch(() => {})
    while (!signal.aborted) {
      await this.#look(signal)
      if (this.#isKnown && this.trouble() === undefined) {
        const woken = this.#wake.signal
        await pause(seldomMillis, AbortSignal.any([signal, woken]))
        if (!woken.aborted) continue
        this.#wake = new AbortController()
      }
      // What is served is published a moment after it is served.
      await pause(retryMillis)
    }
  }

  /** Resolves when it is known that a kind fits, or the signal is aborted. */
  async fits(resource: Resource<KubeObject>, signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    while (!signal.aborted && !(this.#isKnown && this.has(resource))) await Promise.race([this.#looked.promise, aborted])
  }

  /** A CRD may have been changed. */
  doubt(): void {
    this.#doubts += 1
    this.#wake.abort()
  }

  /** Resolves when the API server has been asked since the last doubt, whatever came of it. */
  async asked(signal: AbortSignal): Promise<void> {
    const upTo = this.#doubts
    if (this.#settled < upTo) await this.#looking
    // One that was under way may have begun before.
    if (this.#settled < upTo) await this.#look(signal)
  }

  /** The API server would drop these. Says whether any of them is needed. */
  dropped(resource: Resource<KubeObject>, fields: readonly string[]): boolean {
    const of = this.#options.needed.find((needed) => needed.resource === resource)?.fields ?? []
    const missing = of.filter((field) => fields.some((one) => field === one || field.startsWith(`${one}.`)))
    if (missing.length === 0) return false
    this.#note(new Map([[resource, [...new Set([...(this.#missing.get(resource) ?? []), ...missing])].toSorted()]]))
    this.#wake.abort()
    return true
  }

  #look(signal: AbortSignal): Promise<void> {
    this.#looking ??= this.#ask(signal).finally(() => {
      this.#looking = undefined
      this.#looked.resolve()
      this.#looked = Promise.withResolvers()
    })
    return this.#looking
  }

  async #ask(signal: AbortSignal): Promise<void> {
    const { client, log, needed } = this.#options
    const upTo = this.#doubts
    try {
      const found = new Map<Resource<KubeObject>, readonly string[]>()
      const served = await servedFields(
        client,
        needed.map(({ resource }) => resource),
        signal,
      )
      for (const { resource, fields } of needed) {
        const kept = served?.get(resource)
        found.set(resource, kept === undefined ? [] : fields.filter((field) => !kept.has(field)))
      }
      this.#isKnown = true
      this.#settled = upTo
      this.#note(found)
    } catch (error) {
      if (signal.aborted) return
      this.#isKnown = false
      log.warn({ err: error }, 'What the CRDs keep could not be read')
    }
  }

  #note(found: ReadonlyMap<Resource<KubeObject>, readonly string[]>): void {
    const { log, who } = this.#options
    const before = this.trouble()
    for (const [resource, missing] of found) this.#missing.set(resource, missing)
    const trouble = this.trouble()
    if (trouble === before) return
    if (trouble === undefined) log.info(`CRDs fit this ${who} now`)
    else log.error(`Waiting for CRDs that fit: ${trouble}`)
    for (const handler of this.#handlers) handler()
  }
}
