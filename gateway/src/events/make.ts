import { apiVersion, kind, type Recording, type RecordingPolicy, withoutIdleFields } from '@trtc-recorder/api'
import {
  ApiError,
  ConnectionError,
  isAlreadyExists,
  isConflict,
  isForbiddenByQuota,
  isInvalid,
  isNamespaceTerminating,
  isNotFound,
  type KubeClient,
  type New,
  resources,
} from '@trtc-recorder/kube'
import type { EventRoom } from './event.ts'
import { beganAnnotation, endedAnnotation, generationAnnotation, isOfSession, labelsOfSession, sessionName } from './names.ts'

/** What became of a Recording that was to be made. `found`: another event, or another replica, had made it, and tells of it. */
export type Making =
  | { is: 'made' | 'found'; name: string }
  | { is: 'refused'; reason: 'RecordingRefused' | 'LimitReached'; message: string }

/** Makes the Recording of a session, once: its name is the session's. Throws where trying again helps, and where the gateway is not set up right. */
export async function makeRecording(
  client: KubeClient,
  policy: RecordingPolicy,
  session: { room: EventRoom; number: number; atMillis: number },
): Promise<Making> {
  const wanted = newRecording(policy, session)
  const { name, namespace, labels } = wanted.metadata
  for (let isLast = false; ; isLast = true) {
    try {
      await client.create(resources.recordings, wanted as unknown as New<Recording>)
      return { is: 'made', name }
    } catch (error) {
      if (isAlreadyExists(error)) {
        const found = await client.get(resources.recordings, { namespace, name }).catch((cause) => {
          if (isNotFound(cause)) return undefined
          throw cause
        })
        // Where the first try had no answer it is that one's, as far as is known, and nobody has told of it.
        if (found !== undefined && isOfSession(found, labels)) return { is: isLast ? 'made' : 'found', name }
        return refused('RecordingRefused', `Recording ${name} is there and not of this policy`)
      }
      if (isForbiddenByQuota(error)) return refused('LimitReached', `A quota does not allow it: ${wordsOf(error)}`)
      if (isInvalid(error) || isNamespaceTerminating(error)) return refused('RecordingRefused', wordsOf(error))
      // Without an answer it may have been made; the name tells.
      if (isLast || !(error instanceof ConnectionError)) throw error
    }
  }
}

const refused = (reason: 'RecordingRefused' | 'LimitReached', message: string): Making => ({ is: 'refused', reason, message })
const wordsOf = (error: unknown) => (error instanceof ApiError ? error.message.slice(0, 800) : String(error))

function newRecording(
  policy: RecordingPolicy,
  { room, number, atMillis }: { room: EventRoom; number: number; atMillis: number },
) {
  const { metadata, spec } = policy
  const { sdkAppId, recorderUserId: userId, template } = spec
  return {
    apiVersion,
    kind,
    metadata: {
      name: sessionName(policy, room, number),
      namespace: metadata.namespace,
      labels: labelsOfSession(metadata.name, sdkAppId, room, number),
      annotations: {
        [beganAnnotation]: new Date(atMillis).toISOString(),
        [generationAnnotation]: String(metadata.generation),
      },
    },
    // A policy of an earlier release may have some, with which no Recording is admitted any more.
    spec: {
      ...withoutIdleFields(template),
      sdkAppId,
      ...(typeof room === 'number' ? { roomId: room } : { strRoomId: room }),
      userId,
    },
  }
}

/** Writes onto a Recording when its session was over. One that is gone needs no note. */
export async function noteEnd(client: KubeClient, { metadata }: Recording, endedMillis: number): Promise<void> {
  const { namespace, name, uid } = metadata
  const annotations = { [endedAnnotation]: new Date(endedMillis).toISOString() }
  await client
    .patch(resources.recordings, { namespace, name }, { type: 'merge', body: { metadata: { uid, annotations } } })
    .catch((error) => {
      if (!isNotFound(error) && !isConflict(error)) throw error
    })
}
