/** Runs at most `limit` tasks at once, the others in the order they came. */
export function createLimiter(limit: number): <T>(task: () => Promise<T>) => Promise<T> {
  let running = 0
  const waiting: (() => void)[] = []
  return async (task) => {
    if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve))
    else running += 1
    try {
      return await task()
    } finally {
      const next = waiting.shift()
      // The place goes straight to the next in line, so that no newcomer can take it in between.
      if (next) next()
      else running -= 1
    }
  }
}
export type Limiter = ReturnType<typeof createLimiter>
