import type { AddressInfo } from 'node:net'
import { type RecorderProgress, recorderProgressSchema } from '@trtc-recorder/api'
import fastify from 'fastify'

export interface HealthSource {
  progress(): RecorderProgress
  /** Why the recorder is not ready; undefined when it is in the room and can write. */
  notReady(): Promise<string | undefined>
}

/** `/healthz`: the process answers. `/readyz`: in the room, and able to write. `/status`: what it is doing. */
export async function startHttp(
  source: HealthSource,
  port: number,
  host = '0.0.0.0',
): Promise<{ port: number; close(): Promise<void> }> {
  const server = fastify({ logger: false, forceCloseConnections: true })
  server.get('/healthz', async () => ({ status: 'ok' }))
  server.get('/readyz', async (_request, reply) => {
    const reason = await source.notReady()
    return reason === undefined ? { status: 'ready' } : reply.code(503).send({ status: 'not ready', reason })
  })
  server.get('/status', async () => recorderProgressSchema.parse(source.progress()))
  await server.listen({ port, host })
  const [address] = server.addresses() as AddressInfo[]
  return { port: address?.port ?? port, close: () => server.close() }
}
