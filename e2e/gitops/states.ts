import type { Recording } from '@trtc-recorder/api'
import { Refusal } from '../../operator/src/recording/refusal.ts'
import { aFile, aRecording, aResult, at, interrupted, stoppedBy } from '../../operator/src/recording/testing.ts'
import { World } from '../../operator/src/recording/testing-world.ts'

export interface State {
  what: string
  object: Recording
  argo: 'Healthy' | 'Progressing' | 'Degraded' | 'Suspended'
  /** What Flux and kstatus call it. */
  kstatus: 'Current' | 'InProgress' | 'Failed'
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

/** A Recording in the states of its life, as the operator writes them, and what a person would say of each. */
export const states: State[] = [
  { what: 'nobody having looked at it', object: aRecording(), argo: 'Progressing', kstatus: 'InProgress' },
  ...all(progressing, 'Progressing', 'InProgress'),
  ...all(recording, 'Healthy', 'Current'),
  ...all([['a pause', paused]], 'Suspended', 'Current'),
  ...all(stored, 'Healthy', 'Current'),
  ...all(failed, 'Degraded', 'Failed'),
]
