import {
  apiVersion,
  type ClipAnswer,
  clipKind,
  clipsAnnotation,
  mostClipRequests,
  type Recording,
  type RecordingClip,
  recordingClipSpecSchema,
} from '@trtc-recorder/api'
import { ApiError, type KubeClient, type Pod } from '@trtc-recorder/kube'
import { describe, expect, test } from 'vitest'
import { clipIndexers, ownedIndexers, recordingIndexers } from '../caches.ts'
import { recorderPod } from '../recording/pod.ts'
import { aProgress, aRecording, at, podConfig } from '../recording/testing.ts'
import { endPod, enter, run } from '../recording/testing-pods.ts'
import { Store } from '../runtime/store.ts'
import { observeClip } from './observe.ts'
import { RecorderAnswers } from './recorder-answers.ts'
import { wantedRequests } from './requests.ts'

const aClip = (name = 'proof', made = 0): RecordingClip => ({
  ...{ apiVersion, kind: clipKind },
  metadata: {
    name,
    namespace: 'lessons',
    uid: `${name}-uid`,
    resourceVersion: '1',
    generation: 1,
    creationTimestamp: at(made).toISOString(),
  },
  spec: recordingClipSpecSchema.parse({ recordingRef: { name: 'math' }, from: '10s', to: '1m' }),
})
const aRecordingUnderWay = (attempts: object[] = []): Recording => ({
  ...aRecording(),
  status: { startTime: at(0).toISOString(), attempts: attempts as [] },
})
function aPod(...changes: ((pod: Pod) => unknown)[]): Pod {
  return anAttempt(1, ...changes)
}
function anAttempt(attempt: number, ...changes: ((pod: Pod) => unknown)[]): Pod {
  const pod = structuredClone(
    recorderPod(aRecording(), { attempt, volume: 'math-v1', uploadOnly: false, isBesideOthers: false }, podConfig),
  ) as Pod
  pod.metadata = { ...pod.metadata, uid: `pod-${attempt}`, resourceVersion: '2', creationTimestamp: at(0).toISOString() }
  for (const change of changes) change(pod)
  return pod
}
const starting = (pod: Pod) => run(pod, at(0))
const inRoom = (pod: Pod) => enter(pod, at(0))
const askedFor =
  (...clips: RecordingClip[]) =>
  (pod: Pod) => {
    pod.metadata.annotations![clipsAnnotation] = JSON.stringify(wantedRequests(clips, aRecordingUnderWay(), 'math-v1', at(60)))
  }
const waiting: ClipAnswer = { is: 'waiting', uid: 'proof-uid', message: 'a key frame is awaited' }

/** Of its Recording: what the cache has, and what the API server. */
async function seeRecording(
  clip: RecordingClip,
  known: { cached?: Recording | undefined; live?: Recording | undefined },
  pods: Pod[] = [],
  clips = [clip],
  seconds = 61,
) {
  const caches = {
    recordings: new Store({ indexers: recordingIndexers }),
    pods: new Store<Pod, 'owner'>({ indexers: ownedIndexers }),
    clips: new Store({ indexers: clipIndexers }),
  }
  if (known.cached !== undefined) caches.recordings.wrote(known.cached)
  for (const pod of pods) caches.pods.wrote(pod)
  for (const clip of clips) caches.clips.wrote(clip)
  const urls: string[] = []
  const answers = new RecorderAnswers(async (url) => {
    urls.push(url)
    return aProgress({ clips: [waiting] })
  })
  let reads = 0
  const client = {
    get: async () => {
      reads += 1
      if (known.live === undefined) throw new ApiError('get', 404, { reason: 'NotFound' })
      return known.live
    },
  } as unknown as KubeClient
  const { recording } = await observeClip(clip, { client, caches, answers, now: at(seconds) }, AbortSignal.timeout(1000))
  return { recording, urls, reads }
}

/** How the clip sees its recorder, and what was asked over HTTP for that. */
async function see(pods: Pod[], { clips = [aClip()], seconds = 61, recording = aRecordingUnderWay() } = {}) {
  const seen = await seeRecording(clips[0]!, { cached: recording, live: recording }, pods, clips, seconds)
  if (seen.recording.is !== 'underWay') throw new Error(`The recording is ${seen.recording.is}`)
  return { recorder: seen.recording.recorder, urls: seen.urls }
}

