import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Caller } from '../callers/caller.ts'
import { bodyOf, type Gateway, header, within } from '../http/call.ts'
import { readJson } from '../http/json.ts'
import { refusedScfAction, type ScfAction, scfAction, scfActions } from '../scf/actions.ts'
import { createCloudRecording } from '../trtc/create.ts'
import { type Action, actions } from '../trtc/fields.ts'
import { deleteCloudRecording, describeCloudRecording, modifyCloudRecording } from '../trtc/tasks.ts'
import { asTencentError, type ServiceCodes, scfCodes, TencentError, trtcCodes } from './codes.ts'
import { readAuthorization, verify } from './tc3.ts'

/** Tencent Cloud’s API as its SDKs call it: always HTTP 200, `application/json` exactly, a RequestId in every answer. */
export async function answerAction(gateway: Gateway, request: FastifyRequest, reply: FastifyReply) {
  const codes = header(request, 'x-tc-version') === versions.scf ? scfCodes : trtcCodes
  const response = await act(gateway, request, codes).catch((error) => {
    const told = asTencentError(error, codes)
    request.audit.code = told.code
    if (told.code.startsWith('InternalError'))
      gateway.log.error({ requestId: request.id, err: error.cause ?? error }, 'Request failed')
    return { Error: { Code: told.code, Message: told.message } }
  })
  return sendResponse(request, reply, response)
}

/** With a charset, Python’s SDK would take an error for an answer; bytes keep Fastify from adding one. */
export function sendResponse(request: FastifyRequest, reply: FastifyReply, response: object) {
  const text = JSON.stringify({ Response: { ...response, RequestId: request.id } })
  return reply.code(200).header('content-type', 'application/json').send(Buffer.from(text, 'utf8'))
}

const versions = { trtc: '2019-07-22', scf: '2018-04-16' }

async function act(gateway: Gateway, request: FastifyRequest, codes: ServiceCodes): Promise<object> {
  const action = header(request, 'x-tc-action') ?? ''
  const known = knownAction(action, header(request, 'x-tc-version') ?? '')
  // Only words that are known go to the log and the metrics.
  request.audit.action = known.action
  const caller = signer(gateway, request)
  within(gateway.rates, caller)
  const body = readJson(bodyOf(request))
  const response =
    known.service === 'trtc'
      ? await trtc(gateway, caller, known.action, body)
      : await scf(gateway, caller, known.action, body, request.id)
  if (codes === trtcCodes && 'TaskId' in response) request.audit.about = String(response.TaskId)
  return response
}

const scf = (gateway: Gateway, caller: Caller, action: ScfAction, body: unknown, newId: string) =>
  scfAction(gateway, caller, action, body, newId)

function trtc(gateway: Gateway, caller: Caller, action: Action, body: unknown): Promise<object> {
  switch (action) {
    case 'CreateCloudRecording':
      return createCloudRecording(gateway, caller, body)
    case 'DescribeCloudRecording':
      return describeCloudRecording(gateway, caller, body)
    case 'ModifyCloudRecording':
      return modifyCloudRecording(gateway, caller, body)
    case 'DeleteCloudRecording':
      return deleteCloudRecording(gateway, caller, body)
  }
}

type Known = { service: 'trtc'; action: Action } | { service: 'scf'; action: ScfAction }

function knownAction(action: string, version: string): Known {
  switch (version) {
    case versions.trtc: {
      const found = actions.find((name) => name === action)
      if (found !== undefined) return { service: 'trtc', action: found }
      throw new TencentError(
        'InvalidAction',
        `X-TC-Action: only ${actions.join(', ')} are answered here; send the others to trtc.tencentcloudapi.com`,
      )
    }
    case versions.scf: {
      const found = scfActions.find((name) => name === action)
      if (found !== undefined) return { service: 'scf', action: found }
      throw (
        refusedScfAction(action) ??
        new TencentError(
          'InvalidAction',
          `X-TC-Action: only ${scfActions.join(', ')} are answered here; send the others to scf.tencentcloudapi.com`,
        )
      )
    }
    default:
      throw new TencentError('NoSuchVersion', `X-TC-Version: must be ${versions.trtc} (TRTC) or ${versions.scf} (SCF)`)
  }
}

/** The key that is said to have signed, by the request's head alone. */
function claimedKey(gateway: Gateway, request: FastifyRequest) {
  const authorization = readAuthorization(header(request, 'authorization'))
  if (authorization === undefined) {
    throw new TencentError(
      'AuthFailure.InvalidAuthorization',
      'Authorization: must be TC3-HMAC-SHA256 with Credential, SignedHeaders and Signature',
    )
  }
  if (header(request, 'x-tc-token') !== undefined) {
    throw new TencentError('AuthFailure.TokenFailure', 'X-TC-Token: the keys are the gateway’s, which has no temporary ones')
  }
  const pair = gateway.callers().keyPair(authorization.secretId)
  if (pair === undefined)
    throw new TencentError(
      'AuthFailure.SecretIdNotFound',
      'The SecretId is not known here. It is the gateway’s, not Tencent Cloud’s',
    )
  return { authorization, pair }
}

/** Whether a body is worth reading: the head names a key that there is. */
export function isKeyKnown(gateway: Gateway, request: FastifyRequest): boolean {
  try {
    claimedKey(gateway, request)
    return true
  } catch {
    return false
  }
}

/** Whose key signed the request. */
function signer(gateway: Gateway, request: FastifyRequest): Caller {
  const { authorization, pair } = claimedKey(gateway, request)
  const [path = '/', query = ''] = request.url.split(/\?(.*)/s)
  const signed = { method: request.method, path, query, header: (name: string) => header(request, name), body: bodyOf(request) }
  const verdict = verify(signed, authorization, pair.secretKey, gateway.now())
  if (verdict.is === 'invalid') throw new TencentError(verdict.code, verdict.message)
  Object.assign(request.audit, { caller: pair.caller.name, credential: 'TC3' })
  return pair.caller
}

/** Calls that are not signed as version 3: by GET, or with the parameters in a form. */
export function refuseOldCall(request: FastifyRequest, reply: FastifyReply) {
  Object.assign(request.audit, { action: 'Old', code: 'AuthFailure.InvalidAuthorization' })
  const Message =
    'Only POST with signature version 3 (TC3-HMAC-SHA256) is taken: leave signMethod and reqMethod of the SDK as they are'
  return sendResponse(request, reply, { Error: { Code: 'AuthFailure.InvalidAuthorization', Message } })
}

export const isForm = (request: FastifyRequest): boolean =>
  header(request, 'content-type')?.startsWith('application/x-www-form-urlencoded') === true

/** Signature version 1 has its parameters in a form, SignatureMethod among them. */
export function isOldCall(request: FastifyRequest): boolean {
  return isForm(request) && /(^|&)Action=/.test(bodyOf(request).toString('latin1', 0, 4096))
}
