import {
  type PolicyReason,
  policyConditionTypes,
  type Recording,
  type RecordingPolicy,
  type RecordingPolicyStatus,
} from '@trtc-recorder/api'
import { isConflict, isNotFound, type KubeClient, resources } from '@trtc-recorder/kube'
import { generationAnnotation } from './names.ts'

/**
 * The status of a policy, which is written here and nowhere else. Each replica writes what it has seen, against the version that it has read: who comes
 * second reads again and decides again. What is the same is not written, so a policy costs a write for each Recording, and one every five minutes while
 * there are events (docs/adr/0070).
 */

/** What is known of a policy by now. */
export type Fact =
  | { is: 'made'; recording: string; atMillis: number }
  | { is: 'refused'; reason: 'RecordingRefused' | 'LimitReached'; message: string; atMillis: number }
  /** An event asked for a Recording that there is. */
  | { is: 'met'; atMillis: number }
  /** Looked at without an event. `last`: the Recording that was made last, if it is there. */
  | { is: 'reviewed'; isHeard: boolean; trouble: string | undefined; last: Recording | undefined }

const metEveryMillis = 300_000

/** The whole status after a fact; undefined where nothing is to be written. */
export function statusAfter(
  { metadata, spec, status = {} }: RecordingPolicy,
  fact: Fact,
  now: Date,
): RecordingPolicyStatus | undefined {
  const { generation } = metadata
  const current = status.conditions?.find(({ type }) => type === 'Ready')
  const isCurrent = current?.observedGeneration === generation
  const ready = (value: 'True' | 'False', reason: PolicyReason, message: string): RecordingPolicyStatus => ({
    ...status,
    observedGeneration: generation,
    conditions: [
      {
        ...{ type: 'Ready', status: value, reason, message: message.slice(0, 1024), observedGeneration: generation },
        lastTransitionTime: current?.status === value ? current.lastTransitionTime : now.toISOString(),
      },
      // Of another release, which knows what they say.
      ...(status.conditions ?? []).filter(({ type }) => !Object.hasOwn(policyConditionTypes, type)),
    ],
  })
  switch (fact.is) {
    case 'made':
      return {
        ...ready('True', 'Listening', listening(spec.sdkAppId)),
        // Two replicas may each take it for their own, where one had no answer when it made it.
        recordingsMade: (status.recordingsMade ?? 0) + (status.lastRecording === fact.recording ? 0 : 1),
        lastRecording: fact.recording,
        lastEventTime: timeOf(fact.atMillis),
      }
    case 'refused':
      if (isCurrent && current.reason === fact.reason) return undefined
      return { ...ready('False', fact.reason, fact.message), lastEventTime: timeOf(fact.atMillis) }
    case 'met': {
      const isFresh = fact.atMillis - Date.parse(status.lastEventTime ?? '') < metEveryMillis
      return isFresh ? undefined : { ...status, lastEventTime: timeOf(fact.atMillis) }
    }
    case 'reviewed': {
      const [value, reason, message] = judged(spec, fact, isCurrent ? current : undefined, generation)
      const isSame = isCurrent && current.reason === reason && current.message === message
      return isSame && status.observedGeneration === generation ? undefined : ready(value, reason, message)
    }
  }
}

type Judgement = ['True' | 'False', PolicyReason, string]

function judged(
  { sdkAppId, suspend }: RecordingPolicy['spec'],
  { isHeard, trouble, last }: Extract<Fact, { is: 'reviewed' }>,
  current: NonNullable<RecordingPolicyStatus['conditions']>[number] | undefined,
  generation: number,
): Judgement {
  if (!isHeard) {
    return ['False', 'ApplicationUnknown', `The gateway has no callback key of application ${sdkAppId} for this namespace`]
  }
  if (trouble !== undefined) return ['False', 'CrdOutdated', trouble]
  if (suspend) return ['True', 'Suspended', 'spec.suspend is true']
  // Said until a Recording is made again, or the policy is changed.
  if (current?.reason === 'RecordingRefused' || current?.reason === 'LimitReached') {
    return ['False', current.reason, current.message]
  }
  // One that was made before a change says nothing of the policy as it is.
  const ofLast = last?.metadata.annotations?.[generationAnnotation] === String(generation) ? troubleOf(last) : undefined
  return ofLast ?? ['True', 'Listening', listening(sdkAppId)]
}

export function troubleOf({ metadata: { name }, status }: Recording): Judgement | undefined {
  const found = status?.conditions?.find(({ reason }) => reason === 'SecretNotFound' || reason === 'RoomRefused')
  return found && ['False', found.reason as 'SecretNotFound' | 'RoomRefused', `Recording ${name}: ${found.message}`]
}

const listening = (sdkAppId: number) => `Events of application ${sdkAppId} are heard`
const timeOf = (millis: number) => new Date(millis).toISOString()

/** How often a write is tried that others came before. */
const mostTries = 5

/** Writes a policy's status, if there is anything to write. `factOf`: of the policy as it is known then. Throws where the API server does not take it. */
export async function writeStatus(
  client: KubeClient,
  policy: RecordingPolicy,
  factOf: (policy: RecordingPolicy) => Fact | Promise<Fact>,
  now: Date,
): Promise<void> {
  const { namespace, name, uid } = policy.metadata
  let known = policy
  for (let tries = 1; ; tries += 1) {
    const status = statusAfter(known, await factOf(known), now)
    if (status === undefined) return
    try {
      const { resourceVersion } = known.metadata
      const body = { metadata: { uid, resourceVersion }, status }
      await client.patch(resources.recordingPolicies, { namespace, name }, { type: 'merge', body }, { subresource: 'status' })
      return
    } catch (error) {
      if (isNotFound(error)) return
      if (!isConflict(error) || tries === mostTries) throw error
    }
    const found = await client.get(resources.recordingPolicies, { namespace, name }).catch((error) => {
      if (isNotFound(error)) return undefined
      throw error
    })
    if (found?.metadata.uid !== uid) return
    known = found
  }
}
