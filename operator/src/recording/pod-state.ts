import type { TroubleWord } from '@trtc-recorder/api'
import type { Pod } from '@trtc-recorder/kube'
import { stopAskedAnnotation } from './control.ts'
import { recorderContainer, toleratedSilenceSeconds } from './pod.ts'
import type { PodNews } from './pod-news.ts'
import { type ResultReading, terminated } from './result.ts'

/**
 * Where the recorder in a Pod is in its life. The state of its own container says so: a Pod also has what others put into it, such as a
 * sidecar that is never ready or never ends. Only `ended` is certain to hold no recorder any more.
 */
export type PodState =
  | { kind: 'unscheduled'; reason: 'Pending' | 'Unschedulable'; message: string; since: string }
  | { kind: 'starting'; message: string }
  /**
   * The kubelet cannot start the container. `since`: when the Pod was scheduled. `idleSince`: since when nothing has come of it on its node, and nothing that is
   * the same everywhere explains that.
   */
  | { kind: 'blocked'; word: BlockedWord; message: string; since: string; idleSince?: string }
  | { kind: 'inRoom'; since: string }
  /** It is not ready any more: it has left the room and finishes its files. `askedAt`: when somebody asked for that, who deleted its Pod. */
  | { kind: 'leaving'; askedAt?: string }
  /** Its node says nothing any more: the recorder may be in the room, or be no more. `isOverdue`: for no other reason than that it takes so long. */
  | { kind: 'silent'; message: string; since: string; isOverdue?: true }
  | { kind: 'resultPending'; message: string; since: string }
  | { kind: 'ended'; end: PodEnd }

export type BlockedWord = Extract<TroubleWord, 'ImagePullFailed' | 'ContainerNotStarted' | 'ContainerNotMade'>

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
  /** It had a node, and nobody has said what became of its recorder there: whoever took it away by force did not ask the kubelet, who may have been starting it. */
  isUnheard?: true
  result: Extract<ResultReading, { kind: 'read' }>['result'] | undefined
}

/** A node is taken for silent when its Pod should have been gone this long ago. */
const silenceMillis = 60_000
/** Making a container ready takes some seconds. After this long something is in its way, and Events say what. */
const creatingMillis = 20_000

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

/** What is known beside the Pod itself. */
export interface Beside {
  /** What Events say of a Pod whose containers are not made. */
  news?: PodNews | undefined
  /** How long its recorder may take to be in the room, before it ends by itself. Undefined: it is to enter none, or has been in one. */
  startTimeoutSeconds?: number | undefined
  /** It enters no room, so that it is ready says only that it runs; and it may take its time when it is asked to end. */
  uploadOnly?: boolean | undefined
}

export function podState(pod: Pod, reading: ResultReading, now: Date, beside: Beside = {}): PodState {
  const { news, startTimeoutSeconds, uploadOnly = false } = beside
  const { metadata } = pod
  const node = pod.spec?.nodeName
  if (hasEnded(pod)) {
    return reading.kind === 'pending'
      ? { kind: 'resultPending', message: reading.why, since: terminated(pod)?.finishedAt ?? metadata.creationTimestamp }
      : { kind: 'ended', end: podEnd(pod, reading) }
  }
  // Nobody ever ran it, and nobody will: no kubelet knows of it.
  if (metadata.deletionTimestamp !== undefined && !node) return { kind: 'ended', end: podEnd(pod, reading) }
  if (!node) return unscheduled(pod)
  const silence = silenceOf(pod, now) ?? (uploadOnly ? undefined : takenFromItsNode(pod, now))
  if (silence !== undefined) return silence
  const container = recorderStatus(pod)
  if (container?.ready === true && !uploadOnly) return { kind: 'inRoom', since: readySince(pod) }
  if (isAskedToEnd(pod) && hasRecorderRunning(pod)) return { kind: 'leaving', ...askedToLeave(pod) }
  const obstacle = obstacleOf(pod, now, news)
  if (obstacle !== undefined) return obstacle
  const overdue = overdueAt(pod, startTimeoutSeconds)
  if (overdue !== undefined && overdue <= now.getTime()) {
    if (wasReady(pod)) return { kind: 'leaving' }
    const since = new Date(overdue).toISOString()
    const message = `Node ${node} is taken for silent: by ${since} the recorder in Pod ${metadata.name} should have been in the room, or have ended`
    return { kind: 'silent', message, since, isOverdue: true }
  }
  return { kind: 'starting', message: `Pod ${metadata.name} on node ${node} is on its way into the room` }
}

