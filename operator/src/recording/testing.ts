/** Builders for the tests beside this file. Nothing of the product imports it. */
import {
  apiVersion,
  kind,
  noLosses,
  type RecordedFile,
  type RecorderProgress,
  type Recording,
  type RecordingSpec,
  recorderProgressSchema,
  recordingSpecSchema,
  type StopReason,
  type TerminationMessage,
} from '@trtc-recorder/api'
import type { RecorderPodConfig } from './pod.ts'
import { podOptionsSchema, restricted } from './pod-options.ts'

export const podConfig: RecorderPodConfig = {
  image: 'registry.example/recorder:1',
  imagePullPolicy: 'IfNotPresent',
  imagePullSecrets: [],
  chromiumArgs: '',
  receivers: { allow: [], deny: [], apiServer: ['10.96.0.1'], allowPrivate: true },
  resources: { requests: { cpu: '500m' } },
  serviceAccountName: 'default',
  options: podOptionsSchema.parse(restricted),
}

export const start = new Date('2026-03-01T10:00:00.000Z')
export const at = (seconds: number) => new Date(start.getTime() + seconds * 1000)

/** A Recording as the API server gives it: defaults filled in, status not yet written. */
export function aRecording(spec: Partial<RecordingSpec> = {}, metadata: Partial<Recording['metadata']> = {}): Recording {
  return {
    apiVersion,
    kind,
    metadata: {
      name: 'math',
      namespace: 'lessons',
      uid: 'recording-uid',
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: start.toISOString(),
      ...metadata,
    },
    spec: {
      ...recordingSpecSchema.parse({
        sdkAppId: 1400000001,
        ...(spec.strRoomId === undefined ? { roomId: 43474 } : {}),
        userId: 'recorder',
        userSigSecretRef: { name: 'recorder-sig' },
        cos: { region: 'ap-guangzhou', bucket: 'lessons-1250000000', credentialsSecretRef: { name: 'cos' } },
      }),
      ...spec,
    },
    status: { observedGeneration: -1 },
  }
}

export function aFile(user: string, over: Partial<RecordedFile> = {}): RecordedFile {
  const path = over.path ?? `1400000001_43474_${user}_main_20260301100005000.mp4`
  return {
    userId: user,
    stream: 'main',
    path,
    url: `https://lessons-1250000000.cos.ap-guangzhou.myqcloud.com/${path}`,
    status: 1,
    message: 'ok',
    bytes: 1000,
    durationSeconds: 10,
    startTime: '2026-03-01T10:00:05.000Z',
    attempt: 1,
    lostFrames: 0,
    lostSeconds: 0,
    ...over,
  }
}

export function aResult(over: Partial<TerminationMessage> = {}): TerminationMessage {
  const same = { attempt: 1, outcome: 'Completed', message: 'Every file is stored.', stopReason: 'RemovedByApi' } as const
  return { ...same, files: [], outputs: [], live: [], losses: noLosses, ...over }
}

export const aProgress = (over: Partial<RecorderProgress> = {}): RecorderProgress =>
  recorderProgressSchema.parse({ state: 'recording', participants: [], recordedBytes: 0, uploadedBytes: 0, files: [], ...over })

export const stoppedBy = (stopReason: StopReason, ...files: RecordedFile[]) =>
  aResult({ stopReason, files, startedAt: at(5).toISOString(), stoppedAt: at(60).toISOString() })

/** The result of a recorder that lost the room. */
export const interrupted = aResult({
  outcome: 'Interrupted',
  stopReason: 'RoomLost',
  message: 'The connection was lost.',
  startedAt: at(5).toISOString(),
  files: [aFile('alice')],
})
