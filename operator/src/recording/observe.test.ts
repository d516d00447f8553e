import type { RecorderProgress, Recording } from '@trtc-recorder/api'
import type { KubeClient, PersistentVolumeClaim, Pod } from '@trtc-recorder/kube'
import { ApiError } from '@trtc-recorder/kube'
import { describe, expect, test } from 'vitest'
import { ownedIndexers, recordingIndexers } from '../caches.ts'
import { Store } from '../runtime/store.ts'
import { DepartedPods } from './departed.ts'
import { labels } from './names.ts'
import { observe } from './observe.ts'
import { recorderPod } from './pod.ts'
import { volumeClaim } from './pvc.ts'
import { aFile, aProgress, aRecording, aResult, at, podConfig } from './testing.ts'
import { endPod, enter, run, schedule } from './testing-pods.ts'

function aCluster(
  recording: Recording,
  objects: { pods?: Pod[]; claims?: PersistentVolumeClaim[]; says?: RecorderProgress['state'] } = {},
) {
  const caches = {
    recordings: new Store({ indexers: recordingIndexers }),
    pods: new Store<Pod, 'owner'>({ indexers: ownedIndexers }),
    claims: new Store<PersistentVolumeClaim, 'owner'>({ indexers: ownedIndexers }),
  }
  caches.recordings.wrote(recording)
  for (const pod of objects.pods ?? []) caches.pods.wrote(pod)
  for (const claim of objects.claims ?? []) caches.claims.wrote(claim)
  const asked: string[] = []
  const live = { recording, pod: undefined as Pod | undefined, log: undefined as string | undefined }
  const client = {
    get: async ({ plural }: { plural: string }, { name }: { name: string }) => {
      asked.push(`get ${name}`)
      if (plural === 'recordings') return live.recording
      if (live.pod === undefined) throw new ApiError('get pods', 404, { reason: 'NotFound' })
      return live.pod
    },
    text: async (_: string, path: string) => {
      asked.push(path)
      if (live.log === undefined) throw new ApiError('log', 500, { message: 'no kubelet' })
      return live.log
    },
  } as unknown as KubeClient
  const departed = new DepartedPods()
  const progress = {
    follow: () => ({ is: 'known' as const, said: aProgress({ recordedBytes: 7, state: objects.says ?? 'recording' }) }),
  }
  const look = (seconds = 20) =>
    observe(recording, { client, caches, departed, progress, image: podConfig.image }, at(seconds), AbortSignal.timeout(1000))
  return { look, asked, live, departed }
}

const aPod = (change: (pod: Pod) => void = () => {}): Pod => {
  const made = structuredClone(
    recorderPod(aRecording(), { attempt: 1, volume: 'math', uploadOnly: false, isBesideOthers: false }, podConfig),
  ) as unknown as Pod
  made.metadata = { ...made.metadata, uid: 'pod-uid', resourceVersion: '2', creationTimestamp: at(0).toISOString() }
  change(made)
  return made
}

const attempting = (podUid: string): Recording => ({
  ...aRecording(),
  status: { attempts: [{ number: 1, pod: 'math-a1', podUid }] },
})

