import { sdkAppIdHeader, signatureHeader } from '@trtc-recorder/api'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { RefusedRequest } from '../errors.ts'
import { bodyOf, type Gateway, header } from '../http/call.ts'
import { readJson } from '../http/json.ts'
import { type Application, isSigned } from './applications.ts'
import { readEvent } from './event.ts'
import { type Events, type Heeded, heed } from './heed.ts'

/** What TRTC is answered. It waits five seconds, and tells again for a minute what was not answered with 200. */
export const heard = { code: 0 }

/** A callback of TRTC: signed, or refused before a byte of it is read. */
export async function receiveEvent(gateway: Gateway, events: Events, request: FastifyRequest, reply: FastifyReply) {
  const { audit } = request
  const application = signedBy(events, request)
  audit.application = application.sdkAppId
  withinRate(gateway, application)
  const event = readEvent(readJson(bodyOf(request)))
  audit.event = event.name
  const heeded: Heeded[] =
    event.is === 'ignored' ? [{ outcome: 'Ignored' }] : await heed({ ...gateway, events }, application, event)
  const recordings = heeded.flatMap(({ recording }) => recording ?? [])
  Object.assign(audit, { outcomes: heeded.map(({ outcome }) => outcome), ...(recordings.length > 0 ? { recordings } : {}) })
  for (const { outcome } of heeded) gateway.metrics.heard({ event: event.name, outcome })
  return reply.type('application/json').send(heard)
}

/** The application that the head says it is of. */
export function heardApplication(events: Events, request: FastifyRequest): Application {
  request.audit.action = 'Event'
  const application = events.applications().get(header(request, sdkAppIdHeader.toLowerCase()) ?? '')
  if (application === undefined) throw notSigned()
  return application
}

function signedBy(events: Events, request: FastifyRequest): Application {
  const application = heardApplication(events, request)
  const sign = header(request, signatureHeader.toLowerCase()) ?? ''
  if (!isSigned(application, bodyOf(request), sign)) throw notSigned()
  return application
}

const notSigned = () =>
  new RefusedRequest(
    'Unauthenticated',
    `${sdkAppIdHeader}, ${signatureHeader}: the callback is not signed with a key that the gateway has of this application`,
  )

function withinRate({ rates }: Gateway, { sdkAppId, limits }: Application): void {
  const retryAfterSeconds = rates.take({ name: `application ${sdkAppId}`, limits })
  if (retryAfterSeconds === 0) return
  throw new RefusedRequest('TooManyRequests', `More than ${limits.requestsPerSecond} events a second`, { retryAfterSeconds })
}
