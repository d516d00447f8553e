import { setTimeout as sleep } from 'node:timers/promises'
import type { RecorderProgress } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import { type Store, StoreError } from '../store/upload.ts'

/** COS has this long to show that the bucket exists and can be written, each time. */
const patienceSeconds = 30
/** Somebody may put things right meanwhile. */
const againSeconds = 30

/**
 * Finds out whether COS takes what is being recorded, beside the recording: a bucket that cannot be written must not keep the recorder out of
 * a room where people are talking. Uploads find out for themselves when it can.
 */
export class StorageProof {
  state: RecorderProgress['storage'] = { state: 'untried' }
  readonly #store: Store
  readonly #log: Logger
  readonly #stop = new AbortController()

  constructor(store: Store, log: Logger) {
    this.#store = store
    this.#log = log
    void this.#prove()
  }

  stop(): void {
    this.#stop.abort()
  }

  async #prove(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await this.#store.preflight({ deadline: new Date(Date.now() + patienceSeconds * 1000) })
        this.state = { state: 'proven' }
        return
      } catch (error) {
        const state = error instanceof StoreError ? error.kind : 'unavailable'
        this.state = { state, message: (error as Error).message.slice(0, 512) }
        this.#log.warn({ error: (error as Error).message }, 'COS does not take the recording; it goes on, on the volume')
      }
      await sleep(againSeconds * 1000, undefined, { signal: this.#stop.signal, ref: false }).catch(() => {})
    }
  }
}
