import type { Logger } from 'pino'
import type { CosClient } from './cos-client.ts'
import type { Limiter } from './limiter.ts'
import type { PartPlan } from './part-plan.ts'
import { type Backoff, retrying, type Wake } from './retry.ts'
import { type StoredObject, StoreError } from './upload.ts'

/** What every upload of a store shares. */
export interface StoreContext {
  client: CosClient
  log: Logger
  plan: PartPlan
  attempt: Attempt
  health: StoreHealth
}

/** Runs one request when it is its turn, again and again as long as COS is only unavailable. */
export type Attempt = <T>(
  request: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
  wake: Wake,
  log: Logger,
) => Promise<T>

/** Shorter troubles are none of anybody's but those who wait for the answer. */
const passingMillis = 5_000

/** Whether COS takes what it is sent. */
export class StoreHealth {
  #failure: { error: StoreError; sinceMillis: number } | undefined
  readonly #now: () => number

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  get isTroubled(): boolean {
    return this.#failure !== undefined
  }

  /** What has kept COS from taking things for some seconds. */
  get trouble(): StoreError | undefined {
    if (this.#failure === undefined || this.#now() - this.#failure.sinceMillis < passingMillis) return undefined
    return this.#failure.error
  }

  failed(error: StoreError): void {
    this.#failure = { error, sinceMillis: this.#failure?.sinceMillis ?? this.#now() }
  }

  worked(): void {
    this.#failure = undefined
  }
}

/**
 * A place in the line is held for a request, not for the pause after it. An outage is logged when it begins and when it is over,
 * not for every request it stops.
 */
export function createAttempt(limiter: Limiter, backoff: Backoff, health: StoreHealth): Attempt {
  return async (request, signal, wake, log) => {
    const result = await retrying(() => limiter(() => request(signal)), {
      backoff,
      signal,
      wake,
      onFailure(error, delayMillis) {
        const level = health.isTroubled ? 'debug' : 'warn'
        health.failed(error)
        log[level]({ err: error, code: error.code, retryInMillis: Math.round(delayMillis) }, 'Failed to reach COS')
      },
    })
    if (health.isTroubled) log.info('Reached COS again')
    health.worked()
    return result
  }
}

/**
 * One HEAD: the object with the size and checksum it must have, or a StoreError for which `isMismatch` is true; also where there is none, which somebody
 * has removed again by then.
 */
export async function verified(
  client: CosClient,
  key: string,
  expected: { bytes: number; crc64: bigint },
  signal: AbortSignal,
): Promise<StoredObject> {
  const { bytes, crc64 } = await client.head(key, signal).catch((error: unknown) => {
    if (!(error instanceof StoreError) || error.code !== 'NoSuchKey') throw error
    return { bytes: 0, crc64: undefined }
  })
  if (bytes === expected.bytes && crc64 === String(expected.crc64)) return { url: client.url(key), bytes, crc64 }
  const found = `${bytes} bytes with checksum ${crc64 ?? 'unknown'}, not ${expected.bytes} with ${expected.crc64}`
  const message = `COS holds something else under ${key} in bucket ${client.bucket} than was sent: ${found}.`
  // Refused: another HEAD would say the same. Sending it all again may help, and is tried once.
  throw new StoreError('refused', mismatch, message)
}

const mismatch = 'ChecksumMismatch'
export const isMismatch = (error: unknown): error is StoreError =>
  error instanceof StoreError && error.kind === 'refused' && error.code === mismatch

/** Runs `store` again, once, if COS ended up with something else than it was sent. */
export async function againOnMismatch<T>(store: () => Promise<T>, beforeSecond?: (reason: string) => Promise<void>): Promise<T> {
  try {
    return await store()
  } catch (error) {
    if (!isMismatch(error)) throw error
    await beforeSecond?.(error.message)
  }
  try {
    return await store()
  } catch (error) {
    if (!isMismatch(error)) throw error
    throw new StoreError('unavailable', mismatch, `${error.message} It was sent twice. The recording is still on the volume.`)
  }
}

/** Aborts at a deadline, by `performance.now()`; returns what lifts it. */
export function until(deadline: number | undefined, controller: AbortController): () => void {
  if (deadline === undefined) return () => undefined
  const timer = setTimeout(() => controller.abort(), Math.max(0, deadline - performance.now()))
  return () => clearTimeout(timer)
}
