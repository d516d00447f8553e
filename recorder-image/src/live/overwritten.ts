import type { Limiter } from '../store/limiter.ts'

/** Objects that are overwritten again and again, such as a playlist: of what waits only the newest is sent, and no older one arrives after it. */
export class Overwritten {
  readonly #put: (key: string, data: Uint8Array, contentType: string) => Promise<unknown>
  readonly #limit: Limiter
  /** The newest that waits, by key. */
  readonly #waiting = new Map<string, { data: Uint8Array; contentType: string; done: Promise<boolean> }>()
  /** By key, what is on its way of such. */
  readonly #sending = new Map<string, Promise<void>>()

  constructor(put: (key: string, data: Uint8Array, contentType: string) => Promise<unknown>, limit: Limiter) {
    this.#put = put
    this.#limit = limit
  }

  /** Resolves when it, or a newer one, is in COS (true), or not (false). Never rejects. */
  replace(key: string, data: Uint8Array, contentType: string): Promise<boolean> {
    const waiting = this.#waiting.get(key)
    if (waiting !== undefined) {
      Object.assign(waiting, { data, contentType })
      return waiting.done
    }
    const { promise, resolve } = Promise.withResolvers<boolean>()
    this.#waiting.set(key, { data, contentType, done: promise })
    const send = async () => {
      const newest = this.#waiting.get(key)!
      this.#waiting.delete(key)
      const isStored = await this.#put(key, newest.data, newest.contentType).then(
        () => true,
        () => false,
      )
      resolve(isStored)
    }
    const sent = (this.#sending.get(key) ?? Promise.resolve()).then(() => this.#limit(send))
    this.#sending.set(key, sent)
    void sent.then(() => this.#sending.get(key) === sent && this.#sending.delete(key))
    return promise
  }
}
