import {
  apiVersion,
  type CallbackStatus,
  type Condition,
  kind,
  type Recording,
  type RecordingStatus,
} from '../../api/src/index.ts'
import type { KubeClient, New } from '../../kube/src/index.ts'
import { resources } from '../../kube/src/index.ts'

/** A Recording as a user would apply it; the API server fills in the defaults. */
export function newRecording(namespace: string, name: string, spec: object = {}): New<Recording> {
  return {
    apiVersion,
    kind,
    metadata: { namespace, name },
    spec: {
      sdkAppId: 1400000001,
      roomId: 43474,
      userId: `recorder_${name}`,
      userSigSecretRef: { name: 'recorder' },
      cos: { region: 'ap-guangzhou', bucket: 'recordings-1250000000', credentialsSecretRef: { name: 'cos' } },
      ...spec,
    },
  } as unknown as New<Recording>
}

export const aFile = {
  userId: 'alice',
  stream: 'main' as const,
  path: 'lessons/alice.mp4',
  url: 'https://recordings-1250000000.cos.ap-guangzhou.myqcloud.com/lessons/alice.mp4',
  status: 1 as const,
  message: 'ok',
  bytes: 1000,
  durationSeconds: 20,
  startTime: '2026-03-01T10:00:00.000Z',
  attempt: 1,
  lostFrames: 0,
  lostSeconds: 0,
}

export function condition(
  type: Condition['type'],
  status: Condition['status'],
  reason: Condition['reason'],
  message = '',
): Condition {
  return { type, status, reason, message, observedGeneration: 1, lastTransitionTime: '2026-03-01T10:00:00.000Z' }
}

/** A Recording that is over, with one file and a callback that is due: what the recording controller leaves for the callback controller. */
export async function finishedRecording(
  client: KubeClient,
  namespace: string,
  name: string,
  spec: { callback: { url: string; format?: 'Result' | 'TRTC'; signingKeySecretRef?: { name: string; key?: string } } },
  callback: Partial<CallbackStatus> = {},
): Promise<Recording> {
  const created = await client.create(resources.recordings, newRecording(namespace, name, spec))
  const status: RecordingStatus = {
    observedGeneration: 1,
    conditions: [
      condition('Succeeded', 'True', 'Completed'),
      condition('Stored', 'True', 'Completed'),
      condition('CallbackDelivered', 'Unknown', 'Waiting'),
    ],
    completionTime: new Date().toISOString(),
    stopReason: 'StopRequested',
    files: [aFile],
    callback: {
      id: `${created.metadata.uid}/result`,
      state: 'Pending',
      attempts: 0,
      dueSince: new Date().toISOString(),
      ...callback,
    },
  }
  // A patch, so that an operator which is at work meanwhile is no conflict.
  return client.patch(resources.recordings, created.metadata, { type: 'merge', body: { status } }, { subresource: 'status' })
}
