import type { Logger } from 'pino'
import { RecorderFailure } from './failure.ts'
import type { Stop } from './stop-policy.ts'

/**
 * Resolves on the first SIGTERM or SIGINT. A second one changes nothing: files are being finished and stored, and whoever is in more of a
 * hurry than that has SIGKILL, after which the next attempt goes on from the volume. Rejects on a defect that nobody caught.
 *
 * `before`: a signal that came before this process could hear it (start.sh).
 */
export function listenForStop(log: Logger, before: string | undefined): Promise<Stop> {
  const { promise, resolve, reject } = Promise.withResolvers<Stop>()
  // Whoever waits for it later still gets the rejection.
  promise.catch(() => {})
  let asked = false
  const ask = (signal: string) => {
    log.info({ signal }, asked ? 'Already stopping; files are being finished and stored' : 'Asked to stop')
    asked = true
    resolve({ reason: 'Terminated', message: `The recorder was asked to stop (${signal})` })
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => ask(signal))
  if (before !== undefined) ask(before)
  const onDefect = (error: unknown) => {
    log.error({ err: error }, 'Defect of the recorder')
    reject(new RecorderFailure('InternalError', error instanceof Error ? error.message : String(error), { cause: error }))
  }
  process.on('uncaughtException', onDefect)
  process.on('unhandledRejection', onDefect)
  return promise
}
