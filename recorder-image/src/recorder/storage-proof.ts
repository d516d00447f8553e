import { setTimeout as sleep } from 'node:timers/promises'
import type { RecorderProgress } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import { isCredentialProblem } from '../store/cos-error.ts'
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
  #proof: RecorderProgress['storage'] = { state: 'untried' }
  readonly #store: Store
  readonly #log: Logger
  readonly #stop = new AbortController()

  constructor(store: Store, log: Logger) {
    this.#store = store
    this.#log = log
    void this.#prove()
  }

  /** What the proof has shown, and then what uploads meet with. */
  get state(): RecorderProgress['storage'] {
    const { trouble } = this.#store
    return trouble === undefined ? this.#proof : troubleOf(trouble)
  }

  stop(): void {
    this.#stop.abort()
  }

  async #prove(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await this.#store.preflight({ deadline: performance.now() + patienceSeconds * 1000 })
        this.#proof = { state: 'proven' }
        return
      } catch (error) {
        this.#proof = troubleOf(error as Error)
        this.#log.warn({ error: (error as Error).message }, 'COS does not take the recording; it goes on, on the volume')
      }
      await sleep(againSeconds * 1000, undefined, { signal: this.#stop.signal, ref: false }).catch(() => {})
    }
  }
}

/** Wrong keys are refused until somebody mends them, although they are tried again. */
function troubleOf(error: Error): RecorderProgress['storage'] {
  const isRefused = isCredentialProblem(error)
    ? error.code !== 'ExpiredToken'
    : error instanceof StoreError && error.kind === 'refused'
  return { state: isRefused ? 'refused' : 'unavailable', message: error.message.slice(0, 512) }
}
