import { apiVersion, group, kind, type Recording, withoutIdleFields } from '@trtc-recorder/api'
import {
  ApiError,
  ConnectionError,
  isAlreadyExists,
  isForbiddenByQuota,
  isInvalid,
  isNotFound,
  type KubeClient,
  type New,
  resources,
  type Secret,
} from '@trtc-recorder/kube'
import type { Caller, Grant } from '../callers/caller.ts'
import { type FieldProblem, invalid, RefusedRequest } from '../errors.ts'
import { type Contract, fingerprintAnnotation, isOf, labelsOf, recordingName } from './names.ts'
import { merged, type SpecInput, specProblems } from './spec.ts'

/** A request that was understood: what to record, and the secrets that came with it. */
export interface Start {
  requestId: string
  contract: Contract
  caller: Caller
  grant: Grant
  /** What the request says of the spec, without references to Secrets. */
  spec: SpecInput
  /** Of what the request says, but for its secrets; see `fingerprint`. */
  fingerprint: string
  secrets: { userSig: string; cos: { secretId: string; secretKey: string } | undefined }
  labels?: Record<string, string>
  annotations?: Record<string, string>
  /** The caller's own word for a field of the spec (`cos.bucket`); undefined for one that the request does not say. */
  fieldOf(path: string): string | undefined
  /** Kept for this long after it is over. */
  keepSeconds: number
  /** Asked before something new is made; throws where the caller has enough. */
  admit(): Promise<void>
}

/** `found`: a request with this id had been carried out before. */
export type Started = { is: 'made' | 'found'; recording: Recording }

/**
 * Makes the Recording, then the Secret that it names, owned by it: a Secret that nobody owns never is. A Recording that got no Secret is
 * deleted again. Where the gateway ends between the two, the Recording says that its Secret is missing, and the same request with the same
 * Idempotency-Key makes it.
 */
export async function startRecording(client: KubeClient, start: Start): Promise<Started> {
  const wanted = newRecording(start)
  const problems = specProblems(wanted.spec)
  if (problems.length > 0) throw invalid(inCallersWords(problems, start))
  const started = (await foundInsteadOfQuota(client, start)) ?? (await createOnce(client, start, wanted))
  if (goesWithoutTrace(started.recording)) {
    const why = 'An earlier try with this Idempotency-Key is being taken back. Nothing was started; try again'
    throw new RefusedRequest('Unavailable', why, { retryAfterSeconds: 1 })
  }
  await giveSecret(client, start, started)
  return started
}

/** It is deleted, and was never in its room: nobody may be told that it records. */
const goesWithoutTrace = ({ metadata, status }: Recording) =>
  metadata.deletionTimestamp !== undefined && status?.startTime === undefined

/** Who has all that they may have can still ask again for what they have. */
async function foundInsteadOfQuota(client: KubeClient, start: Start): Promise<Started | undefined> {
  try {
    await start.admit()
    return undefined
  } catch (error) {
    const recording = error instanceof RefusedRequest && error.refusal === 'QuotaExceeded' && (await existing(client, start))
    if (!recording) throw error
    return { is: 'found', recording }
  }
}

type NewRecording = Omit<New<Recording>, 'spec'> & { metadata: { name: string; namespace: string }; spec: SpecInput }

function newRecording({
  requestId,
  contract,
  caller,
  grant,
  spec,
  secrets,
  keepSeconds,
  fingerprint: digest,
  ...more
}: Start): NewRecording {
  const name = recordingName(requestId)
  const said = merged(spec, {
    userSigSecretRef: { name },
    ...(secrets.cos === undefined ? {} : { cos: { credentialsSecretRef: { name } } }),
    ttlSecondsAfterFinished: keepSeconds,
  })
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      namespace: grant.namespace,
      labels: { ...labelsOf(caller.name, contract), ...more.labels },
      annotations: { [fingerprintAnnotation]: digest, ...more.annotations },
    },
    spec: withoutIdleFields(withoutIdleCallback(merged(grant.recording, said))),
  }
}

/** A grant may say how callbacks are signed; of a request without one nothing is left to say. */
function withoutIdleCallback({ callback, ...spec }: SpecInput): SpecInput {
  const hasUrl = typeof callback === 'object' && callback !== null && 'url' in callback
  return hasUrl ? { ...spec, callback } : spec
}

/** A create without an answer may have been carried out. The name is the request's own, so it is asked again, and told by the conflict. */
async function createOnce(client: KubeClient, start: Start, wanted: NewRecording): Promise<Started> {
  for (let isLast = false; ; isLast = true) {
    try {
      return { is: 'made', recording: await client.create(resources.recordings, wanted as unknown as New<Recording>) }
    } catch (error) {
      if (isAlreadyExists(error)) {
        const recording = await existing(client, start)
        if (recording !== undefined) return { is: 'found', recording }
        // It was deleted in between.
      } else if (!(error instanceof ConnectionError)) throw refusedByCluster(error, start)
      if (isLast) throw refusedByCluster(error, start)
    }
  }
}

