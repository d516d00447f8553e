import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import fastify from 'fastify'
import { z } from 'zod'
import { bytesOf } from './body.ts'
import { CosError } from './errors.ts'
import { faultSchema } from './faults.ts'
import { etagOf } from './object-headers.ts'
import { requestFilterSchema } from './request-log.ts'
import { rolesSchema } from './roles.ts'
import type { Encryption } from './storage.ts'
import { issueKeys, type TemporaryKeys } from './temporary-keys.ts'
import type { CosWorld } from './world.ts'

const objectQuery = z.object({ bucket: z.string(), key: z.string() })
const listQuery = z.object({ bucket: z.string(), prefix: z.string().default('') })
export const waitSchema = z.object({ filter: requestFilterSchema, count: z.int(), timeoutMillis: z.number() })
const tokenSchema = z.object({ expiresInSeconds: z.number() })

/** What the control API says of an object. */
export interface ObjectSummary {
  key: string
  url: string
  bytes: number
  crc64: string
  etag: string
  contentType: string
  storageClass: string
  /** Lower-case x-cos-meta-* headers. */
  custom: Record<string, string>
  tags: Record<string, string>
  encryption?: Encryption
  lastModified: string
}

export interface UploadSummary {
  key: string
  uploadId: string
  initiated: string
  parts: { partNumber: number; bytes: number; etag: string }[]
}

/** HTTP server beside COS, on a port of its own so that it answers during an outage. `control-client.ts` is its typed client. */
export async function startControl(world: CosWorld, address: string, port: number, advertise: string) {
  const { storage, uploads, faults, log } = world
  const server = fastify({ forceCloseConnections: true })
  server.setErrorHandler((error: Error, _request, reply) => {
    const status = error instanceof CosError ? error.status : error instanceof z.ZodError ? 400 : 500
    return reply.code(status).send({ error: error.message })
  })

  server.get('/buckets', () => storage.buckets)
  server.put<{ Params: { bucket: string } }>('/buckets/:bucket', async ({ params }) => {
    if (!storage.hasBucket(params.bucket)) await storage.createBucket(params.bucket)
    return {}
  })
  server.delete<{ Params: { bucket: string } }>('/buckets/:bucket', async ({ params }) => {
    await storage.deleteBucket(params.bucket, true)
    return {}
  })
  server.get('/objects', ({ query }): ObjectSummary[] => {
    const { bucket, prefix } = listQuery.parse(query)
    const objects = storage.list(bucket).filter(({ key }) => key.startsWith(prefix))
    return objects.map(({ bucket: _, bodies: __, encryption, ...object }) => ({
      ...object,
      ...(encryption === undefined ? {} : { encryption }),
      url: `${world.endpoint.replace('://', `://${bucket}.`)}/${object.key.split('/').map(encodeURIComponent).join('/')}`,
    }))
  })
  server.get('/object', ({ query }, reply) => {
    const { bucket, key } = objectQuery.parse(query)
    const { bodies, bytes, contentType } = storage.get(bucket, key)
    const content = Readable.from(bytesOf(bodies, 0, bytes - 1))
    return reply.header('content-length', bytes).type(contentType).send(content)
  })
  server.delete('/object', async ({ query }) => {
    const { bucket, key } = objectQuery.parse(query)
    await storage.delete(bucket, key)
    return {}
  })
  server.get('/uploads', ({ query }): UploadSummary[] => {
    const { bucket, prefix } = listQuery.parse(query)
    const mine = uploads.list(bucket).filter(({ key }) => key.startsWith(prefix))
    return mine.map(({ key, uploadId, initiated, parts, metadata }) => ({
      ...{ key, uploadId, initiated },
      parts: Object.entries(parts).map(([number, { body }]) => ({
        ...{ partNumber: Number(number), bytes: body.bytes, etag: `"${etagOf(body.md5, metadata)}"` },
      })),
    }))
  })
  server.delete('/uploads', async ({ query }) => {
    const { bucket, prefix } = listQuery.parse(query)
    for (const upload of uploads.list(bucket)) if (upload.key.startsWith(prefix)) await uploads.abort(upload)
    return {}
  })
  server.post('/faults', ({ body }) => {
    faults.add(faultSchema.parse(body))
    return {}
  })
  server.delete('/faults', ({ query }) => {
    faults.clear(z.object({ bucket: z.string().optional() }).parse(query).bucket)
    return {}
  })
  server.put('/outage', async ({ body }) => {
    const { on } = z.object({ on: z.boolean() }).parse(body)
    await (on ? world.port.close() : world.port.open())
    return {}
  })
  server.put('/clock', ({ body }) => {
    world.clockOffsetMillis = z.object({ offsetMillis: z.number() }).parse(body).offsetMillis
    return {}
  })
  server.post('/tokens', ({ body }): TemporaryKeys => {
    const { expiresInSeconds } = tokenSchema.parse(body)
    return issueKeys(world.accounts, Date.now() + expiresInSeconds * 1000)
  })
  server.post('/tokens/expire', () => {
    // Long-term keys have no token and no end.
    for (const account of world.accounts.values()) if (account.token !== undefined) account.expiresAt = Date.now()
    return {}
  })
  server.put('/roles', ({ body }) => {
    world.roles.change(rolesSchema.parse(body))
    return {}
  })
  server.get('/roles', () => ({ url: world.roles.url, issued: world.roles.issued() }))
  server.post('/roles/token', ({ body }) => ({
    token: world.roles.webIdentityToken(tokenSchema.parse(body).expiresInSeconds),
  }))
  server.post('/requests', ({ body }) => {
    const { filter, count, timeoutMillis } = waitSchema.parse(body)
    return log.waitFor(filter, count, timeoutMillis)
  })
  server.delete('/requests', () => {
    log.clear()
    return {}
  })

  await server.listen({ host: address, port })
  const { port: actual } = server.server.address() as AddressInfo
  return { url: `http://${advertise}:${actual}`, close: () => server.close() }
}
