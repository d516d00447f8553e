import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { idempotencyHeader } from '@trtc-recorder/api'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { authenticate } from '../callers/authenticate.ts'
import type { Caller } from '../callers/caller.ts'
import { invalid, RefusedRequest, refusals } from '../errors.ts'
import { heardApplication, receiveEvent } from '../events/receive.ts'
import { openApi } from '../openapi.ts'
import { isRequestId, newRequestId } from '../recordings/names.ts'
import { listStates, logOf, stateOf, terminate } from '../rest/requests.ts'
import { startTemplate, submitted } from '../rest/start.ts'
import { answerAction, isForm, isKeyKnown, isOldCall, refuseOldCall, sendResponse } from '../tencent/actions.ts'
import { asTencentError, trtcCodes } from '../tencent/codes.ts'
import { bodyOf, type Gateway, header, within } from './call.ts'
import { readJson } from './json.ts'
import { readListing } from './query.ts'

export interface ServerLimits {
  /** Of a body. An asynchronous event of SCF has 128 KB. */
  bodyBytes: number
  /** Until a request's head is there. */
  headersMillis: number
  /** Until all of a request is there. */
  requestMillis: number
  keepAliveMillis: number
  /** In which nothing moves on a connection although something should, such as an answer that nobody reads. */
  stillMillis: number
  /** Of all bodies that are being read: each is held in memory until it is whole. */
  bodyBytesAtOnce: number
}

export const serverLimits: ServerLimits = {
  bodyBytes: 131_072,
  headersMillis: 10_000,
  requestMillis: 20_000,
  keepAliveMillis: 65_000,
  // The API server is given up after 30.
  stillMillis: 60_000,
  bodyBytesAtOnce: 32 * 1024 * 1024,
}

/** Where TRTC’s callbacks come. */
export const eventsPath = '/v1/events'

/** The gateway's one port. `trustedProxies`: whose X-Forwarded-For is believed. `isStopping`: answers ask to close the connection, so that clients go to another replica. */
export function createServer(
  gateway: Gateway,
  {
    limits = serverLimits,
    trustedProxies = [],
    isStopping = () => false,
  }: { limits?: ServerLimits; trustedProxies?: readonly string[]; isStopping?: () => boolean } = {},
): FastifyInstance {
  const server = Fastify({
    bodyLimit: limits.bodyBytes,
    trustProxy: trustedProxies.length > 0 && [...trustedProxies],
    requestTimeout: limits.requestMillis,
    connectionTimeout: limits.stillMillis,
    keepAliveTimeout: limits.keepAliveMillis,
    http: { headersTimeout: limits.headersMillis, connectionsCheckingInterval: 1000, maxHeaderSize: 16_384 },
    genReqId: newRequestId,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 256 },
    return503OnClosing: false,
    exposeHeadRoutes: false,
    frameworkErrors: (error, request, reply) => {
      request.audit = {}
      // No hook is called for what has no route.
      reply.raw.once('finish', () => audit(gateway, request, reply))
      refuse(gateway, error, request, reply)
    },
    clientErrorHandler: (error, socket) => refuseUnparsed(gateway, error, socket),
  })
  // Whoever signs, signs bytes; and what is wrong with JSON is told in our words.
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => done(packed(request), body))
  server.decorateRequest('audit', null as never)
  server.addHook('onRequest', async (request, reply) => {
    request.audit = {}
    if (isStopping()) reply.header('connection', 'close')
  })
  server.addHook('onRequest', async (request, reply) => refuseUnread(gateway, request, reply))
  limitBodies(server, limits)
  server.addHook('onResponse', async (request, reply) => audit(gateway, request, reply))
  server.setErrorHandler((error, request, reply) => refuse(gateway, error, request, reply))
  server.setNotFoundHandler((request, reply) => refuse(gateway, noSuchPath(), request, reply))
  addRequests(server, gateway)
  addTemplate(server, gateway)
  return server
}

/** A request is let in while there is memory for its body; one that does not say how long it is may be as long as any. */
function limitBodies(server: FastifyInstance, { bodyBytes, bodyBytesAtOnce }: ServerLimits): void {
  let held = 0
  server.addHook('onRequest', async (request, reply) => {
    const announced =
      header(request, 'transfer-encoding') === undefined ? Number(header(request, 'content-length') ?? 0) : bodyBytes
    const bytes = Math.min(announced, bodyBytes)
    if (held + bytes > bodyBytesAtOnce) {
      throw new RefusedRequest('Unavailable', 'Too much is being sent at once. Try again', { retryAfterSeconds: 1 })
    }
    held += bytes
    let isHeld = true
    const release = () => {
      if (isHeld) held -= bytes
      isHeld = false
    }
    // It is whole, was given up, or was answered: what comes then is not kept.
    request.raw.once('end', release).once('close', release)
    reply.raw.once('finish', release).once('close', release)
  })
}