describe('what is observed', () => {
  test('is a Pod of the Recording, where it is, and what its recorder says of itself', async () => {
    const { look, asked } = aCluster(attempting('pod-uid'), { pods: [aPod((pod) => enter(pod, at(3)))] })
    const observed = await look()
    expect(observed.pods).toMatchObject([{ state: { kind: 'inRoom' } }])
    expect(observed.progress).toMatchObject({ is: 'known', said: { recordedBytes: 7 } })
    expect(asked).toEqual([])
  })

  test('is a recorder in the room as soon as it says so itself, which its probe does up to a second later', async () => {
    const isRunning = (pod: Pod) => run(pod, at(2))
    const { look } = aCluster(attempting('pod-uid'), { pods: [aPod(isRunning)] })
    expect((await look(4)).pods).toMatchObject([{ state: { kind: 'inRoom', since: at(4).toISOString() } }])
    const waiting = aCluster(attempting('pod-uid'), { pods: [aPod(isRunning)], says: 'starting' })
    expect((await waiting.look(4)).pods).toMatchObject([{ state: { kind: 'starting' } }])
  })

  test('is a recorder that has left already, and not a silent node, if it says so itself', async () => {
    const isRunning = (pod: Pod) => run(pod, at(2))
    const late = aCluster(attempting('pod-uid'), { pods: [aPod(isRunning)], says: 'finishing' })
    expect((await late.look(500)).pods).toMatchObject([{ state: { kind: 'leaving' } }])
    const hung = aCluster(attempting('pod-uid'), { pods: [aPod(isRunning)], says: 'starting' })
    expect((await hung.look(500)).pods).toMatchObject([{ state: { kind: 'silent' } }])
  })

  test.each([
    ['leaving', 'not any more', 5],
    ['silent', 'never', 1],
  ])(
    'is %s where the recorder itself tells nothing of it, by what the kubelet says of one that was ready: %s',
    async (kind, _, since) => {
      const running = aPod((pod) => {
        run(pod, at(2))
        pod.status!.conditions = [{ type: 'ContainersReady', status: 'False', lastTransitionTime: at(since).toISOString() }]
      })
      const { look } = aCluster(attempting('pod-uid'), { pods: [running], says: 'starting' })
      expect((await look(500)).pods).toMatchObject([{ state: { kind } }])
    },
  )

  test('is that also of the first recorder of all, of which no status tells yet, with what it says of itself', async () => {
    const { look } = aCluster(aRecording(), { pods: [aPod((pod) => run(pod, at(2)))] })
    const observed = await look(4)
    expect(observed.pods).toMatchObject([{ state: { kind: 'inRoom', since: at(4).toISOString() } }])
    expect(observed.progress).toMatchObject({ is: 'known', said: { recordedBytes: 7 } })
  })

  test('is not what only has its name or label', async () => {
    const foreign = aPod((pod) => {
      pod.metadata.ownerReferences = [{ apiVersion: 'v1', kind: 'Other', name: 'x', uid: 'another', controller: true }]
    })
    const stolen = volumeClaim(aRecording(), 'math', podConfig.options) as unknown as PersistentVolumeClaim
    stolen.metadata = { ...stolen.metadata, uid: 'v', ownerReferences: foreign.metadata.ownerReferences! }
    const { look } = aCluster(aRecording(), { pods: [foreign], claims: [stolen] })
    expect(await look()).toMatchObject({ pods: [], claims: [] })
  })

  test('is not what somebody has put its UID on in another namespace', async () => {
    const pod = aPod((forged) => endPod(forged, at(10), aResult({ files: [aFile('mallory')] })))
    const claim = volumeClaim(aRecording(), 'math', podConfig.options) as unknown as PersistentVolumeClaim
    for (const { metadata } of [pod, claim]) Object.assign(metadata, { namespace: 'another', uid: 'forged', ownerReferences: [] })
    const { look, asked } = aCluster(aRecording(), { pods: [pod], claims: [claim] })
    expect(await look()).toMatchObject({ pods: [], claims: [] })
    expect(asked).toEqual([])
  })

  test('is asked of the API server also for a Pod that only a newer Recording than the cache has tells of', async () => {
    const later = aPod((pod) => {
      pod.metadata = { ...pod.metadata, name: 'math-a3', uid: 'third', labels: { ...pod.metadata.labels, [labels.attempt]: '3' } }
    })
    const { look, live, asked } = aCluster(attempting('pod-uid'), { pods: [aPod((pod) => enter(pod, at(3))), later] })
    const attempts = [1, 2, 3].map((number) => ({
      number,
      pod: `math-a${number}`,
      podUid: ['pod-uid', 'second', 'third'][number - 1],
    }))
    live.recording = { ...aRecording(), status: { attempts } } as Recording
    live.pod = aPod((pod) => {
      pod.metadata = { ...pod.metadata, name: 'math-a2', uid: 'second' }
    })
    expect((await look()).pods.map(({ pod }) => pod.metadata.uid).toSorted()).toEqual(['pod-uid', 'second', 'third'])
    expect(asked).toEqual(['get math', 'get math-a2'])
  })

  test('is asked of the API server when the cache does not have the Pod of an attempt', async () => {
    const missing = aCluster(attempting('pod-uid'))
    expect((await missing.look()).pods).toEqual([])
    expect(missing.asked).toEqual(['get math-a1'])

    const late = aCluster(attempting('pod-uid'))
    late.live.pod = aPod()
    expect((await late.look()).pods).toHaveLength(1)

    const another = aCluster(attempting('former-uid'))
    another.live.pod = aPod()
    expect((await another.look()).pods).toMatchObject([{ pod: { metadata: { uid: 'pod-uid' } } }])
  })

  test('is nothing of a Pod that is only planned', async () => {
    const { look, asked } = aCluster(attempting(''))
    expect((await look()).pods).toEqual([])
    expect(asked).toEqual([])
  })
})

