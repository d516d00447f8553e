import {
  apiVersion,
  clipKind,
  clipsAnnotation,
  mostClipRequests,
  type Recording,
  type RecordingClip,
  recordingClipSpecSchema,
} from '@trtc-recorder/api'
import type { Pod } from '@trtc-recorder/kube'
import { describe, expect, test } from 'vitest'
import { abridgedPod } from '../abridged.ts'
import { recorderPod } from '../recording/pod.ts'
import { aRecording, at, podConfig } from '../recording/testing.ts'
import { toldRequests, volumeOfPod, wantedRequests } from './requests.ts'

const recording = { ...aRecording(), status: { startTime: at(0).toISOString() } }
const aClip = (
  uid: string,
  over: { made?: number; to?: string } & Partial<Pick<RecordingClip, 'status'>> = {},
): RecordingClip => {
  const { made = 0, to = '1m', ...rest } = over
  const spec = recordingClipSpecSchema.parse({ recordingRef: { name: 'math' }, from: '10s', to, users: ['teacher'] })
  const metadata = {
    name: uid,
    namespace: 'lessons',
    uid,
    resourceVersion: '1',
    generation: 1,
    creationTimestamp: at(made).toISOString(),
  }
  return { apiVersion, kind: clipKind, metadata, spec, ...rest }
}
const uidsOf = (clips: RecordingClip[], of: Pick<Recording, 'status'> = recording, seconds = 30) =>
  wantedRequests(clips, { ...recording, ...of }, 'math-v1', at(seconds)).clips.map(({ clip }) => clip.uid)
const putOff = {
  startTime: at(10).toISOString(),
  conditions: [{ type: 'Succeeded', status: 'Unknown', reason: 'RecordingUnderWay', message: '', observedGeneration: 1 }],
} as unknown as RecordingClip['status'] & object

describe('a recorder is asked for', () => {
  test('each clip by its times, whose and which it is', () => {
    expect(wantedRequests([aClip('a')], recording, 'math-v1', at(30))).toEqual({
      version: 1,
      clips: [
        {
          clip: { namespace: 'lessons', name: 'a', uid: 'a' },
          ...{ from: at(10).toISOString(), to: at(60).toISOString(), users: ['teacher'], streams: ['main', 'aux'], exact: false },
        },
      ],
    })
  })

  test('those that are not over, nor being deleted, and end within a minute', () => {
    const deleted = aClip('deleted')
    deleted.metadata.deletionTimestamp = at(1).toISOString()
    const over = aClip('over', { status: { completionTime: at(1).toISOString() } })
    expect(uidsOf([deleted, over, aClip('later', { to: '1m31s' }), aClip('now', { to: '1m30s' })])).toEqual(['now'])
    expect(uidsOf([aClip('a')], { status: {} })).toEqual([])
  })

  test('none that is of an earlier Recording of the same name', () => {
    const { uid } = recording.metadata
    const clips = [
      aClip('new'),
      aClip('own', { status: { recordingUid: uid } }),
      aClip('other', { status: { recordingUid: 'x' } }),
    ]
    expect(uidsOf(clips)).toEqual(['new', 'own'])
  })

  test('none that may be on another volume in part', () => {
    const attempts = [
      { number: 1, pod: 'math-a1', volume: 'math-v0', startTime: at(0).toISOString(), endTime: at(20).toISOString() },
    ]
    expect(uidsOf([aClip('a')], { status: { ...recording.status, attempts } })).toEqual([])
  })

  test('the oldest first, in the same order whoever asks', () => {
    const clips = [aClip('c', { made: 3 }), aClip('b', { made: 1 }), aClip('a', { made: 3 })]
    expect(uidsOf(clips)).toEqual(['b', 'a', 'c'])
    expect(uidsOf(clips.toReversed())).toEqual(['b', 'a', 'c'])
  })

  test('as many as it may be, those last that it has put off', () => {
    const clips = Array.from({ length: mostClipRequests + 1 }, (_, n) => aClip(`clip-${n}`, { made: n }))
    expect(uidsOf(clips)).toEqual(clips.slice(0, mostClipRequests).map(({ metadata }) => metadata.uid))
    const [first, ...others] = clips
    expect(uidsOf([{ ...first!, status: putOff }, ...others])).toEqual(others.map(({ metadata }) => metadata.uid))
    expect(uidsOf([{ ...first!, status: putOff }])).toEqual(['clip-0'])
  })
})

describe('a recorder Pod', () => {
  const made = recorderPod(
    aRecording(),
    { attempt: 1, volume: 'math-v1', uploadOnly: false, isBesideOthers: false },
    podConfig,
  ) as Pod
  const withAnnotation = (text: string | undefined): Pod => {
    const { [clipsAnnotation]: _, ...annotations } = made.metadata.annotations!
    if (text !== undefined) annotations[clipsAnnotation] = text
    return { ...made, metadata: { ...made.metadata, annotations } }
  }

  test('is asked for nothing when it is made, and is known by its volume in a cache as well', () => {
    const theirs = { name: 'cache', persistentVolumeClaim: { claimName: 'cache' } }
    const cached = abridgedPod({ ...made, spec: { ...made.spec!, volumes: [theirs, ...made.spec!.volumes!] } })
    expect(toldRequests(cached)).toEqual({ version: 1, clips: [] })
    expect(volumeOfPod(cached)).toBe('math-v1')
  })

  test('tells what it is asked for', () => {
    const wanted = wantedRequests([aClip('a')], recording, 'math-v1', at(30))
    expect(toldRequests(withAnnotation(JSON.stringify(wanted)))).toEqual(wanted)
  })

  test('of an earlier release cannot be asked; one whose annotation nobody can read is asked anew', () => {
    expect(toldRequests(withAnnotation(undefined))).toBeUndefined()
    for (const text of ['', '{', '{"version":2}', '[]'])
      expect(toldRequests(withAnnotation(text))).toEqual({ version: 1, clips: [] })
  })
})
