import type { Stream } from '@trtc-recorder/api'

export interface Owner {
  userId: string
  stream: Stream
}
interface Subscription {
  slot: number
  kind: 'audio' | 'video'
  ssrc: number
}

const retryMillis = 50
/** As long as frames without an owner are kept. */
const givenUpMillis = 10_000
const rememberedOwners = 4000

/**
 * Says whose frames come with an SSRC: by the SSRC that the SDK chose for a user's subscription, and by nothing else. Receivers are handed on from
 * user to user, so who had a receiver before says nothing. What is not known yet is asked again; what the SDK has forgotten since, because the user stopped
 * publishing meanwhile, is remembered here.
 */
export class Binder {
  readonly #known = new Map<number, Owner>()
  readonly #current: () => Map<number, Owner>
  readonly #bound: (subscription: Subscription, owner: Owner) => void
  #timer: ReturnType<typeof setTimeout> | undefined
  #waiting: { subscription: Subscription; since: number }[] = []

  constructor(current: () => Map<number, Owner>, bound: (subscription: Subscription, owner: Owner) => void) {
    this.#current = current
    this.#bound = bound
  }

  bind({ slot, kind, ssrc }: Subscription): void {
    this.#waiting.push({ subscription: { slot, kind, ssrc }, since: performance.now() })
    this.#try()
  }

  /** Takes note of what the SDK chose. */
  remember(): void {
    for (const [ssrc, owner] of this.#current()) if (ssrc !== 0) this.#known.set(ssrc, owner)
    const tooMany = this.#known.size - rememberedOwners
    if (tooMany > 0) for (const ssrc of [...this.#known.keys()].slice(0, tooMany)) this.#known.delete(ssrc)
  }

  #try(): void {
    this.remember()
    const before = this.#waiting
    this.#waiting = []
    for (const one of before) {
      const owner = this.#known.get(one.subscription.ssrc)
      if (owner !== undefined) this.#bound(one.subscription, owner)
      else if (performance.now() - one.since < givenUpMillis) this.#waiting.push(one)
    }
    if (this.#waiting.length === 0) return
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#try()
    }, retryMillis)
  }
}
