import { basename } from 'node:path/posix'
import type { Recording } from '@trtc-recorder/api'
import type { Caller } from '../callers/caller.ts'
import { invalid, RefusedRequest } from '../errors.ts'
import type { Gateway } from '../http/call.ts'
import { change, findRecording, isUnderWay, stopRecording } from '../recordings/find.ts'
import { contractLabel, isExpired, streamTypeAnnotation } from '../recordings/names.ts'
import { specProblems } from '../recordings/spec.ts'
import type { Answer } from '../tencent/answers.ts'
import { readFields, type Values } from './read.ts'
import { listFieldOf, type StreamType, subscribeOf } from './subscribe.ts'

export async function describeCloudRecording(
  gateway: Gateway,
  caller: Caller,
  body: unknown,
): Promise<Answer<'DescribeCloudRecording'>> {
  const { recording, TaskId } = await taskOf(gateway, caller, readFields('DescribeCloudRecording', body))
  return { TaskId, Status: taskStatus(recording), StorageFileList: filesOf(recording) }
}

/** The lists replace what was before; what is not said is everyone. */
export async function modifyCloudRecording(
  gateway: Gateway,
  caller: Caller,
  body: unknown,
): Promise<Answer<'ModifyCloudRecording'>> {
  const values = readFields('ModifyCloudRecording', body)
  const { recording, TaskId } = await taskOf(gateway, caller, values)
  // Nobody could see that it changed nothing.
  if (!isUnderWay(recording)) throw new RefusedRequest('AlreadyOver', 'TaskId: the task was ended, and records nobody any more')
  const subscribe = subscribeOf(values, '', streamTypeOf(recording))
  const problems = specProblems({ ...recording.spec, subscribe })
  if (problems.length > 0)
    throw invalid(problems.map(({ field, ...problem }) => ({ ...problem, field: listFieldOf(field, '') ?? field })))
  await change(gateway.client, recording, { subscribe })
  return { TaskId }
}

/** Ends the recording; files are stored after that. */
export async function deleteCloudRecording(
  gateway: Gateway,
  caller: Caller,
  body: unknown,
): Promise<Answer<'DeleteCloudRecording'>> {
  const { recording, TaskId } = await taskOf(gateway, caller, readFields('DeleteCloudRecording', body))
  await stopRecording(gateway.client, recording)
  return { TaskId }
}

const streamTypeOf = ({ metadata }: Recording): StreamType => {
  const said = metadata.annotations?.[streamTypeAnnotation]
  return said === '1' ? 1 : said === '2' ? 2 : 0
}

/** A task that is over, has expired, is of another application or was not started by this API is not found, as there. */
async function taskOf(gateway: Gateway, caller: Caller, values: Values): Promise<{ recording: Recording; TaskId: string }> {
  const TaskId = String(values.get('TaskId'))
  const now = gateway.now()
  const recording = await findRecording(gateway.client, caller, TaskId, { keepSeconds: gateway.keepSeconds, now })
  const { labels = {} } = recording.metadata
  const isIt =
    labels[contractLabel] === 'TRTC' &&
    recording.spec.sdkAppId === values.get('SdkAppId') &&
    recording.status?.completionTime === undefined &&
    !isExpired(recording, now)
  if (!isIt) throw new RefusedRequest('NotFound', 'TaskId: there is no such task of this application that is under way')
  return { recording, TaskId }
}

type Described = Answer<'DescribeCloudRecording'>

/** In the room with somebody who publishes; or with nobody, or not yet in it; or on its way out. */
function taskStatus({ status }: Recording): Described['Status'] {
  const reason = status?.conditions?.find(({ type }) => type === 'Succeeded')?.reason
  if (reason === 'Finishing') return 'Exited'
  return (reason === 'Recording' || reason === 'Paused') && status?.participants !== 0 ? 'InProgress' : 'Idle'
}

function filesOf({ status }: Recording): Described['StorageFileList'] {
  return (status?.files ?? []).map(({ userId, path, audio, video, startTime }) => ({
    UserId: userId,
    FileName: basename(path),
    TrackType: audio === undefined ? 'video' : video === undefined ? 'audio' : 'audio_video',
    BeginTimeStamp: Date.parse(startTime),
  }))
}