async function existing(client: KubeClient, start: Start): Promise<Recording | undefined> {
  const recording = await client
    .get(resources.recordings, { namespace: start.grant.namespace, name: recordingName(start.requestId) })
    .catch((error) => {
      if (isNotFound(error)) return undefined
      throw refusedByCluster(error, start)
    })
  if (recording === undefined) return undefined
  const isSame = recording.metadata.annotations?.[fingerprintAnnotation] === start.fingerprint
  if (isOf(recording, start.caller.name) && isSame) return recording
  throw keyReused()
}

export const keyReused = () =>
  new RefusedRequest(
    'IdempotencyKeyReused',
    'Idempotency-Key: it was used for a request that said something else; use a new one for each recording',
  )

async function giveSecret(client: KubeClient, start: Start, { is, recording }: Started): Promise<void> {
  if (recording.status?.completionTime !== undefined || recording.metadata.deletionTimestamp !== undefined) return
  try {
    await createSecret(client, start, recording)
  } catch (error) {
    if (isAlreadyExists(error)) return
    if (is === 'made' && !(await takeBack(client, recording))) return
    throw refusedByCluster(withoutWords(error), start)
  }
}

/** What the API server says of a Secret may quote it, and the cause of a refusal goes to the log. */
const withoutWords = (error: unknown) =>
  error instanceof ApiError && !isForbiddenByQuota(error)
    ? new ApiError('create secrets', error.code, { reason: error.reason, message: '(not logged)' })
    : error

async function createSecret(client: KubeClient, start: Start, recording: Recording): Promise<void> {
  const secret = secretFor(start, recording)
  try {
    await client.create(resources.secrets, secret)
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error
    await client.create(resources.secrets, secret)
  }
}

function secretFor({ secrets, caller, contract }: Start, { metadata: { name, namespace, uid } }: Recording): New<Secret> {
  const data = { userSig: secrets.userSig, ...secrets.cos }
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name,
      namespace,
      labels: { ...labelsOf(caller.name, contract), [`${group}/recording`]: name },
      ownerReferences: [{ apiVersion, kind, name, uid }],
    },
    type: 'Opaque',
    data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'utf8').toString('base64')])),
  } as New<Secret>
}

/**
 * What cannot record is not left behind; true where the request did not become a recording. One that is in its room has its Secret, whatever the API
 * server answered: it stays, and was started. If the deletion fails, it stays too, and says that its Secret is missing.
 */
async function takeBack(client: KubeClient, { metadata: { name, namespace, uid } }: Recording): Promise<boolean> {
  const isInRoom = async () => {
    const found = await client.get(resources.recordings, { namespace, name }).catch(() => undefined)
    return found?.metadata.uid === uid && found?.status?.startTime !== undefined
  }
  if (await isInRoom()) return false
  return client.delete(resources.recordings, { name, namespace }, { uid }).then(
    () => true,
    async () => !(await isInRoom()),
  )
}

/** What the API server's answer is to the caller. Its words may name what is not the caller's, so only those about the spec are passed on. */
function refusedByCluster(error: unknown, start: Start): Error {
  if (error instanceof RefusedRequest) return error
  if (isForbiddenByQuota(error)) {
    return new RefusedRequest('QuotaExceeded', 'The namespace has as many recordings as its quota allows', { cause: error })
  }
  if (isInvalid(error)) {
    const problems = problemsSaid(error as ApiError)
    if (problems.length > 0) return invalid(inCallersWords(problems, start))
  }
  const isSetUpWrong = error instanceof ApiError && error.code < 500 && error.code !== 429 && error.code !== 409
  return isSetUpWrong
    ? new RefusedRequest(
        'InternalError',
        'The cluster does not let the gateway do this; its operator can see why in the gateway’s log',
        {
          cause: error,
        },
      )
    : new RefusedRequest('Unavailable', 'The cluster did not take the recording. Nothing was started; try again', {
        cause: error,
        retryAfterSeconds: 1,
      })
}

/** From the CRD: causes with fields. From an admission policy: `…denied request: spec.cos.endpoint: may only be …`. */
function problemsSaid({ details, message }: ApiError): FieldProblem[] {
  const said = (field: string, text: string): FieldProblem => ({
    field: field.replace(/^spec\./, ''),
    kind: 'range',
    message: text,
  })
  const causes = (details?.causes ?? []).flatMap(({ field, message = '' }) =>
    field?.startsWith('spec.') ? [said(field, message)] : [],
  )
  if (causes.length > 0) return causes
  const denied = /denied request: spec\.([\w.[\]]+): (.*)$/s.exec(message)
  return denied === null ? [] : [said(denied[1]!, denied[2]!)]
}

/** A field that the request says nothing of is the grant's. */
function inCallersWords(problems: readonly FieldProblem[], start: Start): FieldProblem[] {
  return problems.map(({ field, ...problem }) => ({
    ...problem,
    field: start.fieldOf(field) ?? `(the caller’s grant) spec.${field}`,
  }))
}
