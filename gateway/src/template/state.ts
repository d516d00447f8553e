import { callbackBody, callbackBodySchema, modeSchema, type Recording } from '@trtc-recorder/api'
import { z } from 'zod'
import { requestIdOf } from '../recordings/names.ts'

/** Status of an asynchronous event, as SCF has it. */
export type EventStatus = 'RUNNING' | 'FINISHED' | 'ABORTED' | 'FAILED'

export interface EventState {
  status: EventStatus
  /** SCF's status code of the run; 0 while it runs. */
  statusCode: number
}

/** What a Recording is, in SCF's words. */
export function eventState({ status }: Pick<Recording, 'status'>): EventState {
  const succeeded = status?.conditions?.find(({ type }) => type === 'Succeeded')
  if (status?.completionTime === undefined || succeeded === undefined || succeeded.status === 'Unknown') {
    return { status: 'RUNNING', statusCode: 0 }
  }
  if (succeeded.status === 'True') {
    const wasStopped = status.stopReason === 'StopRequested' || status.stopReason === 'Deleted'
    return wasStopped ? { status: 'ABORTED', statusCode: 499 } : { status: 'FINISHED', statusCode: 200 }
  }
  switch (succeeded.reason) {
    case 'StoppedBeforeStart':
      return { status: 'ABORTED', statusCode: 499 }
    case 'AttemptsExhausted':
    case 'StartTimeout':
      return { status: 'FAILED', statusCode: 433 }
    default:
      return { status: 'FAILED', statusCode: 430 }
  }
}

/** The state of a request, as plain REST tells it. */
export const requestStateSchema = z.object({
  requestId: z.string().describe('Id of the request: its x-scf-reqid.'),
  state: z
    .enum(['RUNNING', 'FINISHED', 'ABORTED', 'FAILED'])
    .describe(
      'In SCF’s words. FINISHED: every file is stored. ABORTED: it was asked to end. FAILED: something is missing; see message.',
    ),
  statusCode: z.int().describe('SCF’s status code; 0 while it runs.'),
  namespace: z.string().describe('Namespace of the Recording.'),
  recording: z.string().describe('Name of the Recording.'),
  sdkAppId: z.int().describe('TRTC application.'),
  roomId: z.int().optional().describe('Number of the room.'),
  strRoomId: z.string().optional().describe('Name of the room, where it has no number.'),
  userId: z.string().describe('The recorder’s own user.'),
  mode: modeSchema.describe('What is recorded.'),
  requestTime: z.iso.datetime().describe('When it was asked for.'),
  startTime: z.iso.datetime().nullable().describe('When the room was first entered.'),
  endTime: z.iso.datetime().nullable().describe('When all was over.'),
  stopReason: z.string().nullable().describe('Why it ended; the words of a Recording.'),
  reason: z.string().describe('Why it is as it is; the reasons of a Recording’s condition Succeeded.'),
  message: z.string().describe('The same for a person.'),
  participants: z.int().nullable().describe('Anchors in the room when last asked.'),
  recordedBytes: z.int().describe('Bytes recorded, when last asked.'),
  uploadedBytes: z.int().describe('Bytes stored in COS, when last asked.'),
  callback: z.string().nullable().describe('Delivery of the callback: Pending, Delivered, GivenUp; null without one.'),
  result: callbackBodySchema.nullable().describe('The body of the callback, once it is over.'),
})
export type RequestState = z.output<typeof requestStateSchema>

/** No secret is in a Recording. */
export function requestState(recording: Recording): RequestState {
  const { metadata, spec, status = {} } = recording
  const succeeded = status.conditions?.find(({ type }) => type === 'Succeeded')
  const { status: state, statusCode } = eventState(recording)
  const isOver = state !== 'RUNNING'
  return {
    requestId: requestIdOf(recording),
    state,
    statusCode,
    namespace: metadata.namespace,
    recording: metadata.name,
    sdkAppId: spec.sdkAppId,
    ...(spec.roomId === undefined ? { strRoomId: spec.strRoomId ?? '' } : { roomId: spec.roomId }),
    userId: spec.userId,
    mode: spec.mode,
    requestTime: metadata.creationTimestamp,
    startTime: status.startTime ?? null,
    endTime: status.completionTime ?? null,
    stopReason: status.stopReason ?? null,
    reason: succeeded?.reason ?? 'Pending',
    message: succeeded?.message ?? '',
    participants: status.participants ?? null,
    recordedBytes: status.recordedBytes ?? 0,
    uploadedBytes: status.uploadedBytes ?? 0,
    callback: status.callback?.state ?? null,
    result: isOver ? resultOf(recording) : null,
  }
}

/** The body of the callback, which is the template's result. */
function resultOf({ spec, status }: Recording) {
  return callbackBody(spec, status?.files ?? [], {
    fileCount: status?.fileCount,
    manifestUrl: status?.manifestUrl,
    outputs: status?.outputs,
  })
}
