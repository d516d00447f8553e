import type { Recording } from '@trtc-recorder/api'
import { isConflict, isNotFound, type KubeClient, resources } from '@trtc-recorder/kube'
import { type Caller, namespacesOf } from '../callers/caller.ts'
import { RefusedRequest } from '../errors.ts'
import { isOf, isRequestId, recordingName, selectorOf } from './names.ts'

/** How much of a list is read at once. */
const pageSize = 500

const notFound = () =>
  new RefusedRequest('NotFound', 'There is no such request of this caller, or it ended longer ago than requests are kept')

/** Whether a request is still told of: it is for this long after its end, if the object is there for longer. */
export const isKept = ({ status }: Recording, keepSeconds: number, now: Date) =>
  status?.completionTime === undefined || now.getTime() - Date.parse(status.completionTime) < keepSeconds * 1000

/** The Recording of a request. What is another caller's is not found, in the same words as what is not there. */
export async function findRecording(
  client: KubeClient,
  caller: Caller,
  requestId: string,
  { keepSeconds, now }: { keepSeconds: number; now: Date },
): Promise<Recording> {
  if (!isRequestId(requestId)) throw notFound()
  for (const namespace of namespacesOf(caller)) {
    const recording = await ownIn(client, caller, namespace, requestId)
    if (recording !== undefined && isKept(recording, keepSeconds, now)) return recording
  }
  throw notFound()
}

async function ownIn(client: KubeClient, caller: Caller, namespace: string, requestId: string): Promise<Recording | undefined> {
  const recording = await client.get(resources.recordings, { namespace, name: recordingName(requestId) }).catch((error) => {
    if (isNotFound(error)) return undefined
    throw unanswered(error)
  })
  return recording !== undefined && isOf(recording, caller.name) ? recording : undefined
}

/** Whether the caller's request is in this namespace. */
export const isThere = async (client: KubeClient, caller: Caller, namespace: string, requestId: string): Promise<boolean> =>
  (await ownIn(client, caller, namespace, requestId)) !== undefined

/** All that a caller has, as the API server lists it, a page at a time. */
export async function* listRecordings(client: KubeClient, caller: Caller, moreLabels = ''): AsyncGenerator<Recording> {
  const labelSelector = [selectorOf(caller.name), moreLabels].filter((part) => part !== '').join(',')
  for (const namespace of namespacesOf(caller)) yield* labelled(client, namespace, labelSelector)
}

export async function* labelled(client: KubeClient, namespace: string, labelSelector: string): AsyncGenerator<Recording> {
  let token: string | undefined
  do {
    const page = await client
      .list(resources.recordings, { namespace, labelSelector, limit: pageSize, ...(token ? { continue: token } : {}) })
      .catch((error) => {
        throw unanswered(error)
      })
    yield* page.items
    token = page.metadata.continue
  } while (token)
}

/** Whether it goes on: nobody has asked it to end, and it has not left the room. */
export function isUnderWay({ spec, status }: Recording): boolean {
  const reason = status?.conditions?.find(({ type }) => type === 'Succeeded')?.reason
  return status?.completionTime === undefined && spec.desiredState !== 'Stopped' && reason !== 'Finishing'
}

/** Ends it as a user would: files are finished, stored and told of. */
export async function stopRecording(client: KubeClient, recording: Recording): Promise<void> {
  if (recording.status?.completionTime !== undefined) {
    throw new RefusedRequest('AlreadyOver', 'The request is over already')
  }
  await change(client, recording, { desiredState: 'Stopped' })
}

/** Changes what may be changed of a spec. */
export const change = (client: KubeClient, recording: Recording, spec: Record<string, unknown>): Promise<void> =>
  patch(client, recording, { spec })

export const annotate = (client: KubeClient, recording: Recording, annotations: Record<string, string>): Promise<void> =>
  patch(client, recording, { metadata: { annotations } })

/** Of this very Recording, not of one that came after it under the same name. */
async function patch(
  client: KubeClient,
  { metadata: { namespace, name, uid } }: Recording,
  { metadata, spec }: { metadata?: object; spec?: object },
): Promise<void> {
  const body = { metadata: { uid, ...metadata }, ...(spec === undefined ? {} : { spec }) }
  await client.patch(resources.recordings, { namespace, name }, { type: 'merge', body }).catch((error) => {
    throw isNotFound(error) || isConflict(error) ? notFound() : unanswered(error)
  })
}

export const unanswered = (cause: unknown) =>
  cause instanceof RefusedRequest
    ? cause
    : new RefusedRequest('Unavailable', 'The cluster did not answer. Try again', { cause, retryAfterSeconds: 1 })