/** A Pod that is no longer there, from the last that was seen of it: the recorder has ended, whatever it looked like then. */
export function departedState(pod: Pod, reading: ResultReading): PodState {
  const end = podEnd(pod, reading)
  if (terminated(pod) !== undefined) return { kind: 'ended', end }
  const isUnheard = pod.spec?.nodeName && !hasEnded(pod) ? { isUnheard: true as const } : {}
  return { kind: 'ended', end: { ...end, cause: end.cause ?? 'PodDeleted', ...isUnheard } }
}

/** A Pod is never restarted, so its recorder has ended when its container has, whatever other containers do. */
export const hasEnded = (pod: Pod) =>
  terminated(pod) !== undefined || pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

const isAskedToEnd = ({ metadata }: Pod) =>
  metadata.deletionTimestamp !== undefined || metadata.annotations?.[stopAskedAnnotation] !== undefined

const recorderStatus = (pod: Pod) => pod.status?.containerStatuses?.find((container) => container.name === recorderContainer)

export const hasRecorderRunning = (pod: Pod) => recorderStatus(pod)?.state?.running !== undefined

function unscheduled(pod: Pod): PodState {
  const scheduled = condition(pod, 'PodScheduled')
  const since = scheduled?.lastTransitionTime ?? pod.metadata.creationTimestamp
  if (scheduled?.status !== 'False') {
    return { kind: 'unscheduled', reason: 'Pending', message: `Pod ${pod.metadata.name} waits for a node`, since }
  }
  // A scheduling gate, such as a queue of jobs puts on Pods, or an error of the scheduler, is told by its name.
  const { reason = 'Unschedulable', message = 'No node has room for the recorder Pod' } = scheduled
  const said = reason === 'Unschedulable' ? message : `${reason}: ${message}`
  return { kind: 'unscheduled', reason: 'Unschedulable', message: said, since }
}

/**
 * A kubelet that is heard no more changes nothing in its Pods. What tells is the node controller, about 45 s later: it makes the Pod not
 * ready, and leaves `ContainersReady` as the kubelet last said it.
 */
function silenceOf(pod: Pod, now: Date): PodState | undefined {
  const { metadata, status } = pod
  const node = pod.spec?.nodeName
  if (status?.reason === 'NodeLost' || status?.phase === 'Unknown') {
    const since = metadata.deletionTimestamp ?? condition(pod, 'Ready')?.lastTransitionTime ?? metadata.creationTimestamp
    return { kind: 'silent', message: status.message ?? `Node ${node} does not answer`, since }
  }
  const ready = condition(pod, 'Ready')
  if (
    ready?.status === 'False' &&
    ready.reason !== 'ReadinessGatesNotReady' &&
    condition(pod, 'ContainersReady')?.status === 'True'
  ) {
    const since = ready.lastTransitionTime ?? metadata.creationTimestamp
    return { kind: 'silent', message: `Node ${node} has not been heard of since about ${since}`, since }
  }
  const timeUp = timeUpSince(pod)
  if (timeUp !== undefined && now.getTime() - Date.parse(timeUp) > silenceMillis) {
    const message = `Node ${node} does not say that Pod ${metadata.name} has ended, although its time is up`
    return { kind: 'silent', message, since: timeUp }
  }
  return undefined
}

/**
 * The node controller changes nothing in a Pod that was not ready when its node fell silent; it deletes it after as long as the Pod tolerates that
 * (pod.ts). A recorder of which the kubelet never said that it is in the room is not waited for then: where the kubelet lives after all, because somebody
 * else has put such a taint on the node, there is next to nothing that it could finish.
 */
