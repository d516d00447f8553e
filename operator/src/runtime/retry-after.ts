/** How long a server asked to be left alone, if the error says so. */
export function retryAfterMillis(error: unknown): number {
  const millis = (error as { retryAfterMillis?: unknown } | null)?.retryAfterMillis
  return typeof millis === 'number' ? millis : 0
}