/** The template's path is whatever the caller's URL has: `/`, `/release/<function>` … Tencent's SDKs name an action in a header. */
const anyPath = '/*'

function addTemplate(server: FastifyInstance, gateway: Gateway): void {
  server.post(anyPath, async (request, reply) => {
    if (header(request, 'x-tc-action') !== undefined) return answerAction(gateway, request, reply)
    if (isOldCall(request)) return refuseOldCall(request, reply)
    return start(gateway, request, reply)
  })
  server.get('/', async (request, reply) => {
    const isCall = header(request, 'x-tc-action') !== undefined || /[?&]Action=/.test(request.url)
    if (!isCall) throw noSuchPath()
    return refuseOldCall(request, reply)
  })
}

/** Of whom the head says already that they may not call, no body is read: it would be held in memory until it is whole. */
async function refuseUnread(gateway: Gateway, request: FastifyRequest, reply: FastifyReply) {
  const { url } = request.routeOptions
  if (request.method !== 'POST' || url === undefined) return
  if (gateway.events !== undefined && url === eventsPath) {
    heardApplication(gateway.events, request)
    return
  }
  if (url === anyPath && header(request, 'x-tc-action') !== undefined)
    return isKeyKnown(gateway, request) ? undefined : answerAction(gateway, request, reply)
  // However its slashes and letters are written, it is no path of the template.
  if (url === anyPath && /^\/v1(\/|%2f)/i.test(request.url)) throw noSuchPath()
  if (url === anyPath && isSmallForm(request)) return
  const found = await authenticate(header(request, 'authorization'), gateway.callers(), gateway.review && notYet)
  if (found.is === 'refused') throw new RefusedRequest('Unauthenticated', found.message)
}

/** A token is judged when all is there. */
const notYet = () => Promise.reject(new Error('not asked yet'))

/** Signature version 1 stands in the body. */
const isSmallForm = (request: FastifyRequest) => isForm(request) && Number(header(request, 'content-length')) <= 16_384

async function start(gateway: Gateway, request: FastifyRequest, reply: FastifyReply) {
  request.audit.action = 'Start'
  const caller = await known(gateway, request)
  const requestId = await startTemplate(gateway, caller, {
    body: readJson(bodyOf(request)),
    idempotencyKey: onlyKey(request),
    newId: request.id,
  })
  request.audit.about = requestId
  return reply.headers({ 'x-scf-reqid': requestId, 'x-scf-request-id': requestId }).type('text/plain').send(submitted)
}

/** Of two keys nobody can say which is meant. */
function onlyKey(request: FastifyRequest): string | undefined {
  const name = idempotencyHeader.toLowerCase()
  const times = request.raw.rawHeaders.filter((text, at) => at % 2 === 0 && text.toLowerCase() === name).length
  if (times > 1) throw invalid([{ field: idempotencyHeader, kind: 'range', message: 'is given twice' }])
  return header(request, name)
}

/** Bodies are taken as they are; what is packed would be no JSON, or worse, would be. */
function packed(request: FastifyRequest): RefusedRequest | null {
  const encoding = header(request, 'content-encoding') ?? 'identity'
  if (encoding === 'identity') return null
  return invalid([{ field: 'Content-Encoding', kind: 'unsupported', message: 'bodies are taken unpacked only' }])
}

function addRequests(server: FastifyInstance, gateway: Gateway): void {
  // It says what there is and nothing of anybody, so anybody may read it.
  server.get('/openapi.json', (_, reply) => reply.type('application/json').send(openApiDocument()))
  type OfRequest = { Params: { requestId: string } }
  const about = (request: FastifyRequest<OfRequest>, action: string) => {
    const { requestId } = request.params
    // A path may hold anything.
    Object.assign(request.audit, { action, ...(isRequestId(requestId) ? { about: requestId } : {}) })
    return requestId
  }
  const { events } = gateway
  if (events !== undefined) server.post(eventsPath, (request, reply) => receiveEvent(gateway, events, request, reply))
  server.post('/v1/requests', (request, reply) => start(gateway, request, reply))
  server.get('/v1/requests', async (request) => {
    request.audit.action = 'List'
    const caller = await known(gateway, request)
    return listStates(gateway, caller, readListing(request.query))
  })
  server.get<OfRequest>('/v1/requests/:requestId', async (request) => {
    const requestId = about(request, 'State')
    return stateOf(gateway, await known(gateway, request), requestId)
  })
  server.get<OfRequest>('/v1/requests/:requestId/logs', async (request, reply) => {
    const requestId = about(request, 'Logs')
    return reply.type('text/plain').send(await logOf(gateway, await known(gateway, request), requestId))
  })
  server.post<OfRequest>('/v1/requests/:requestId/terminate', async (request, reply) => {
    const requestId = about(request, 'Terminate')
    await terminate(gateway, await known(gateway, request), requestId)
    return reply.code(202).send({ requestId })
  })
}

