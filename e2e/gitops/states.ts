import {
  apiVersion,
  type ClipFile,
  clipKind,
  policyKind,
  type Recording,
  type RecordingClip,
  type RecordingPolicy,
  recordingClipSpecSchema,
} from '@trtc-recorder/api'
import { type Fact, statusAfter } from '../../gateway/src/events/status.ts'
import { decideClip, type ObservedClip } from '../../operator/src/clip/decide.ts'
import { clipWork } from '../../operator/src/clip/pod.ts'
import { Refusal } from '../../operator/src/recording/refusal.ts'
import { aFile, aRecording, aResult, at, interrupted, stoppedBy } from '../../operator/src/recording/testing.ts'
import { World } from '../../operator/src/recording/testing-world.ts'

export interface State {
  what: string
  object: Recording | RecordingClip | RecordingPolicy
  argo: 'Healthy' | 'Progressing' | 'Degraded' | 'Suspended'
  /** What Flux and kstatus call it. */
  kstatus: 'Current' | 'InProgress' | 'Failed' | 'Terminating'
  /** What Flux says by its expressions, where kstatus has no word for it. */
  flux?: 'Current' | 'InProgress' | 'Failed'
}

const starting = () => new World().settle().scheduled()
const inRoom = () => starting().inRoom()
const neverStarted = (outcome: 'SecretNotFound' | 'RoomRefused') =>
  starting().ends(aResult({ outcome, stopReason: 'NeverStarted', message: 'Because.' }))
const unstored = (outcome: 'UploadIncomplete' | 'UploadRefused') =>
  inRoom().ends(aResult({ outcome, stopReason: 'Idle', startedAt: at(1).toISOString(), files: [aFile('alice', { status: 0 })] }))

const progressing: [string, () => World][] = [
  ['its Pod not being on a node', () => new World().settle()],
  ['its recorder on its way into the room', starting],
  ['a missing Secret', () => neverStarted('SecretNotFound')],
  [
    'another in the room',
    () => {
      const world = new World()
      world.heldBy = 'Recording math'
      return world.settle()
    },
  ],
  [
    'others before it in line',
    () => {
      const world = new World()
      world.place = { is: 'waits', at: 3, of: 5, within: 'namespace', limit: 2 }
      return world.settle()
    },
  ],
  [
    'a quota that is used up',
    () => {
      const world = new World()
      world.refuses = { createPod: new Refusal('QuotaExceeded', 'exceeded quota') }
      return world.settle()
    },
  ],
  ['a lost connection, before the next attempt', () => inRoom().ends(interrupted)],
  [
    'a silent node',
    () =>
      inRoom().podBecomes(({ status }) => {
        const lastTransitionTime = at(0).toISOString()
        status!.conditions = [
          { type: 'Ready', status: 'False', lastTransitionTime },
          { type: 'ContainersReady', status: 'True' },
        ]
      }),
  ],
  ['a stop that its recorder has not followed yet', () => inRoom().stop()],
  [
    'its Pod being deleted by somebody',
    () =>
      inRoom().podBecomes((pod) => {
        pod.metadata.deletionTimestamp = at(1).toISOString()
      }),
  ],
  ['COS away when all was to be stored', () => unstored('UploadIncomplete')],
  ['an upload that goes on', () => unstored('UploadIncomplete').after(5).scheduled()],
]
const recording: [string, () => World][] = [['being in the room', inRoom]]
const stored: [string, () => World][] = [
  ['all being stored', () => inRoom().ends(stoppedBy('RoomDismissed', aFile('alice')))],
  ['nobody having come', () => inRoom().ends(stoppedBy('Idle'))],
  ['a stop before it began', () => new World().stop()],
]
const failed: [string, () => World][] = [
  ['a refusal by TRTC', () => neverStarted('RoomRefused')],
  [
    'a file that could not be made whole',
    () => inRoom().ends(aResult({ outcome: 'FileFailed', stopReason: 'Idle', files: [aFile('alice', { status: 0 })] })),
  ],
  ['COS refusing what is left', () => unstored('UploadRefused')],
  [
    'a lost volume',
    () => {
      const world = unstored('UploadIncomplete')
      world.claims = []
      return world.after(5)
    },
  ],
]

const paused = () => {
  const world = inRoom()
  world.progress = { state: 'paused', participants: [], recordedBytes: 0, uploadedBytes: 0, files: [], live: [] } as never
  return world.changes({ desiredState: 'Paused' })
}

const all = (worlds: [string, () => World][], argo: State['argo'], kstatus: State['kstatus']): State[] =>
  worlds.map(([what, make]) => ({ what, object: make().recording, argo, kstatus }))

/** Argo CD and Flux look at no status then, either. */
const deleted = (): State => {
  const { recording } = inRoom().ends(stoppedBy('RoomDismissed', aFile('alice')))
  const metadata = { ...recording.metadata, deletionTimestamp: at(9).toISOString() }
  return {
    ...{ what: 'its deletion under way, all being stored', object: { ...recording, metadata } },
    ...{ argo: 'Progressing', kstatus: 'Terminating', flux: 'InProgress' },
  }
}

