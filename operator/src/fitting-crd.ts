import { neededStatusFields } from '@trtc-recorder/api'
import { type KubeClient, resources } from '@trtc-recorder/kube'
import type { Logger } from 'pino'
import { servedFields } from './kube/served-fields.ts'
import { sleep } from './runtime/timers.ts'

export interface FittingCrdOptions {
  client: KubeClient
  log: Logger
  retryMillis?: number
}

/**
 * Waits for a CRD of Recordings that keeps what the operator decides by. One that is older drops what it does not know, so that an operator would forget what
 * volumes hold, and heed a user's annotation again and again. Where the API server does not say what it keeps, it is taken to keep all; where it does not answer, it
 * is asked again.
 */
export class FittingCrd {
  readonly #options: FittingCrdOptions
  #missing: readonly string[] = []

  constructor(options: FittingCrdOptions) {
    this.#options = options
  }

  /** What keeps the operator from working, for a person; undefined if nothing does. */
  get trouble(): string | undefined {
    if (this.#missing.length === 0) return undefined
    return `the CRD recordings.trtc-recorder.dev is older than this operator and would drop ${this.#missing.join(', ')}: apply the CRDs of this release`
  }

  /** Resolves when it fits, or the signal is aborted. */
  async fits(signal: AbortSignal): Promise<void> {
    const { log, retryMillis = 5000 } = this.#options
    for (;;) {
      const before = this.trouble
      const isKnown = await this.#look(signal)
      const { trouble } = this
      if (trouble !== undefined && trouble !== before) log.error(`Operator does nothing yet: ${trouble}`)
      if (trouble === undefined && before !== undefined) log.info('CRD fits this operator now')
      if ((isKnown && trouble === undefined) || signal.aborted) return
      await sleep(retryMillis, signal)
    }
  }

  /** Whether what it keeps is known now. */
  async #look(signal: AbortSignal): Promise<boolean> {
    const { client, log } = this.#options
    try {
      const served = await servedFields(client, resources.recordings, signal)
      this.#missing = neededStatusFields.map((field) => `status.${field}`).filter((field) => served?.has(field) === false)
      return true
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, 'What the CRD keeps could not be read')
      return false
    }
  }
}