describe('the Recording of a clip', () => {
  const former = aRecordingUnderWay()
  const own = former.metadata.uid
  const namesake: Recording = {
    ...former,
    metadata: { ...former.metadata, uid: 'another', creationTimestamp: at(30).toISOString() },
  }
  const finished = { ...former, status: { ...former.status, completionTime: at(40).toISOString() } }
  const retry = { 'trtc-recorder.dev/retry-upload': '1' }
  const annotated = { ...aClip().metadata, annotations: retry }

  test.each<[string, RecordingClip['status'], Parameters<typeof seeRecording>[1], string, number]>([
    ['none where there was none yet', {}, {}, 'missing', 0],
    ['the first that there is, as the API server has it', {}, { cached: former, live: namesake }, 'underWay another', 1],
    ['none where the cache has not heard that it is gone', {}, { cached: former }, 'missing', 1],
    ['that one from then on', { recordingUid: own }, { cached: former, live: namesake }, `underWay ${own}`, 0],
    ['that one, which the cache has not heard of yet', { recordingUid: own }, { live: former }, `underWay ${own}`, 1],
    [
      'that one behind a cache that is older',
      { recordingUid: 'another' },
      { cached: former, live: namesake },
      'underWay another',
      1,
    ],
    ['no later one of the name', { recordingUid: own }, { cached: namesake, live: namesake }, 'deleted', 1],
    [
      'no later one where that one is still taken for over',
      { recordingUid: own },
      { cached: finished, live: namesake },
      'deleted',
      1,
    ],
    ['none any more', { recordingUid: own }, {}, 'deleted', 1],
  ])('is %s', async (_, status, known, is, reads) => {
    const { recording, ...seen } = await seeRecording({ ...aClip(), status: status! }, known)
    const uid = 'recording' in recording ? ` ${recording.recording.metadata.uid}` : ''
    expect([`${recording.is}${uid}`, seen.reads]).toEqual([is, reads])
  })

  test.each<[string, RecordingClip['status'], boolean, string, number]>([
    ['is asked for by nobody', { recordingUid: own }, false, 'unseen', 0],
    ['is gone for whoever wants it cut anew', { recordingUid: own }, true, 'deleted', 1],
    ['is another, also where nobody noted whose it was', { completionTime: at(20).toISOString() }, true, 'deleted', 1],
  ])('of one that is over %s', async (_, status, isWanted, is, reads) => {
    const clip = { ...aClip(), status: { completionTime: at(50).toISOString(), ...status } }
    if (isWanted) clip.metadata = annotated
    const seen = await seeRecording(clip, { cached: namesake, live: namesake })
    expect([seen.recording.is, seen.reads]).toEqual([is, reads])
  })
})

describe('of a Recording that goes on, a clip', () => {
  test('sees a recorder in the room, which can be asked', async () => {
    expect(await see([aPod(inRoom)])).toEqual({
      recorder: { is: 'notAsked', pod: 'math-a1', volume: 'math-v1', since: at(61) },
      urls: [],
    })
  })

  test('hears what a recorder says that was asked for it, when its end has come and not before', async () => {
    const pod = aPod(inRoom, askedFor(aClip()))
    const asked = { is: 'asked', pod: 'math-a1', volume: 'math-v1' } as const
    expect(await see([pod])).toEqual({
      recorder: { ...asked, answer: waiting, since: at(61), heard: at(61) },
      urls: ['http://10.91.0.5:8080/status'],
    })
    const before = await see([pod], { seconds: 59 })
    expect(before).toMatchObject({ recorder: { ...asked, answer: { is: 'silent' } }, urls: [] })
  })

  test('hears it also while the recorder leaves the room', async () => {
    const pod = aPod(starting, askedFor(aClip()))
    expect((await see([pod])).recorder).toMatchObject({ is: 'asked', answer: waiting })
  })

  test('is not asked of a recorder that has as many others to cut as it may', async () => {
    const others = Array.from({ length: mostClipRequests }, (_, n) => aClip(`older-${n}`, n - 100))
    expect((await see([aPod(inRoom)], { clips: [aClip(), ...others] })).recorder).toMatchObject({ is: 'busy', pod: 'math-a1' })
    expect((await see([aPod(inRoom)], { clips: [aClip('first', -200), ...others] })).recorder.is).toBe('notAsked')
  })

  test.each<[string, Pod[], string, object[]?]>([
    ['there is no Pod', [], 'no recorder is in the room'],
    ['it has ended', [aPod((pod) => endPod(pod, at(50), undefined))], 'no recorder is in the room'],
    ['it is on its way', [aPod(starting)], 'Pod math-a1 is not in the room'],
    [
      'the newest is on its way, whatever an earlier one does',
      [aPod(inRoom), anAttempt(2, starting)],
      'Pod math-a2 is not in the room',
    ],
    [
      'its Pod only uploads',
      [aPod(inRoom)],
      'no recorder is in the room',
      [{ number: 1, pod: 'math-a1', volume: 'math-v1', uploadOnly: true }],
    ],
    [
      'its node is silent, although it was asked',
      [aPod(inRoom, askedFor(aClip()), ({ status }) => Object.assign(status!, { reason: 'NodeLost' }))],
      'does not answer',
    ],
    [
      'its Pod is of an earlier release',
      [aPod(inRoom, ({ metadata }) => delete metadata.annotations![clipsAnnotation])],
      'was made by an earlier release',
    ],
  ])('sees none that can be asked where %s', async (_, pods, why, attempts = []) => {
    const seen = await see(pods, { recording: aRecordingUnderWay(attempts) })
    expect(seen).toEqual({ recorder: { is: 'none', why: expect.stringContaining(why) }, urls: [] })
  })
})
