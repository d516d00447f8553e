import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { receive } from './body.ts'
import { CosError } from './errors.ts'
import { corrupted, type FaultKind, throttled } from './faults.ts'
import { type CosAnswer, handlers } from './handlers.ts'
import { metadataOf } from './object-headers.ts'
import { type CosTarget, targetOf } from './operation.ts'
import { verifySignature } from './signature.ts'
import type { CosWorld } from './world.ts'
import { xmlDocument } from './xml.ts'

/** What becomes of a request: an answer, a connection that breaks, or nothing at all. */
type Outcome = { kind: 'answer'; answer: CosAnswer; code?: string } | { kind: 'reset' } | { kind: 'silence' }

/** One request: fault, authenticity, bucket, operation, log, answer. */
export async function serve(world: CosWorld, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const requestId = randomBytes(21).toString('base64')
  const now = Date.now() + world.clockOffsetMillis
  const arrived: Arrived = { target: undefined, fault: undefined, bytes: 0 }
  let outcome: Outcome
  try {
    outcome = await handle(world, request, now, arrived)
  } catch (error) {
    // Anything but a CosError is a connection that broke, or a defect here: the client sees a reset either way.
    outcome = error instanceof CosError ? refusal(error, request, requestId) : { kind: 'reset' }
    if (outcome.kind === 'reset' && !request.destroyed) process.stderr.write(`COS stand-in failed: ${String(error)}\n`)
  }
  record(world, request, arrived, outcome, requestId, now)
  if (outcome.kind === 'reset') reset(request.socket)
  if (outcome.kind === 'answer') await send(response, outcome.answer, requestId, now)
}

interface Arrived {
  target: CosTarget | undefined
  fault: FaultKind | undefined
  bytes: number
}

async function handle(world: CosWorld, request: IncomingMessage, now: number, arrived: Arrived): Promise<Outcome> {
  const { method = '', url = '/' } = request
  const host = request.headers.host ?? ''
  const headers = request.headers as Record<string, string | undefined>
  const target = targetOf(method, url, host)
  const fault = world.faults.take(target)
  Object.assign(arrived, { target, fault })
  if (fault?.kind === 'error') throw new CosError(fault.code, fault.message, fault.status)
  if (fault?.kind === 'reset') {
    await request[Symbol.asyncIterator]().next()
    return { kind: 'reset' }
  }
  if (fault?.kind === 'silence') {
    request.resume()
    return { kind: 'silence' }
  }
  verifySignature({ method, path: target.path, query: target.query, headers }, world.accounts, now)
  if (target.operation !== 'PutBucket' && !world.storage.hasBucket(target.bucket)) throw new CosError('NoSuchBucket')
  if (fault?.kind === 'slow' && fault.delayMillis) await sleep(fault.delayMillis)
  if (fault?.kind === 'errorIn200') return { kind: 'answer', answer: errorIn200(fault.code), code: fault.code }
  const body = withFault(counted(request, arrived), fault)
  const answer = await handlers[target.operation]({ ...target, host, headers, body }, world)
  if (fault?.kind === 'lostAnswer') return { kind: 'reset' }
  if (fault?.kind === 'overwritten') await overwrite(world, target)
  return { kind: 'answer', answer: answerWithFault(answer, fault) }
}

function answerWithFault(answer: CosAnswer, fault: FaultKind | undefined): CosAnswer {
  switch (fault?.kind) {
    case 'wrongChecksum':
      return withWrongChecksum(answer)
    case 'wrongTag':
      return { ...answer, headers: { ...answer.headers, ETag: '"00000000000000000000000000000000"' } }
    case 'garbage':
      return { status: 200, headers: { 'Content-Type': 'text/html' }, body: '<html><body>Log in, please</body></html>' }
    case 'slow':
      return slowly(answer, fault.bytesPerSecond)
    case 'emptyList':
      return withBody(answer, (body) => body.replaceAll(/<Part>.*?<\/Part>/gs, ''))
    case 'endlessList':
      return withBody(answer, endless)
    default:
      return answer
  }
}

function slowly(answer: CosAnswer, bytesPerSecond: number | undefined): CosAnswer {
  const { body } = answer
  if (bytesPerSecond === undefined || body === undefined || typeof body === 'string') return answer
  return { ...answer, body: Readable.from(throttled(body, bytesPerSecond)) }
}

