import { apiVersion, clipKind, type RecordingClip, type RecordingClipStatus, recordingClipSpecSchema } from '@trtc-recorder/api'
import type { KubeClient, Pod } from '@trtc-recorder/kube'
import { describe, expect, test } from 'vitest'
import { clipIndexers, ownedIndexers, recordingIndexers } from '../caches.ts'
import { aRecording, at, podConfig, start } from '../recording/testing.ts'
import { endPod, holdUp, run, schedule } from '../recording/testing-pods.ts'
import { Store } from '../runtime/store.ts'
import type { ObservedClip } from './decide.ts'
import { observeClip } from './observe.ts'
import { clipPod } from './pod.ts'
import { RecorderAnswers } from './recorder-answers.ts'

const aClip = (status: RecordingClipStatus = {}): RecordingClip => ({
  ...{ apiVersion, kind: clipKind, status },
  metadata: {
    ...{ name: 'proof', namespace: 'lessons', uid: 'clip-uid', resourceVersion: '1', generation: 1 },
    creationTimestamp: start.toISOString(),
  },
  spec: recordingClipSpecSchema.parse({ recordingRef: { name: 'math' }, from: '10s', to: '1m' }),
})

function aPod(attempt: number, ...changes: ((pod: Pod) => unknown)[]): Pod {
  const job = {
    clip: { name: 'proof', namespace: 'lessons', uid: 'clip-uid' },
    manifests: ['m'],
    from: '',
    to: '',
    users: [],
  } as never
  const pod = structuredClone(clipPod(aClip(), aRecording(), job, attempt, podConfig)) as Pod
  pod.metadata = { ...pod.metadata, uid: `pod-${attempt}`, resourceVersion: '2', creationTimestamp: at(0).toISOString() }
  pod.status = { phase: 'Pending' }
  for (const change of changes) change(pod)
  return pod
}
const runs = (pod: Pod) => run(pod, at(1))
const deletedAt = (seconds: number) => (pod: Pod) => Object.assign(pod.metadata, { deletionTimestamp: at(seconds).toISOString() })
const unschedulable = (pod: Pod) => {
  pod.status!.conditions = [
    {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message: '0/3 nodes',
      lastTransitionTime: at(2).toISOString(),
    },
  ] as never
}

async function see(pods: Pod[], { status = {}, seconds = 100 }: { status?: RecordingClipStatus; seconds?: number } = {}) {
  const caches = {
    recordings: new Store({ indexers: recordingIndexers }),
    pods: new Store<Pod, 'owner'>({ indexers: ownedIndexers }),
    clips: new Store({ indexers: clipIndexers }),
  }
  for (const pod of pods) caches.pods.wrote(pod)
  const client = { list: async () => ({ items: [] }) } as unknown as KubeClient
  const dependencies = { client, caches, answers: new RecorderAnswers(), now: at(seconds) }
  return (await observeClip(aClip(status), dependencies, AbortSignal.timeout(1000))).pod
}

describe('of its Pod a clip', () => {
  test.each<[string, Pod, Partial<ObservedClip['pod']>]>([
    ['that waits for a node', aPod(1), { is: 'atWork', word: 'AtWork', since: at(0) }],
    ['that no node has room for', aPod(1, unschedulable), { is: 'atWork', word: 'Unschedulable', since: at(2) }],
    [
      'whose image cannot be pulled',
      aPod(1, schedule, (pod) => holdUp(pod, at(3), 'ErrImagePull')),
      { is: 'atWork', word: 'ImagePullFailed' },
    ],
    [
      'whose container cannot be made',
      aPod(1, schedule, (pod) => holdUp(pod, at(3), 'CreateContainerConfigError')),
      { is: 'atWork', word: 'ContainerNotStarted' },
    ],
    ['that runs', aPod(1, schedule, runs), { is: 'atWork', word: 'AtWork', message: 'Pod proof-c1 is at work' }],
    ['that was deleted just now', aPod(1, schedule, runs, deletedAt(70)), { is: 'atWork', isLostAt: at(130) }],
    ['that should be gone', aPod(1, schedule, runs, deletedAt(40)), { is: 'lost', word: 'NodeSilent', attempt: 1 }],
    [
      'that ended without a word',
      aPod(2, schedule, runs, (pod) => endPod(pod, at(9), undefined)),
      { is: 'lost', word: 'NoResult', attempt: 2 },
    ],
  ])('%s knows what there is to know', async (_, pod, seen) => {
    expect(await see([pod])).toMatchObject(seen)
  })

  test('does not wait for one that is lost with its node, once that is told', async () => {
    const lost = aPod(1, schedule, runs, deletedAt(20))
    expect(await see([lost])).toMatchObject({ is: 'lost', attempt: 1 })
    expect(await see([lost], { status: { attempts: 1, nextAttemptTime: at(110).toISOString() } })).toEqual({ is: 'none' })
    expect(await see([lost], { status: { attempts: 2 } })).toEqual({ is: 'none' })
    expect(await see([lost, aPod(2, schedule, runs)], { status: { attempts: 2 } })).toMatchObject({ is: 'atWork', attempt: 2 })
    // When all is over, it is still to go.
    expect(await see([lost], { status: { completionTime: at(90).toISOString() } })).toMatchObject({ is: 'lost' })
  })
})
