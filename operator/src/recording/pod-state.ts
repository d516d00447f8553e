import type { ConditionReason } from '@trtc-recorder/api'
import type { Pod } from '../kube/types.ts'
import { recorderContainer } from './pod.ts'
import { type ResultReading, terminated } from './result.ts'

/** Where a recorder Pod is in its life. Only `ended` is certain to hold no recorder any more. */
export type PodState =
  | { kind: 'unscheduled'; reason: 'Pending' | 'Unschedulable'; message: string }
  | { kind: 'starting'; message: string }
  /** The kubelet cannot start the container. `since`: when the Pod was scheduled. */
  | { kind: 'blocked'; reason: 'ImagePullFailed' | 'ContainerNotStarted'; message: string; since: string }
  | { kind: 'inRoom'; since: string }
  | { kind: 'silent'; message: string }
  | { kind: 'resultPending'; message: string }
  | { kind: 'ended'; end: PodEnd }

export interface PodEnd {
  time: string
  node: string | undefined
  /** Whether the recorder's process ever ran; if not, it cannot have left anything on the volume. */
  ran: boolean
  exitCode: number | undefined
  /** What ended the Pod from outside, where something did. */
  cause: 'Evicted' | 'NodeLost' | 'PodDeleted' | 'OOMKilled' | undefined
  /** What Kubernetes says of it. */
  message: string
  result: Extract<ResultReading, { kind: 'read' }>['result'] | undefined
}

/** A node is taken for silent when its Pod should have been gone this long ago. */
const silenceMillis = 60_000

const imageReasons = [
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
  'RegistryUnavailable',
]
const startReasons = [
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
  'CreateContainerFailed',
  'PreStartHookError',
]

export function podState(pod: Pod, reading: ResultReading, now: Date): PodState {
  const { metadata, status } = pod
  const node = pod.spec?.nodeName
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') {
    return reading.kind === 'pending'
      ? { kind: 'resultPending', message: reading.why }
      : { kind: 'ended', end: podEnd(pod, reading) }
  }
  // Nobody ever ran it, and nobody will: no kubelet knows of it.
  if (metadata.deletionTimestamp !== undefined && !node) return { kind: 'ended', end: podEnd(pod, reading) }
  if (metadata.deletionTimestamp !== undefined && now.getTime() - Date.parse(metadata.deletionTimestamp) > silenceMillis) {
    return { kind: 'silent', message: `Node ${node} does not say that Pod ${metadata.name} has ended, although its time is up` }
  }
  const ready = condition(pod, 'Ready')
  if (ready?.status === 'True') return { kind: 'inRoom', since: ready.lastTransitionTime ?? metadata.creationTimestamp }
  const scheduled = condition(pod, 'PodScheduled')
  if (!node) {
    return scheduled?.reason === 'Unschedulable'
      ? { kind: 'unscheduled', reason: 'Unschedulable', message: scheduled.message ?? 'No node has room for the recorder Pod' }
      : { kind: 'unscheduled', reason: 'Pending', message: `Pod ${metadata.name} waits for a node` }
  }
  const waiting = status?.containerStatuses?.find((container) => container.name === recorderContainer)?.state?.waiting
  const since = scheduled?.lastTransitionTime ?? metadata.creationTimestamp
  const blockedBy = blocked(waiting?.reason)
  if (blockedBy !== undefined) {
    return { kind: 'blocked', reason: blockedBy, message: `${waiting?.reason}: ${waiting?.message ?? 'no message'}`, since }
  }
  if (status?.reason === 'NodeLost' || status?.phase === 'Unknown') {
    return { kind: 'silent', message: status?.message ?? `Node ${node} does not answer` }
  }
  return { kind: 'starting', message: `Pod ${metadata.name} on node ${node} is on its way into the room` }
}

function blocked(reason: string | undefined): Extract<ConditionReason, 'ImagePullFailed' | 'ContainerNotStarted'> | undefined {
  if (reason === undefined) return undefined
  if (imageReasons.includes(reason)) return 'ImagePullFailed'
  return startReasons.includes(reason) ? 'ContainerNotStarted' : undefined
}

function podEnd(pod: Pod, reading: ResultReading): PodEnd {
  const container = terminated(pod)
  const ran = Boolean(pod.status?.containerStatuses?.some((status) => status.name === recorderContainer && status.containerID))
  return {
    time: container?.finishedAt ?? pod.metadata.deletionTimestamp ?? pod.metadata.creationTimestamp,
    node: pod.spec?.nodeName,
    ran,
    exitCode: ran ? container?.exitCode : undefined,
    cause: causeOf(pod, container?.reason),
    message: condition(pod, 'DisruptionTarget')?.message ?? pod.status?.message ?? container?.reason ?? pod.status?.reason ?? '',
    result: reading.kind === 'read' ? reading.result : undefined,
  }
}

function causeOf(pod: Pod, containerReason: string | undefined): PodEnd['cause'] {
  if (containerReason === 'OOMKilled') return 'OOMKilled'
  const disruption = condition(pod, 'DisruptionTarget')
  if (disruption?.status === 'True') return disruption.reason === 'DeletionByPodGC' ? 'NodeLost' : 'Evicted'
  if (pod.status?.reason === 'NodeLost') return 'NodeLost'
  if (['Evicted', 'Preempting', 'Shutdown', 'NodeShutdown', 'Terminated'].includes(pod.status?.reason ?? '')) return 'Evicted'
  return pod.metadata.deletionTimestamp === undefined ? undefined : 'PodDeleted'
}

const condition = (pod: Pod, type: string) => pod.status?.conditions?.find((candidate) => candidate.type === type)
