import type { Logger } from 'pino'
import { machine, type TimeSource } from '../clock/clock.ts'
import type { CosCredentials, CredentialProvider } from './credentials.ts'

/** Keys as a role gets them: for a while. Where it is not told for how long, until COS does not take them any more. */
export type TemporaryCredentials = CosCredentials & { token: string }

/** A service that hands out temporary keys. */
export interface CredentialSource {
  /** For messages: what is asked. */
  name: string
  /** Asks once. Rejects with what is wrong, for a person. */
  fetch(): Promise<TemporaryCredentials>
}

/** Fresh keys are asked for so long before the old ones run out; of short-lived ones, at half of their life. */
const marginMillis = 5 * 60_000
/** Between two questions of which the first was not answered, or whose answer COS did not take. */
const pauseMillis = 10_000
/** While nobody has keys: a question that was not answered is asked again at once, then after so long, and after twice as long each time, up to that. */
const firstPauseMillis = 1000

/** When fresh keys are due. Pure; times in ms. */
export const renewalDue = (fetchedAt: number, expiresAt: number) =>
  expiresAt - Math.min(marginMillis, (expiresAt - fetchedAt) / 2)

/**
 * Keeps temporary keys and renews them before they run out: in the background while the old ones hold, and while the request waits when they
 * do not. A source that does not answer costs nothing as long as the old keys hold. How long that is, is read off the wall clock once, when they come: one that is set
 * back later would have them hold for as much longer. Where there are no keys, a source that gives none is asked with growing pauses, however many requests wait for them.
 */
export function temporaryCredentials(
  source: CredentialSource,
  log: Logger,
  { monotonicMillis: now, wallMillis }: TimeSource = machine,
): CredentialProvider {
  let kept: { keys: TemporaryCredentials; fetchedAt: number; expiresAt: number } | undefined
  let asking: Promise<TemporaryCredentials> | undefined
  let askedAt = Number.NEGATIVE_INFINITY
  /** In a row, without keys. */
  let failed: { error: Error; times: number; at: number } | undefined

  const hold = () => kept !== undefined && now() < kept.expiresAt

  function ask(): Promise<TemporaryCredentials> {
    askedAt = now()
    asking ??= source
      .fetch()
      .then(
        (keys) => {
          const fetchedAt = now()
          const holdMillis = (keys.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY) - wallMillis()
          // Those that come when they have run out are all that is to be had, or it is a clock that says so.
          kept = { keys, fetchedAt, expiresAt: fetchedAt + Math.max(pauseMillis, holdMillis) }
          failed = undefined
          log.info({ source: source.name, expiresAt: keys.expiresAt }, 'Got keys for COS')
          return keys
        },
        (error: Error) => {
          if (!hold()) failed = { error, times: (failed?.times ?? 0) + 1, at: now() }
          throw error
        },
      )
      .finally(() => {
        asking = undefined
      })
    return asking
  }

  return {
    async current() {
      if (kept === undefined || !hold()) {
        if (failed !== undefined && now() - failed.at < pauseAfter(failed.times)) throw failed.error
        return ask()
      }
      const isDue = now() >= renewalDue(kept.fetchedAt, kept.expiresAt)
      if (isDue && now() - askedAt >= pauseMillis) {
        const { expiresAt } = kept.keys
        ask().catch((error: Error) =>
          log.warn({ source: source.name, error: error.message, expiresAt }, 'Keys for COS not renewed'),
        )
      }
      return kept.keys
    },

    refused({ secretId }) {
      // Right after an answer another one would say the same; COS is asked again after a pause of its own.
      if (kept?.keys.secretId === secretId && now() - kept.fetchedAt >= pauseMillis) kept = undefined
    },
  }
}

const pauseAfter = (times: number) => (times === 1 ? 0 : Math.min(pauseMillis, firstPauseMillis * 2 ** (times - 2)))
