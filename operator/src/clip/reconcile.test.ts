import { apiVersion, clipKind, type Recording, type RecordingClip, recordingClipSpecSchema } from '@trtc-recorder/api'
import type { KubeClient, Pod } from '@trtc-recorder/kube'
import type { Logger } from 'pino'
import { expect, test } from 'vitest'
import { clipIndexers, ownedIndexers, recordingIndexers } from '../caches.ts'
import { recorderPod } from '../recording/pod.ts'
import { SecondTries } from '../recording/second-tries.ts'
import { aRecording, at, podConfig } from '../recording/testing.ts'
import { enter } from '../recording/testing-pods.ts'
import { Store } from '../runtime/store.ts'
import { reconcileClip } from './reconcile.ts'
import { RecorderAnswers } from './recorder-answers.ts'
import { RefusalsInARow } from './refusals-in-a-row.ts'

const log = { warn() {}, info() {}, debug() {}, error() {} } as unknown as Logger

/** One look at a clip that a recorder can be asked for from at(240) on; the clock goes on by a millisecond each time that it is looked at. */
async function looks(from: Date) {
  const recording: Recording = { ...aRecording(), status: { startTime: at(0).toISOString() } }
  const order = { attempt: 1, volume: 'math-v1', uploadOnly: false, isBesideOthers: false }
  const pod = recorderPod(recording, order, podConfig) as Pod
  pod.metadata = { ...pod.metadata, uid: 'pod', resourceVersion: '2', creationTimestamp: at(0).toISOString() }
  enter(pod, at(0))
  const clip: RecordingClip = {
    ...{ apiVersion, kind: clipKind },
    metadata: {
      ...{ name: 'proof', namespace: 'lessons', uid: 'clip-uid', resourceVersion: '1', generation: 1 },
      creationTimestamp: at(0).toISOString(),
    },
    spec: recordingClipSpecSchema.parse({ recordingRef: { name: 'math' }, from: '10s', to: '5m' }),
    status: { recordingUid: recording.metadata.uid },
  }
  const caches = {
    recordings: new Store({ indexers: recordingIndexers }),
    pods: new Store<Pod, 'owner'>({ indexers: ownedIndexers }),
    clips: new Store({ indexers: clipIndexers }),
  }
  caches.recordings.wrote(recording)
  caches.pods.wrote(pod)
  caches.clips.wrote(clip)
  let written = clip
  const client = {
    replace: async (_: unknown, object: RecordingClip) => {
      written = object
      return object
    },
  } as unknown as KubeClient
  let isAsked = false
  let millis = from.getTime()
  await reconcileClip(
    clip,
    {
      ...{ client, caches, pod: podConfig, answers: new RecorderAnswers(), refusals: new RefusalsInARow(), heeded: new Map() },
      ...{ events: { record() {}, flush: async () => {} }, metrics: { clipFinished() {} } },
      secondTries: new SecondTries<RecordingClip>({ objects: caches.clips, refused: () => undefined, wake() {} }),
      onAsk() {
        isAsked = true
      },
      now: () => new Date(millis++),
    },
    { id: '', log, signal: new AbortController().signal },
  )
  return { isAsked, message: written.status?.conditions?.[0]?.message }
}

test('whatever the clock does meanwhile, a clip that can be asked for is not said to wait for others', async () => {
  for (let early = 0; early <= 12; early += 1) {
    const { isAsked, message } = await looks(new Date(at(240).getTime() - early))
    expect(message, `${early} ms before`).toContain(isAsked ? 'is asked for it' : 'the clip ends at')
  }
})
