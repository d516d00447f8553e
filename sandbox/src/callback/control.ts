import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import { z } from 'zod'
import { behaviourSchema } from './behaviour.ts'
import type { SinkWorld } from './world.ts'

const waitSchema = z.object({ path: z.string().optional(), count: z.int(), timeoutMillis: z.number() })
const keySchema = z.object({ path: z.string(), key: z.string().optional() })
const downSchema = z.object({ on: z.boolean(), forMillis: z.number().optional() })

/** HTTP server beside the sink, on a port of its own so that it answers while the sink is down. */
export async function startControl(
  { port, keys, behaviours, received }: SinkWorld,
  address: string,
  number: number,
  advertise: string,
) {
  const server = fastify({ forceCloseConnections: true })
  server.setErrorHandler((error: Error, _request, reply) =>
    reply.code(error instanceof z.ZodError ? 400 : 500).send({ error: error.message }),
  )
  let reopening: NodeJS.Timeout | undefined

  server.post('/requests', ({ body }) => {
    const { path, count, timeoutMillis } = waitSchema.parse(body)
    return received.waitFor(path, count, timeoutMillis)
  })
  server.delete('/requests', () => {
    received.clear()
    return {}
  })
  server.post('/behaviours', ({ body }) => {
    behaviours.add(behaviourSchema.parse(body))
    return {}
  })
  server.delete('/behaviours', () => {
    behaviours.clear()
    return {}
  })
  server.put('/key', ({ body }) => {
    const { path, key } = keySchema.parse(body)
    if (key === undefined) keys.delete(path)
    else keys.set(path, key)
    return {}
  })
  server.put('/down', async ({ body }) => {
    const { on, forMillis } = downSchema.parse(body)
    clearTimeout(reopening)
    await (on ? port.close() : port.open())
    if (on && forMillis !== undefined) reopening = setTimeout(() => void port.open(), forMillis)
    return {}
  })
  server.addHook('onClose', () => clearTimeout(reopening))

  await server.listen({ host: address, port: number })
  const { port: actual } = server.server.address() as AddressInfo
  return { url: `http://${advertise}:${actual}`, close: () => server.close() }
}
