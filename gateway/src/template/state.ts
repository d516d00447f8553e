import { callbackBody, type Recording } from '@trtc-recorder/api'
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

/** The state of a request, as plain REST tells it. No secret is in a Recording. */
export function requestState(recording: Recording) {
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
  return callbackBody(spec, status?.files ?? [], { fileCount: status?.fileCount, manifestUrl: status?.manifestUrl })
}

export type RequestState = ReturnType<typeof requestState>