function takenFromItsNode(pod: Pod, now: Date): PodState | undefined {
  const { metadata, spec } = pod
  const taken = takenAt(pod)
  if (taken === undefined) return undefined
  const what = `Pod ${metadata.name} was taken from node ${spec?.nodeName} at ${taken.toISOString()}`
  if (recorderStatus(pod)?.ready === true) {
    // A node that its kubelet called not ready before it fell silent: of its Pods the node controller says nothing for a second time.
    if (now.getTime() < taken.getTime() + readyStillMillis) return undefined
    const message = `${what}, and is as ready as before, though it was asked to end: the node is taken for silent`
    return { kind: 'silent', message, since: taken.toISOString() }
  }
  if (wasReady(pod)) return undefined
  const since = new Date(taken.getTime() - toleratedSilenceSeconds * 1000).toISOString()
  return { kind: 'silent', message: `${what}, before anything was heard of its recorder: the node is taken for silent`, since }
}

/** When the node controller deleted it for a taint of its node. */
function takenAt(pod: Pod): Date | undefined {
  const { deletionTimestamp } = pod.metadata
  const target = condition(pod, 'DisruptionTarget')
  if (deletionTimestamp === undefined || target?.status !== 'True' || target.reason !== 'DeletionByTaintManager') return undefined
  return new Date(target.lastTransitionTime ?? deletionTimestamp)
}

/** A recorder that is asked to end leaves the room at once, and its kubelet says within about five seconds that it is not ready any more. */
const readyStillMillis = 10_000

/** When a Pod that is to end should be gone: at once where its recorder never ran, for then there is nothing to finish. */
const timeUpSince = (pod: Pod) => (hasRun(pod) ? pod.metadata.deletionTimestamp : deletedAt(pod))

/** When somebody deleted it. */
function deletedAt({ metadata: { deletionTimestamp, deletionGracePeriodSeconds = 0 } }: Pod): string | undefined {
  if (deletionTimestamp === undefined) return undefined
  return new Date(Date.parse(deletionTimestamp) - deletionGracePeriodSeconds * 1000).toISOString()
}

/** One is a kubelet's, the other an API server's. */
const clocksDifferMillis = 5_000

/** Not where it had left by itself before, for then it has come to its end. */
function askedToLeave(pod: Pod): { askedAt?: string } {
  const askedAt = deletedAt(pod)
  const ready = condition(pod, 'ContainersReady')
  const hadLeft = wasReady(pod) && Date.parse(ready?.lastTransitionTime ?? '') + clocksDifferMillis < Date.parse(askedAt ?? '')
  return askedAt === undefined || hadLeft ? {} : { askedAt }
}

/** When a Pod of which nothing more is heard is taken for one on a silent node, for that alone. */
export function silentByItself(pod: Pod, { startTimeoutSeconds }: Pick<Beside, 'startTimeoutSeconds'>): number | undefined {
  const taken = takenAt(pod)
  if (recorderStatus(pod)?.ready === true) return taken && taken.getTime() + readyStillMillis
  const timeUp = timeUpSince(pod)
  return timeUp === undefined ? overdueAt(pod, startTimeoutSeconds) : Date.parse(timeUp) + silenceMillis
}

/**
 * The node controller changes nothing in a Pod that was not ready when its node fell silent. A recorder that does not get into the room ends by
 * itself, so one of which neither is heard has nobody who would tell.
 */
function overdueAt(pod: Pod, startTimeoutSeconds: number | undefined): number | undefined {
  const startedAt = recorderStatus(pod)?.state?.running?.startedAt
  if (startTimeoutSeconds === undefined || startedAt === undefined) return undefined
  // No Pod is older than itself: where it seems so, the clock of its node is behind.
  const since = Math.max(Date.parse(startedAt), Date.parse(pod.metadata.creationTimestamp))
  return since + startTimeoutSeconds * 1000 + silenceMillis
}

/**
 * Whether a recorder that is not ready was so before, and nobody saw it: the kubelet first says that not all containers are ready before it starts any,
 * so it has changed since then, and does only where all of them were ready, this one too.
 */
function wasReady(pod: Pod): boolean {
  const ready = condition(pod, 'ContainersReady')
  const startedAt = recorderStatus(pod)?.state?.running?.startedAt
  return ready?.status === 'False' && Date.parse(ready.lastTransitionTime ?? '') > Date.parse(startedAt ?? '')
}

