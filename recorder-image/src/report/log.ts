import { destination, type Logger, pino } from 'pino'

/**
 * One JSON object a line. Written synchronously, so that the last line is out before the process ends. Values that must never be seen are
 * blanked wherever they turn up in a line, also inside an error of somebody else's making.
 */
export function createLog(fd: 1 | 2, secrets: () => readonly string[]): Logger {
  const out = destination({ dest: fd, sync: true })
  return pino(
    { base: null, formatters: { level: (level) => ({ level }) }, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line: string) => out.write(withoutSecrets(line, secrets())) },
  )
}

const leastSecretLength = 6

export function withoutSecrets(line: string, secrets: readonly string[]): string {
  let clean = line
  for (const secret of secrets) if (secret.length >= leastSecretLength) clean = clean.replaceAll(secret, '***')
  return clean
}
