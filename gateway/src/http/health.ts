import Fastify, { type FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'

/** `/healthz`, `/readyz` and `/metrics`, on a port of their own. */
export function createHealthServer(options: { isStopping(): boolean; registry: Registry }): FastifyInstance {
  const server = Fastify()
  server.get('/healthz', (_, reply) => reply.type('text/plain').send('ok\n'))
  server.get('/readyz', (_, reply) =>
    options.isStopping() ? reply.code(503).type('text/plain').send('asked to stop\n') : reply.type('text/plain').send('ok\n'),
  )
  server.get('/metrics', async (_, reply) => reply.type(options.registry.contentType).send(await options.registry.metrics()))
  return server
}
