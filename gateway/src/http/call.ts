import type { KubeClient } from '@trtc-recorder/kube'
import type { FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import type { ReviewToken } from '../callers/authenticate.ts'
import type { Caller } from '../callers/caller.ts'
import type { CallerDirectory } from '../callers/directory.ts'
import type { Rates } from '../callers/rate.ts'
import { RefusedRequest } from '../errors.ts'
import type { Events } from '../events/heed.ts'
import type { Metrics } from '../metrics.ts'

/** What every handler may use. */
export interface Gateway {
  client: KubeClient
  /** As they stand now: the Secret may change. */
  callers(): CallerDirectory
  review: ReviewToken | undefined
  rates: Rates
  quota: { admit(caller: Caller): Promise<void> }
  /** Undefined where TRTC’s events are not heard. */
  events: Events | undefined
  log: Logger
  metrics: Pick<Metrics, 'answered' | 'heard'>
  now(): Date
  /** How long a request is told of after its end. */
  keepSeconds: number
}

/** What the audit log says of a request, filled in as it becomes known. No header, no query and no body is in it. */
export interface Audit {
  caller?: string
  credential?: string
  action?: string
  /** The request it is about, where that is another one. */
  about?: string
  code?: string
  /** Of a callback of TRTC: the application that it is signed for, what it tells, and what came of it, for each policy. */
  application?: number
  event?: string
  outcomes?: string[]
  recordings?: string[]
}

declare module 'fastify' {
  interface FastifyRequest {
    audit: Audit
  }
}

/** Takes one from the caller's rate. */
export function within(rates: Rates, caller: Caller): void {
  const retryAfterSeconds = rates.take(caller)
  if (retryAfterSeconds > 0) {
    throw new RefusedRequest(
      'TooManyRequests',
      `More than ${caller.limits.requestsPerSecond} requests a second. Try again later`,
      {
        retryAfterSeconds,
      },
    )
  }
}

export const header = (request: FastifyRequest, name: string): string | undefined => {
  const value = request.headers[name]
  return Array.isArray(value) ? value.join(',') : value
}

/** The bytes as they came. */
export const bodyOf = ({ body }: FastifyRequest): Buffer => (Buffer.isBuffer(body) ? body : Buffer.alloc(0))