/** What another release, or somebody's hand, may have left in a status. */
const odd = (): State[] => {
  const { recording } = inRoom().ends(stoppedBy('RoomDismissed', aFile('alice')))
  const { status = {} } = recording
  const of = (status: object) => ({ ...recording, status }) as Recording
  const stalled = { type: 'Stalled', status: 'True', reason: 'FromALaterRelease', message: 'Because.' }
  return [
    {
      what: 'a spec that nobody has looked at since it was stored',
      object: behind(recording),
      argo: 'Progressing',
      kstatus: 'InProgress',
    },
    { what: 'no conditions', object: of({ observedGeneration: 1 }), argo: 'Progressing', kstatus: 'Current', flux: 'InProgress' },
    {
      what: 'nothing but trouble',
      object: of({ observedGeneration: 1, conditions: [stalled] }),
      argo: 'Degraded',
      kstatus: 'Failed',
    },
    {
      what: 'a status of no generation',
      object: of({ ...status, observedGeneration: undefined }),
      argo: 'Healthy',
      kstatus: 'Current',
    },
  ]
}
const behind = <T extends Recording>(recording: T): T => ({ ...recording, metadata: { ...recording.metadata, generation: 2 } })

/** A Recording in the states of its life, as the operator writes them, and what a person would say of each. */
export const states: State[] = [
  { what: 'nobody having looked at it', object: aRecording(), argo: 'Progressing', kstatus: 'InProgress' },
  deleted(),
  ...odd(),
  ...all(progressing, 'Progressing', 'InProgress'),
  ...all(recording, 'Healthy', 'Current'),
  ...all([['a pause', paused]], 'Suspended', 'Current'),
  ...all(stored, 'Healthy', 'Current'),
  ...all(failed, 'Degraded', 'Failed'),
]

const meta = (name: string) => ({
  ...{ name, namespace: 'lessons', uid: `${name}-uid`, resourceVersion: '1', generation: 1 },
  creationTimestamp: at(0).toISOString(),
})

const aClip: RecordingClip = {
  ...{ apiVersion, kind: clipKind, metadata: meta('proof'), status: { observedGeneration: -1 } },
  spec: recordingClipSpecSchema.parse({ recordingRef: { name: 'math' }, from: '1s', to: '2s' }),
}
const clip = (observed: Partial<ObservedClip>): RecordingClip => {
  const { status } = decideClip({ clip: aClip, recording: { is: 'missing' }, pod: { is: 'none' }, ...observed }, at(700))
  return { ...aClip, status }
}
const over = (): ObservedClip['recording'] => {
  const manifestUrl = 'https://lessons-1250000000.cos.ap-guangzhou.myqcloud.com/math.manifest.json'
  const status = { startTime: at(1).toISOString(), completionTime: at(600).toISOString(), manifestUrl }
  const recording = { ...aRecording(), status }
  return { is: 'over', recording, work: clipWork(aClip, recording) }
}
const ended = (outcome: string, files: Partial<ClipFile>[]) =>
  ({
    is: 'ended',
    name: 'proof-c1',
    attempt: 1,
    result: { version: 1, outcome, message: 'Because.', files },
  }) as ObservedClip['pod']

/** The same of a clip. */
export const clipStates: State[] = [
  { what: 'nobody having looked at it', object: aClip, argo: 'Progressing', kstatus: 'InProgress' },
  { what: 'no Recording', object: clip({}), argo: 'Degraded', kstatus: 'Failed' },
  { what: 'a Pod that is to cut it', object: clip({ recording: over() }), argo: 'Progressing', kstatus: 'InProgress' },
  {
    what: 'all being stored',
    object: clip({ recording: over(), pod: ended('Completed', [{ status: 1 }]) }),
    ...{ argo: 'Healthy', kstatus: 'Current' },
  },
  {
    what: 'COS that does not answer',
    object: clip({ recording: over(), pod: ended('StorageUnavailable', []) }),
    ...{ argo: 'Progressing', kstatus: 'InProgress' },
  },
  {
    what: 'a file that could not be cut',
    object: clip({ recording: over(), pod: ended('FilesFailed', [{ status: 0 }]) }),
    ...{ argo: 'Degraded', kstatus: 'Failed' },
  },
]

const aPolicy: RecordingPolicy = {
  ...{ apiVersion, kind: policyKind, metadata: meta('lessons'), status: { observedGeneration: -1 } },
  spec: { sdkAppId: 1400000001, suspend: false } as RecordingPolicy['spec'],
}
const policy = (over: Partial<RecordingPolicy['spec']>, fact: Partial<Extract<Fact, { is: 'reviewed' }>>): RecordingPolicy => {
  const changed = { ...aPolicy, spec: { ...aPolicy.spec, ...over } }
  const reviewed = { is: 'reviewed', isHeard: true, trouble: undefined, last: undefined, ...fact } as const
  return { ...changed, status: statusAfter(changed, reviewed, at(1))! }
}

/** The same of a policy. That it is not heard is nothing that kstatus knows. */
export const policyStates: State[] = [
  { what: 'nobody having looked at it', object: aPolicy, argo: 'Progressing', kstatus: 'InProgress' },
  { what: 'events that are heard', object: policy({}, {}), argo: 'Healthy', kstatus: 'Current' },
  { what: 'a pause', object: policy({ suspend: true }, {}), argo: 'Suspended', kstatus: 'Current' },
  {
    what: 'an application that nobody knows',
    object: policy({}, { isHeard: false }),
    ...{ argo: 'Degraded', kstatus: 'InProgress', flux: 'Failed' },
  },
]
