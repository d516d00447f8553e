import type { RecorderJob } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import { createCosClient } from './cos-client.ts'
import type { CredentialProvider } from './credentials.ts'
import { GrowingUpload } from './growing-upload.ts'
import { createLimiter } from './limiter.ts'
import { defaultPlan, type PartPlan } from './part-plan.ts'
import { preflight } from './preflight.ts'
import { type Backoff, defaultBackoff, Wake } from './retry.ts'
import { againOnMismatch, createAttempt, type StoreContext, StoreHealth, until, verified } from './store-context.ts'
import type { ReadableStore } from './upload.ts'

/** How a store goes about it. */
export interface StoreTraffic {
  /** Requests on their way at once, over all files. */
  concurrency?: number
  backoff?: Backoff
}

export interface StoreOptions extends StoreTraffic {
  cos: RecorderJob['spec']['cos']
  credentials: CredentialProvider
  log: Logger
  /** A request fails when its connection has been silent for so long. */
  silenceMillis?: number
  plan?: PartPlan
}

/** A store in COS. Memory stays within a few read buffers for each request on its way, whatever there is to upload. */
export function createStore(options: StoreOptions): ReadableStore {
  const { cos, log, credentials, concurrency = 4, silenceMillis = 30_000 } = options
  const client = createCosClient({ cos, credentials, silenceMillis })
  const health = new StoreHealth()
  const attempt = createAttempt(createLimiter(concurrency), options.backoff ?? defaultBackoff, health)
  const context: StoreContext = { client, log, plan: options.plan ?? defaultPlan, attempt, health }

  return {
    get trouble() {
      return health.trouble
    },

    preflight: ({ deadline } = {}) => preflight(context, cos.path, deadline),

    open: (source) => new GrowingUpload(context, source),

    async put(key, body, contentType, { deadline, cacheControl, isOneOfMany = false } = {}) {
      const stop = new AbortController()
      const end = until(deadline, stop)
      const wake = new Wake()
      const ask = <T>(request: (signal: AbortSignal) => Promise<T>) => attempt(request, stop.signal, wake, log)
      try {
        return await againOnMismatch(async () => {
          const { crc64, confirmed } = await ask((signal) =>
            client.put(key, { head: body }, { contentType, cacheControl }, signal),
          )
          if (isOneOfMany && confirmed) return { url: client.url(key), bytes: body.length, crc64: String(crc64) }
          return await ask((signal) => verified(client, key, { bytes: body.length, crc64 }, signal))
        })
      } finally {
        end()
      }
    },

    async read(key, range, { deadline } = {}) {
      const stop = new AbortController()
      const end = until(deadline, stop)
      try {
        return await attempt((signal) => client.get(key, range, signal), stop.signal, new Wake(), log)
      } finally {
        end()
      }
    },
  }
}