/**
 * The node controller has made a Pod not ready once, because its node was, and the kubelet has made it ready again, without anything having changed in it. Of
 * the Pods of such a node the node controller says nothing for a second time before it deletes them, after five minutes.
 */
export function wasCalledNotReady(pod: Pod): boolean {
  const [ready, containers] = ['Ready', 'ContainersReady'].map((type) => condition(pod, type))
  if (ready?.status !== 'True' || containers?.status !== 'True') return false
  return Date.parse(ready.lastTransitionTime ?? '') - Date.parse(containers.lastTransitionTime ?? '') > 1000
}

/** The Pod is ready later than the recorder's container where a sidecar takes longer. */
function readySince(pod: Pod): string {
  const ready = condition(pod, 'Ready')
  const since = ready?.status === 'True' ? ready.lastTransitionTime : recorderStatus(pod)?.state?.running?.startedAt
  return since ?? pod.metadata.creationTimestamp
}

/** What keeps the recorder's container from running: its own image, that of a container before it, a volume that cannot be mounted, … */
function obstacleOf(pod: Pod, now: Date, news: PodNews | undefined): PodState | undefined {
  const since = scheduledSince(pod)
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])]
  for (const { name, state } of statuses.filter((status) => status.name === recorderContainer || isBefore(pod, status.name))) {
    const blockedBy = blocked(state?.waiting?.reason)
    if (blockedBy === undefined) continue
    const whose = name === recorderContainer ? '' : `container ${name}: `
    const message = `${whose}${state?.waiting?.reason}: ${state?.waiting?.message ?? 'no message'}`
    // What is wrong with an image, or a container, is so on every node.
    const idle = nodeFails.test(message) ? { idleSince: since } : {}
    return { kind: 'blocked', word: blockedBy, message, since, ...idle }
  }
  if (!isBeingCreatedForLong(pod, now)) return undefined
  const waiting = recorderStatus(pod)?.state?.waiting
  const why = [waiting?.message, heldUpBefore(pod), news?.complaint].filter((part) => part).join('; ')
  const more = `no Event says why; "kubectl describe pod ${pod.metadata.name}" shows more`
  const message = `${waiting?.reason ?? 'ContainerCreating'} since ${since}: ${why === '' ? more : why}`
  return { kind: 'blocked', word: 'ContainerNotMade', message, since, ...idle(pod, now, news) }
}

/** What a kubelet says of a runtime on whose socket nobody listens, or who stopped in the middle of an answer, and of a disk that is full or broken. */
const nodeFails =
  /code = Unavailable\b.*(\bunix\b|\bEOF\b|transport is closing)|no space left on device|read-only file system|input\/output error/s

/** An image may take that long to come, or is not waited for alone. */
const pullMillis = 240_000

/**
 * A container runtime that hangs, a kubelet that lives and looks at no Pod, a network plugin that does not answer: for some of them no Event comes, for most
 * of them the node is called not ready minutes later, or never. What they have in common is that nothing comes of the Pod.
 */
function idle(pod: Pod, now: Date, news: PodNews = {}): { idleSince?: string } {
  if (isHeldUpByAnother(pod)) return {}
  const { wentOnAt, pullingSince } = news
  const inits = pod.status?.initContainerStatuses ?? []
  const steps = [
    scheduledSince(pod),
    condition(pod, 'Initialized')?.lastTransitionTime,
    condition(pod, 'PodReadyToStartContainers')?.status === 'True'
      ? condition(pod, 'PodReadyToStartContainers')?.lastTransitionTime
      : undefined,
    ...inits.map(({ state }) => state?.terminated?.finishedAt),
    wentOnAt,
  ].filter((time) => time !== undefined)
  const last = Math.max(...steps.map((time) => Date.parse(time)))
  const until = pullingSince === undefined ? last : Date.parse(pullingSince) + pullMillis
  return until > now.getTime() ? {} : { idleSince: new Date(until).toISOString() }
}

