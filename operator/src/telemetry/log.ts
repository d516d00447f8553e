import { type DestinationStream, type Logger, pino } from 'pino'

export const logLevels = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof logLevels)[number]

/**
 * One JSON object a line, on stdout. Capital first letter, past tense, what it is about as key/values. Each reconcile has a child of
 * its own with `controller`, `key` and `reconcileId`.
 */
export function createLog(level: LogLevel, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: {},
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  return destination === undefined ? pino(options) : pino(options, destination)
}