describe('a Pod that is gone', () => {
  const scheduled = aPod(schedule)

  test.each<[string, { isStale?: true }, object[]]>([
    ['is told of as what it was last, where a watch says so', {}, [{ isGone: true, state: { end: { isUnheard: true } } }]],
    ['is none of whom anything is known, where a list says so: it may have recorded since it was seen', { isStale: true }, []],
  ])('%s', async (_, how, pods) => {
    const { look, departed } = aCluster(attempting('pod-uid'))
    departed.remember({ object: scheduled, ...how })
    expect((await look()).pods).toMatchObject(pods)
  })

  test('is told of by its end, whoever says that it is gone', async () => {
    const { look, departed } = aCluster(attempting('pod-uid'))
    departed.remember({ object: aPod((pod) => endPod(pod, at(10), aResult())), isStale: true })
    expect((await look()).pods).toMatchObject([{ state: { end: { result: { outcome: 'Completed' } } } }])
  })
})

describe('a result', () => {
  const short = aResult({ filesOmitted: 2 })
  const whole = aResult({ files: [aFile('alice'), aFile('bob', { path: 'b' })] })
  const ended = (result: typeof short | undefined, exitCode?: number) =>
    aCluster(attempting('pod-uid'), {
      pods: [aPod((pod) => endPod(pod, at(10), result, exitCode === undefined ? {} : { exitCode }))],
    })

  test('is the termination message where that is whole', async () => {
    const { look, asked } = ended(whole)
    expect((await look()).pods).toMatchObject([{ state: { kind: 'ended', end: { result: { files: [{}, {}] } } } }])
    expect(asked).toEqual([])
  })

  test('is read from the log where its files did not fit', async () => {
    const cluster = ended(short)
    cluster.live.log = `{"msg":"Uploaded"}\n${JSON.stringify({ msg: 'result', result: whole })}\n`
    expect((await cluster.look()).pods).toMatchObject([{ state: { kind: 'ended', end: { result: { files: [{}, {}] } } } }])
    expect(cluster.asked[0]).toContain('/pods/math-a1/log?container=recorder')
  })

  test('is waited for while the log cannot be read, and after two minutes taken as it is', async () => {
    const { look } = ended(short)
    expect((await look(60)).pods).toMatchObject([
      { state: { kind: 'resultPending', message: expect.stringContaining('no kubelet') } },
    ])
    expect((await look(200)).pods).toMatchObject([{ state: { kind: 'ended', end: { result: { filesOmitted: 2 } } } }])
  })

  test.each([0, 16])('is waited for as well where a recorder ended with %i, and its message was lost', async (exitCode) => {
    const { look } = ended(undefined, exitCode)
    expect((await look(60)).pods).toMatchObject([{ state: { kind: 'resultPending' } }])
    expect((await look(200)).pods).toMatchObject([{ state: { kind: 'ended', end: { result: undefined } } }])
  })

  test('is looked for in the log of a recorder that left no message, and may not be there', async () => {
    const found = ended(undefined, 16)
    found.live.log = JSON.stringify({ msg: 'result', result: whole })
    expect((await found.look()).pods).toMatchObject([{ state: { end: { result: { outcome: 'Completed' } } } }])
    expect((await ended(undefined, 137).look()).pods).toMatchObject([{ state: { kind: 'ended', end: { result: undefined } } }])
  })
})
