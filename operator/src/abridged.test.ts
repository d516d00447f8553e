import { type Recording, userAnnotations } from '@trtc-recorder/api'
import type { Pod } from '@trtc-recorder/kube'
import { describe, expect, test } from 'vitest'
import { abridgedPod, abridgedRecording, withoutBallast } from './abridged.ts'
import { identityOf, type RecordingIndex, recordingIndexers } from './caches.ts'
import { Admission } from './recording/admission.ts'
import { decide } from './recording/decide.ts'
import { isKept } from './recording/expiry.ts'
import { recorderPod } from './recording/pod.ts'
import { aRecording, podConfig } from './recording/testing.ts'
import { World } from './recording/testing-world.ts'
import { Store } from './runtime/store.ts'

const finalizers = ['trtc-recorder.dev/recording']
const finished = (more: object = {}): Recording => {
  const recording = aRecording()
  return {
    ...recording,
    metadata: { ...recording.metadata, ...more },
    status: {
      completionTime: '2026-03-01T11:00:00.000Z',
      conditions: [
        { type: 'Succeeded', status: 'True', reason: 'Completed', message: 'x'.repeat(500) },
        { type: 'Stored', status: 'True', reason: 'Completed', message: 'x'.repeat(500) },
      ] as never,
      files: Array.from({ length: 50 }, (_, n) => ({ userId: `u${n}`, url: 'x'.repeat(200) })) as never,
    },
  }
}

describe('a finished Recording in a cache', () => {
  test('is small, and still says who it was and how it ended', () => {
    const short = abridgedRecording(finished())
    expect(JSON.stringify(short).length).toBeLessThan(800)
    expect(identityOf(short)).toBe(identityOf(finished()))
    expect(short.metadata).toMatchObject({ uid: 'recording-uid', resourceVersion: expect.any(String) })
    expect(short.status?.conditions).toMatchObject([{ type: 'Succeeded', status: 'True', reason: 'Completed' }])
  })

  test('is looked at like any other', () => {
    const recordings = new Store<Recording, RecordingIndex>({ indexers: recordingIndexers })
    const pods = new Store<Pod, 'owner'>({ indexers: { owner: () => [] } })
    const short = abridgedRecording(finished())
    recordings.replace([short], { resourceVersion: '1', rewound: false })
    const admission = new Admission({
      caches: { recordings, pods },
      limits: { perNamespace: undefined, perCluster: undefined },
      priorityOf: () => 0,
      wake() {},
    })
    expect(admission.ask(short)).toMatchObject({ identityHeldBy: undefined, isBesideOthers: false, place: { is: 'free' } })
  })

  test('is as small when the gateway has made it', () => {
    const annotations = { 'trtc-recorder.dev/request-fingerprint': 'x'.repeat(64), 'trtc-recorder.dev/task-expires': 'tomorrow' }
    expect(JSON.stringify(abridgedRecording(finished({ annotations }))).length).toBeLessThan(800)
  })

  test.each(Object.keys(userAnnotations))('is as small when %s was heeded, and whole again when it is asked for anew', (name) => {
    const asked = (value: string) => {
      const recording = finished({ annotations: { [`trtc-recorder.dev/${name}`]: value } })
      recording.status!.handled = { [name]: 'x'.repeat(256) }
      return recording
    }
    // Of a long value the status notes as much as it can.
    expect(JSON.stringify(abridgedRecording(asked('x'.repeat(1000)))).length).toBeLessThan(800)
    expect(abridgedRecording(asked('again'))).toEqual(asked('again'))
  })

  test('is as small when somebody keeps it, and still kept', () => {
    const short = abridgedRecording(finished({ annotations: { 'trtc-recorder.dev/keep': '', other: 'x'.repeat(1000) } }))
    expect(JSON.stringify(short).length).toBeLessThan(800)
    expect(isKept(short)).toBe(true)
    expect(isKept(abridgedRecording(finished({ annotations: { 'trtc-recorder.dev/keep': 'false' } })))).toBe(false)
  })

  test('is whole as long as it is held, or a user wants something of it', () => {
    for (const more of [{ finalizers }, { annotations: { 'trtc-recorder.dev/redeliver-callback': 'now' } }]) {
      expect(abridgedRecording(finished(more))).toEqual(finished(more))
    }
    const untold = finished({})
    untold.status!.callback = { id: 'u/result', state: 'Pending', attempts: 0, dueSince: '2026-03-01T10:00:00.000Z' }
    expect(abridgedRecording(untold)).toEqual(untold)
    const missed = finished({})
    missed.status!.volumes = [{ name: 'math-v1', state: 'Holding' }]
    expect(abridgedRecording(missed)).toEqual(missed)
    const running = aRecording()
    expect(abridgedRecording(running)).toEqual(running)
  })

  test('is left alone: what was cut short is never written back', () => {
    const recording = abridgedRecording(finished({ generation: 9 }))
    const plan = decide(new World(recording).observed(), new Date())
    expect(plan.actions).toEqual([])
    expect(plan.status).toEqual(recording.status)
  })
})

test('a Pod in a cache is small, and still says what is asked of it', () => {
  const order = { attempt: 1, uploadOnly: false, volume: 'math-v1', isBesideOthers: false }
  const pod = recorderPod(aRecording(), order, podConfig) as unknown as Pod
  pod.spec!.nodeName = 'node-1'
  const short = abridgedPod(pod)
  expect(JSON.stringify(short.spec).length).toBeLessThan(JSON.stringify(pod.spec).length / 4)
  expect(short).toMatchObject({
    metadata: pod.metadata,
    spec: { nodeName: 'node-1', containers: [{ name: 'recorder', image: podConfig.image }] },
  })
  expect(short.spec?.volumes).toContainEqual({ name: 'work', persistentVolumeClaim: { claimName: 'math-v1' } })
  expect(short.spec?.volumes?.map(({ name }) => name)).toContain('control')
})

test('what kubectl keeps for itself is not kept', () => {
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}', mine: 'yes' }
  const recording = aRecording()
  const kept = withoutBallast({ ...recording, metadata: { ...recording.metadata, annotations, managedFields: [{}] } as never })
  expect(kept.metadata).not.toHaveProperty('managedFields')
  expect(kept.metadata).toMatchObject({ annotations: { mine: 'yes' } })
  expect(JSON.stringify(kept.metadata)).not.toContain('last-applied')
})
