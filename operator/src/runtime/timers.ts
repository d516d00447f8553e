/** setTimeout fires at once for anything longer (2^31 - 1 ms, about 24.8 days). */
const longestTimeoutMillis = 2_147_483_647

/** Resolves after a time, or as soon as the signal is aborted; never rejects. */
export function sleep(millis: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, Math.min(millis, longestTimeoutMillis))
    signal?.addEventListener('abort', end, { once: true })
  })
}

/** Aborted after a time. `AbortSignal.timeout` itself throws for a fraction of a millisecond, and for more than 2^32 - 1. */
export const timeoutSignal = (millis: number): AbortSignal =>
  AbortSignal.timeout(Math.min(longestTimeoutMillis, Math.max(1, Math.ceil(millis))))

/**
 * How long until something is due that was to come after a wait of no more than `longestMillis`. Where more than that is left of it, the clock has been set back since, or
 * is another one's, and it is due.
 */
export function leftMillis(dueMillis: number, longestMillis: number, nowMillis: number): number {
  const left = dueMillis - nowMillis
  return left > longestMillis ? 0 : Math.max(0, left)
}

export interface Sleepers {
  /** Calls once after the time. A call that is already due earlier for the key stays; a later one is replaced. */
  wake(key: string, millis: number, call: () => void): void
  clear(): void
}

/** One timer a key. */
export function sleepers(): Sleepers {
  const timers = new Map<string, { due: number; timer: NodeJS.Timeout }>()

  function arm(key: string, due: number, call: () => void) {
    const left = due - performance.now()
    const timer = setTimeout(
      () => {
        if (due - performance.now() >= 1) return arm(key, due, call)
        timers.delete(key)
        call()
      },
      Math.min(Math.max(left, 0), longestTimeoutMillis),
    )
    timers.set(key, { due, timer })
  }

  return {
    wake(key, millis, call) {
      const due = performance.now() + millis
      const earlier = timers.get(key)
      if (earlier !== undefined && earlier.due <= due) return
      clearTimeout(earlier?.timer)
      arm(key, due, call)
    },
    clear() {
      for (const { timer } of timers.values()) clearTimeout(timer)
      timers.clear()
    },
  }
}
