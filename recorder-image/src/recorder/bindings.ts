import type { Stream } from '@trtc-recorder/api'
import type { LivePublication } from './publication.ts'

/** Who owns what comes with one SSRC. */
export interface Binding {
  userId: string
  stream: Stream
  kind: 'audio' | 'video'
  publication: LivePublication | undefined
  /** The stream is published again: what comes from its next key frame on is of that, and what still comes before is late. */
  next: LivePublication | undefined
  /**
   * The next picture has to be one that begins anew: since something of it was not taken, or after the rest of what was on its way when it was given up,
   * which still goes on from what was taken.
   */
  needsKey: 'no' | 'afterRest' | 'now'
  /** The SDK gave the subscription up: what still comes with its SSRC is late, and its user's next publication is not meant. */
  over: boolean
}

/** What comes with an SSRC in a slot; a slot is not a user. */
export interface Subscription {
  slot: number
  ssrc: number
}

/** So many subscriptions that are over are remembered, for what comes late. */
const rememberedBindings = 1000

/** Who owns the subscriptions, those that are over too as long as something of them may come late. Pure. */
export class Bindings {
  readonly #bindings = new Map<string, Binding>()

  bind(subscription: Subscription, owner: Omit<Binding, 'next' | 'over'>): void {
    this.#bindings.set(subscriptionKey(subscription), { ...owner, next: undefined, over: false })
  }

  get(subscription: Subscription): Binding | undefined {
    return this.#bindings.get(subscriptionKey(subscription))
  }

  all(): Iterable<Binding> {
    return this.#bindings.values()
  }

  /** The latest in a slot. */
  latestIn(slot: number): Binding | undefined {
    return [...this.#bindings].findLast(([key]) => key.startsWith(`${slot}/`))?.[1]
  }

  /** A stream that is published again beside another one of the same user keeps its subscription, and so its SSRC. */
  keep(publication: LivePublication): void {
    for (const binding of this.#bindings.values()) {
      const { userId, stream, kind, over } = binding
      if (userId !== publication.userId || stream !== publication.stream || over) continue
      if (kind === 'video') binding.next = publication
      else binding.publication = publication
    }
  }

  /** When a user publishes nothing any more the SDK gives up the subscription: its SSRCs never come back. */
  end(ended: readonly LivePublication[], isPublishing: (userId: string) => boolean): void {
    for (const binding of this.#bindings.values()) {
      const { userId, publication } = binding
      if (publication !== undefined && ended.includes(publication) && !isPublishing(userId)) binding.over = true
    }
    const over = [...this.#bindings].filter(([, binding]) => binding.over)
    for (const [key] of over.slice(0, -rememberedBindings)) this.#bindings.delete(key)
  }

  clear(): void {
    this.#bindings.clear()
  }
}

export const subscriptionKey = ({ slot, ssrc }: Subscription) => `${slot}/${ssrc}`
