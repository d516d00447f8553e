import { StoreError } from './upload.ts'

export interface Backoff {
  baseMillis: number
  maxMillis: number
}
export const defaultBackoff: Backoff = { baseMillis: 500, maxMillis: 30_000 }

/** Exponential with equal jitter, so that recorders that lost COS together do not come back together. */
export function backoffMillis({ baseMillis, maxMillis }: Backoff, failures: number, random: number): number {
  const ceiling = Math.min(maxMillis, baseMillis * 2 ** (failures - 1))
  return ceiling * (0.5 + random / 2)
}

export interface RetryOptions {
  backoff: Backoff
  /** Ends everything; the last failure is then the answer. */
  signal: AbortSignal
  /** Ends a pause early, such as when recording has stopped and waiting has become dear. */
  wake: Wake
  onFailure(error: StoreError, delayMillis: number): void
}

/** Tries until it works, is refused, or is told to end. Only `unavailable` is tried again. */
export async function retrying<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  let last: StoreError | undefined
  for (let failures = 1; ; failures++) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof StoreError) || error.kind === 'refused') throw error
      // A try cut off by the deadline says less than the one before it.
      if (options.signal.aborted) throw outOfTime(last ?? error)
      last = error
      const delayMillis = backoffMillis(options.backoff, failures, Math.random())
      options.onFailure(error, delayMillis)
      await options.wake.sleep(delayMillis, options.signal)
      if (options.signal.aborted) throw outOfTime(error)
    }
  }
}

const outOfTime = (error: StoreError) =>
  new StoreError('unavailable', error.code, `${error.message} Gave up because the time for it was over.`, { cause: error })

/** Pauses that can all be ended at once. */
export class Wake {
  readonly #sleepers = new Set<() => void>()

  sleep(millis: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', end)
        this.#sleepers.delete(end)
        resolve()
      }
      const timer = setTimeout(end, millis)
      signal.addEventListener('abort', end, { once: true })
      this.#sleepers.add(end)
    })
  }

  now(): void {
    for (const end of [...this.#sleepers]) end()
  }
}