/** A container that comes first is at work, or fails by itself; where it is not made either, it waits for the same as the recorder's. */
const isHeldUpByAnother = (pod: Pod) =>
  (pod.status?.initContainerStatuses ?? []).some(
    ({ state, started }) =>
      (state?.running !== undefined && started !== true) ||
      !['ContainerCreating', 'PodInitializing', undefined].includes(state?.waiting?.reason),
  )

/** What a container that has to run before the recorder's is at, such as one that was injected. */
function heldUpBefore(pod: Pod): string | undefined {
  for (const { name, state, started } of pod.status?.initContainerStatuses ?? []) {
    if (state?.waiting !== undefined) {
      const { reason, message } = state.waiting
      return `container ${name}, which comes first, waits: ${[reason, message].filter((part) => part).join(': ')}`
    }
    // One that goes on beside the recorder counts as done once it has started.
    if (state?.running !== undefined && started !== true) return `container ${name}, which comes first, is at work`
  }
  return undefined
}

/** Whether the recorder's container has been waiting to be made for longer than that takes. */
export function isBeingCreatedForLong(pod: Pod, now: Date): boolean {
  const due = dueToBeMadeAt(pod)
  return due !== undefined && due <= now.getTime()
}

/** When the recorder's container should be made at the latest, since the Pod has a node; undefined where it is, or the Pod has none. Nobody tells that it is not. */
export function dueToBeMadeAt(pod: Pod): number | undefined {
  const state = recorderStatus(pod)?.state
  if (!pod.spec?.nodeName || state?.running !== undefined || state?.terminated !== undefined) return undefined
  return Date.parse(scheduledSince(pod)) + creatingMillis
}

const scheduledSince = (pod: Pod) => condition(pod, 'PodScheduled')?.lastTransitionTime ?? pod.metadata.creationTimestamp

const isBefore = (pod: Pod, name: string) => pod.status?.initContainerStatuses?.some((status) => status.name === name) ?? false

function blocked(reason: string | undefined): BlockedWord | undefined {
  if (reason === undefined) return undefined
  if (imageReasons.includes(reason)) return 'ImagePullFailed'
  return startReasons.includes(reason) ? 'ContainerNotStarted' : undefined
}

/** The runtime made the container and could not start its process; the kubelet says so in place of the process. */
const neverStartedReasons = ['StartError', 'ContainerCannotRun']

/** Whether the recorder's process was ever there. */
const hasRun = (pod: Pod) =>
  Boolean(recorderStatus(pod)?.containerID) && !neverStartedReasons.includes(terminated(pod)?.reason ?? '')

function podEnd(pod: Pod, reading: ResultReading): PodEnd {
  const container = terminated(pod)
  const ran = hasRun(pod)
  return {
    time: container?.finishedAt ?? pod.metadata.deletionTimestamp ?? pod.metadata.creationTimestamp,
    node: pod.spec?.nodeName,
    ran,
    exitCode: ran ? container?.exitCode : undefined,
    cause: causeOf(pod, container?.reason),
    message: condition(pod, 'DisruptionTarget')?.message ?? pod.status?.message ?? whySoOf(pod),
    result: reading.kind === 'read' ? reading.result : undefined,
  }
}

/** What the kubelet says of a container that ended otherwise than by its process: of any other, the message is the recorder's own. */
const toldByKubelet = [...neverStartedReasons, 'ContainerStatusUnknown']

function whySoOf(pod: Pod): string {
  const container = terminated(pod)
  if (container === undefined) return failedBefore(pod) ?? pod.status?.reason ?? ''
  const { reason = '', message = '' } = container
  return toldByKubelet.includes(reason) && message !== '' ? `${reason}: ${message}` : reason
}

/** A container before the recorder's that failed, and with it the Pod. */
function failedBefore(pod: Pod): string | undefined {
  for (const { name, state } of pod.status?.initContainerStatuses ?? []) {
    const { exitCode, reason = '', message = '' } = state?.terminated ?? { exitCode: 0 }
    if (exitCode === 0) continue
    const why = [reason, message].filter((part) => part).join(': ')
    return `Container ${name}, which comes first, ended with exit code ${exitCode}${why === '' ? '' : ` (${why.slice(0, 500)})`}`
  }
  return undefined
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