let document: Buffer | undefined
/** Made when it is first asked for. */
function openApiDocument(): Buffer {
  document ??= Buffer.from(JSON.stringify(openApi()))
  return document
}

/** Who calls, within the caller's rate. */
async function known(gateway: Gateway, request: FastifyRequest): Promise<Caller> {
  const found = await authenticate(header(request, 'authorization'), gateway.callers(), gateway.review)
  switch (found.is) {
    case 'known':
      Object.assign(request.audit, { caller: found.caller.name, credential: found.by })
      within(gateway.rates, found.caller)
      return found.caller
    case 'refused':
      throw new RefusedRequest('Unauthenticated', found.message)
    case 'unknown':
      throw new RefusedRequest('Unavailable', found.message, { retryAfterSeconds: 1 })
  }
}

const noSuchPath = () => new RefusedRequest('NotFound', 'There is no such path. GET /openapi.json says what there is')

function refuse(gateway: Gateway, error: unknown, request: FastifyRequest, reply: FastifyReply) {
  const refused = asRefused(error)
  // What went wrong before an action was looked at, such as a body that is too large.
  if (header(request, 'x-tc-action') !== undefined && request.routeOptions.url === anyPath) {
    const { code, message } = asTencentError(refused, trtcCodes)
    request.audit.code = code
    return sendResponse(request, reply, { Error: { Code: code, Message: message } })
  }
  const { refusal, retryAfterSeconds } = refused
  request.audit.code = refusal
  const { status } = refusals[refusal]
  if (status >= 500) gateway.log.error({ requestId: request.id, err: refused.cause ?? error }, 'Request failed')
  if (status === 401) reply.header('www-authenticate', 'Bearer, Basic realm="trtc-recorder"')
  if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds))
  return reply.code(status).type('application/json').send(refusalBody(refused, request.id))
}

/** What could not be read as a request has no hooks and no reply; it is answered and logged all the same. */
function refuseUnparsed({ log, metrics }: Gateway, { code }: { code?: string }, socket: Socket): void {
  // Nobody is there any more.
  if (code === 'ECONNRESET' || socket.destroyed || !socket.writable) return
  const { refusal, message, problems } = unparsed(code)
  const [{ status }, requestId] = [refusals[refusal], newRequestId()]
  const body = Buffer.from(JSON.stringify(refusalBody({ refusal, message, problems }, requestId)))
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    ...['content-type: application/json', `content-length: ${body.length}`, 'connection: close'],
  ]
  socket.end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]), () => socket.destroy())
  metrics.answered({ action: 'None', code: refusal, seconds: 0 })
  log.info({ requestId, code: refusal, status, from: socket.remoteAddress }, 'Request answered')
}

function unparsed(code: string | undefined): RefusedRequest {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new RefusedRequest('TooSlow', 'The request was not there in time')
    case 'HPE_HEADER_OVERFLOW':
      return new RefusedRequest('HeadTooLarge', 'The head of the request is larger than 16 KB')
    default:
      return notHttp()
  }
}

const notHttp = () => invalid([{ field: 'request', kind: 'type', message: 'could not be read as HTTP' }])

const refusalBody = (
  { refusal, message, problems }: Pick<RefusedRequest, 'refusal' | 'message' | 'problems'>,
  requestId: string,
) => ({
  ...{ code: refusal, message },
  ...{ fields: problems.map(({ field, message }) => ({ field, message })), requestId },
})

export function asRefused(error: unknown): RefusedRequest {
  if (error instanceof RefusedRequest) return error
  const { code, statusCode } = error as { code?: string; statusCode?: number }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new RefusedRequest('TooLarge', 'The body is larger than 128 KB')
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return notHttp()
  }
  return new RefusedRequest('InternalError', 'The gateway failed. Its log has the request id', { cause: error })
}

/** One line a request. The route is the pattern, not the path: a path may hold anything. */
function audit({ log, metrics }: Gateway, request: FastifyRequest, reply: FastifyReply): void {
  const { action = 'None', code = 'OK' } = request.audit
  metrics.answered({ action, code, seconds: reply.elapsedTime / 1000 })
  log.info(
    {
      requestId: request.id,
      ...request.audit,
      method: request.method,
      route: request.routeOptions.url ?? '',
      status: reply.statusCode,
      millis: Math.round(reply.elapsedTime),
      from: request.ip,
    },
    'Request answered',
  )
}
