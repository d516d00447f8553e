/** What kubelets make of Pods, for the tests beside this file. Nothing of the product imports it. */
import { recorderOutcomes, type TerminationMessage } from '@trtc-recorder/api'
import type { Pod } from '@trtc-recorder/kube'
import { recorderContainer } from './pod.ts'

export interface ContainerEnd {
  exitCode: number
  reason: string
  message: string
  podReason: string
  disruption: string
}

export function schedule(pod: Pod): void {
  pod.spec!.nodeName = 'node-1'
  pod.status = {
    ...pod.status,
    phase: 'Pending',
    conditions: [{ type: 'PodScheduled', status: 'True', lastTransitionTime: pod.metadata.creationTimestamp }],
  }
}

/** It has a node, and its container waits for this reason. */
export function holdUp(pod: Pod, now: Date, reason: string): void {
  schedule(pod)
  const state = { waiting: { reason, message: 'because' } }
  const scheduled = { type: 'PodScheduled', status: 'True', lastTransitionTime: now.toISOString() }
  const container = { name: recorderContainer, image: '', imageID: '', ready: false, restartCount: 0, state }
  pod.status = { phase: 'Pending', conditions: [scheduled], containerStatuses: [container] }
}

export function run(pod: Pod, now: Date): void {
  if (!pod.spec?.nodeName) schedule(pod)
  pod.status = {
    ...pod.status,
    phase: 'Running',
    podIP: '10.91.0.5',
    containerStatuses: [
      {
        name: recorderContainer,
        image: '',
        imageID: '',
        ready: false,
        restartCount: 0,
        containerID: 'containerd://1',
        state: { running: { startedAt: now.toISOString() } },
      },
    ],
  }
}

export function enter(pod: Pod, now: Date): void {
  run(pod, now)
  pod.status!.containerStatuses![0]!.ready = true
  pod.status!.conditions = [
    ...(pod.status?.conditions ?? []).filter((condition) => condition.type !== 'Ready'),
    { type: 'Ready', status: 'True', lastTransitionTime: now.toISOString() },
  ]
}

/** Somebody drains its node, or deletes it, and its recorder leaves the room and is at its files. */
export function leave(pod: Pod, now: Date): void {
  const grace = pod.spec?.terminationGracePeriodSeconds ?? 30
  pod.metadata.deletionTimestamp ??= new Date(now.getTime() + grace * 1000).toISOString()
  pod.metadata.deletionGracePeriodSeconds ??= grace
  pod.status!.containerStatuses![0]!.ready = false
  const others = pod.status?.conditions?.filter(({ type }) => type !== 'Ready' && type !== 'ContainersReady') ?? []
  const lastTransitionTime = now.toISOString()
  const notReady = ['Ready', 'ContainersReady'].map((type) => ({ type, status: 'False', lastTransitionTime }))
  pod.status!.conditions = [...others, ...notReady]
}

/** The node controller deletes it: its node has a taint that it tolerates no longer. No kubelet need know of it. */
export function takeFromNode(pod: Pod, now: Date): void {
  const grace = pod.spec?.terminationGracePeriodSeconds ?? 30
  pod.metadata.deletionTimestamp ??= new Date(now.getTime() + grace * 1000).toISOString()
  pod.metadata.deletionGracePeriodSeconds ??= grace
  const target = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'DeletionByTaintManager',
    lastTransitionTime: now.toISOString(),
  }
  pod.status = { ...pod.status, conditions: [...(pod.status?.conditions ?? []), target] }
}

export function endPod(pod: Pod, now: Date, result: TerminationMessage | undefined, end: Partial<ContainerEnd> = {}): void {
  if (pod.status?.phase !== 'Running') run(pod, now)
  const exitCode = end.exitCode ?? (result === undefined ? 137 : recorderOutcomes[result.outcome].exitCode)
  pod.status = {
    ...pod.status,
    phase: exitCode === 0 ? 'Succeeded' : 'Failed',
    ...(end.podReason === undefined ? {} : { reason: end.podReason }),
    ...(end.message === undefined ? {} : { message: end.message }),
    conditions: [
      ...(pod.status?.conditions ?? []).filter((condition) => condition.type !== 'Ready'),
      ...(end.disruption === undefined ? [] : [{ type: 'DisruptionTarget', status: 'True', reason: end.disruption }]),
    ],
    containerStatuses: [
      {
        name: recorderContainer,
        image: '',
        imageID: '',
        ready: false,
        restartCount: 0,
        containerID: 'containerd://1',
        state: {
          terminated: {
            exitCode,
            finishedAt: now.toISOString(),
            ...(end.reason === undefined ? {} : { reason: end.reason }),
            ...(result === undefined ? {} : { message: JSON.stringify(result) }),
          },
        },
      },
    ],
  }
}
