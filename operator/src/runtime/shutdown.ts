import type { Logger } from 'pino'

export interface ShutdownStep {
  /** Past tense and capital, for the log line: `Controllers drained`. */
  done: string
  /** May give a promise. */
  run(millisLeft: number): unknown
}

/**
 * The end of a process, in order and in time.
 *
 * Flow: `await requested(…)` (SIGTERM, SIGINT) → `shutDown(steps)`: not ready → stop watches → drain workers → release the lease → close servers.
 *
 * Guarantees: steps run one after the other, each knows how much time is left, none can hold up the next beyond the deadline, and one
 * that fails is logged and does not keep the others from running. A second signal ends the process at once.
 */
export async function shutDown(steps: readonly ShutdownStep[], options: { deadlineMillis: number; log: Logger }): Promise<void> {
  const end = performance.now() + options.deadlineMillis
  for (const step of steps) {
    const millisLeft = Math.max(0, end - performance.now())
    const late = Promise.withResolvers<'late'>()
    const timer = setTimeout(() => late.resolve('late'), millisLeft)
    try {
      const outcome = await Promise.race([Promise.resolve(step.run(millisLeft)).then(() => 'done' as const), late.promise])
      if (outcome === 'late') options.log.warn({ step: step.done }, 'Shutdown step did not end in time and was left behind')
      else options.log.info(step.done)
    } catch (error) {
      options.log.warn({ err: error, step: step.done }, 'Shutdown step failed')
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Resolves with the first of the signals. Another one after that ends the process with 128 + its number, as shells do. */
export function requested(signals: readonly ('SIGTERM' | 'SIGINT')[] = ['SIGTERM', 'SIGINT']): Promise<string> {
  return new Promise((resolve) => {
    let asked = false
    for (const signal of signals) {
      process.on(signal, () => {
        if (asked) process.exit(signal === 'SIGINT' ? 130 : 143)
        asked = true
        resolve(signal)
      })
    }
  })
}