const withBody = (answer: CosAnswer, change: (body: string) => string): CosAnswer =>
  typeof answer.body === 'string' ? { ...answer, body: change(answer.body) } : answer

/** It goes on where it began. */
const endless = (body: string) =>
  body
    .replace(/<IsTruncated>false</, '<IsTruncated>true<')
    .replace(/<PartNumberMarker>(\d+)<\/PartNumberMarker>/, '$&<NextPartNumberMarker>$1</NextPartNumberMarker>')
    .replace(/<KeyMarker>(.*?)<\/KeyMarker>/, '$&<NextKeyMarker>$1</NextKeyMarker>')

const errorIn200 = (code: string): CosAnswer => ({
  status: 200,
  headers: { 'Content-Type': 'application/xml' },
  body: xmlDocument('Error', { Code: code, Message: code, Resource: '', RequestId: '', TraceId: '' }),
})

async function overwrite(world: CosWorld, { bucket, key }: CosTarget): Promise<void> {
  const body = await receive(join(world.storage.dir, bucket, 'objects'), Readable.from([Buffer.from('of somebody else')]))
  await world.storage.put(bucket, key, [body], `"${body.md5}"`, metadataOf({}))
}

async function* counted(source: AsyncIterable<Uint8Array>, arrived: Arrived): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    arrived.bytes += chunk.length
    yield chunk
  }
}

function withFault(body: AsyncIterable<Uint8Array>, fault: FaultKind | undefined): AsyncIterable<Uint8Array> {
  if (fault?.kind === 'corrupt') return corrupted(body)
  if (fault?.kind === 'slow' && fault.bytesPerSecond) return throttled(body, fault.bytesPerSecond)
  return body
}

function withWrongChecksum(answer: CosAnswer): CosAnswer {
  const crc64 = answer.headers?.['x-cos-hash-crc64ecma']
  if (crc64 === undefined) return answer
  return { ...answer, headers: { ...answer.headers, 'x-cos-hash-crc64ecma': String(BigInt(crc64) ^ 1n) } }
}

function refusal(error: CosError, request: IncomingMessage, requestId: string): Outcome {
  const { method, url = '/', headers } = request
  const Resource = `${headers.host ?? ''}${url.split('?')[0]}`
  const tree = { Code: error.code, Message: error.message, Resource, RequestId: requestId, TraceId: '' }
  const body = method === 'HEAD' ? {} : { body: xmlDocument('Error', tree) }
  return {
    kind: 'answer',
    answer: { status: error.status, headers: { 'Content-Type': 'application/xml' }, ...body },
    code: error.code,
  }
}

function record(
  world: CosWorld,
  request: IncomingMessage,
  { target, fault, bytes }: Arrived,
  outcome: Outcome,
  requestId: string,
  now: number,
): void {
  const partNumber = target?.query.get('partNumber')
  const uploadId = target?.query.get('uploadId')
  world.log.add({
    time: new Date(now).toISOString(),
    requestId,
    method: request.method ?? '',
    bucket: target?.bucket ?? '',
    key: target?.key ?? '',
    bytes,
    status: outcome.kind === 'answer' ? outcome.answer.status : 0,
    ...(target ? { operation: target.operation } : {}),
    ...(partNumber ? { partNumber: Number(partNumber) } : {}),
    ...(uploadId ? { uploadId } : {}),
    ...(outcome.kind === 'answer' && outcome.code ? { code: outcome.code } : {}),
    ...(fault ? { fault: fault.kind } : {}),
  })
}

async function send(response: ServerResponse, answer: CosAnswer, requestId: string, now: number): Promise<void> {
  const { body } = answer
  response.writeHead(answer.status, {
    ...(typeof body === 'string' ? { 'Content-Length': Buffer.byteLength(body) } : {}),
    ...(body === undefined && answer.status !== 204 ? { 'Content-Length': 0 } : {}),
    Date: new Date(now).toUTCString(),
    Server: 'tencent-cos',
    'x-cos-request-id': requestId,
    ...answer.headers,
  })
  if (body === undefined || typeof body === 'string') response.end(body)
  // A client that leaves in the middle of a download is no concern of ours.
  else await pipeline(body, response).catch(() => undefined)
}

function reset(socket: Socket): void {
  if (!socket.destroyed) socket.resetAndDestroy()
}
