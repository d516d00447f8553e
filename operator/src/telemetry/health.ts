import Fastify, { type FastifyInstance } from 'fastify'
import type { Metrics } from './metrics.ts'

/** Says what is wrong, or nothing if all is well. */
export type Check = () => string | undefined

/**
 * Liveness and readiness as named checks. Live: the loops turn; if not, a restart helps. Ready: the caches are synced and nobody asked
 * the process to stop. An API server that is away makes the operator neither dead nor unready: a restart would cure nothing.
 */
export class Health {
  readonly #live: [string, Check][] = []
  readonly #ready: [string, Check][] = []

  live(name: string, check: Check): void {
    this.#live.push([name, check])
  }

  ready(name: string, check: Check): void {
    this.#ready.push([name, check])
  }

  failures(kind: 'live' | 'ready'): string[] {
    const checks = kind === 'live' ? this.#live : this.#ready
    return checks.flatMap(([name, check]) => {
      const wrong = check()
      return wrong === undefined ? [] : [`${name}: ${wrong}`]
    })
  }
}

/** `/healthz` and `/readyz`, for the kubelet. */
export function createHealthServer(health: Health): FastifyInstance {
  const server = Fastify()
  for (const [path, kind] of [
    ['/healthz', 'live'],
    ['/readyz', 'ready'],
  ] as const) {
    server.get(path, (_, reply) => {
      const failures = health.failures(kind)
      return reply
        .code(failures.length === 0 ? 200 : 503)
        .type('text/plain')
        .send(failures.length === 0 ? 'ok\n' : `${failures.join('\n')}\n`)
    })
  }
  return server
}

/** `/metrics`, for Prometheus. */
export function createMetricsServer(metrics: Metrics): FastifyInstance {
  const server = Fastify()
  server.get('/metrics', async (_, reply) => reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()))
  return server
}
