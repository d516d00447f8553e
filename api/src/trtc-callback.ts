import { basename } from 'node:path/posix'
import { otherAnnotation } from './annotations.ts'
import type { RecordingEvent } from './callback-events.ts'
import type { RecordedFile } from './files.ts'
import { keyPrefix } from './object-names.ts'
import type { StopReason } from './outcome.ts'
import type { Recording } from './recording.ts'
import { everybody } from './user-patterns.ts'

/** Callbacks as TRTC’s own recording service sends them (trtc.io/document/54914, event group 3), for receivers that were made for it. */

/** Header with the application, beside `Sign`. */
export const sdkAppIdHeader = 'SdkAppId'

/** What a Recording is called as a task of TRTC’s API. Its UID where nobody says. */
export const taskIdAnnotation = otherAnnotation('task-id')

const recordingGroup = 3

const sent = (name: string, when: string) => ({ is: 'sent', name, when }) as const
const never = (name: string, why: string) => ({ is: 'never', name, why }) as const

/** Every type of the group: when it is sent, or why it cannot be. The table in docs/migrating.md comes from here. */
export const trtcEventTypes = {
  301: sent('RECORDER_START', 'the recorder is in the room (Status 0), or it is over and never was (1)'),
  302: sent(
    'RECORDER_STOP',
    'it has left: LeaveCode 0 asked to stop, 1 removed, 2 room dismissed, 99 nobody published, 100 whatever else, 101 the same user entered',
  ),
  303: sent('UPLOAD_START', 'something is in COS'),
  304: sent('FILE_INFO', 'HLS of a file can be played; FileList is its playlist, below the folder of the task'),
  305: sent('UPLOAD_STOP', 'everything is in COS (Status 0), something is not (1), what was left is by now (2)'),
  306: sent('FAILOVER', 'another attempt is in the room'),
  307: sent('FILE_SLICE', 'with each 304: whose playlist that is (FileName), and when it begins'),
  308: sent('UPLOAD_ERROR', 'COS refused, or does not answer'),
  309: never('DOWNLOAD_IMAGE_ERROR', 'no picture of a background or watermark is ever fetched, for MixLayoutParams is refused'),
  310: sent('MP4_STOP', 'the files, when all is over'),
  311: never('VOD_COMMIT', 'nothing is put into VOD, for CloudVod is refused'),
  312: never('VOD_STOP', 'nothing is put into VOD, for CloudVod is refused'),
} as const
type TrtcEvents = typeof trtcEventTypes
export type TrtcEventType = { [Type in keyof TrtcEvents]: TrtcEvents[Type]['is'] extends 'sent' ? Type : never }[keyof TrtcEvents]
/** Those that follow from a status. */
export type TrtcNoticeType = Exclude<TrtcEventType, 304 | 307 | 310>

export interface TrtcCallbackBody {
  EventGroupId: typeof recordingGroup
  EventType: TrtcEventType
  /** When it was sent, in milliseconds. */
  CallbackTs: number
  EventInfo: {
    RoomId: string | number
    EventTs: number
    EventMsTs: number
    UserId: string
    TaskId: string
    Payload: object
  }
}

/** Something that is told while the recording goes on. `instance`: which of several of its type. */
export interface TrtcNotice {
  type: TrtcNoticeType
  instance: string
  payload: object
  /** When it happened; undefined where nobody noted that. */
  time: string | undefined
}

/** LeaveCode of each reason. Others end an attempt and not the recording: the next one sends 306. */
const leaveCodes: Partial<Record<StopReason, number>> = {
  StopRequested: 0,
  Deleted: 0,
  MaxDuration: 0,
  GivenUp: 0,
  RemovedByApi: 1,
  RoomDismissed: 2,
  Idle: 99,
  RoomLost: 100,
  DuplicateUser: 101,
}
/** “Room time-out”, the nearest to whatever else ended it. */
const otherLeaveCode = 100

/** What there is to tell of a Recording as it is now, in the order in which it happened. Of each type the last one. */
export function trtcNotices({ status = {} }: Pick<Recording, 'status'>): TrtcNotice[] {
  const { startTime, completionTime, stopReason, attempts = [] } = status
  const condition = (type: string) => status.conditions?.find((candidate) => candidate.type === type)
  const [succeeded, stored] = [condition('Succeeded'), condition('Stored')]
  const notices: TrtcNotice[] = []
  const tell = (type: TrtcNoticeType, instance: string | number, payload: object, time?: string) =>
    notices.push({ type, instance: String(instance), payload, time })

  if (startTime !== undefined) tell(301, 0, { Status: 0 }, startTime)
  else if (completionTime !== undefined) tell(301, 1, { Status: 1 }, completionTime)

  const entered = attempts.filter((attempt) => attempt.startTime !== undefined)
  const last = entered.at(-1)
  if (last !== undefined && last.number > 1 && last.startTime !== startTime) tell(306, last.number, { Status: 0 }, last.startTime)

  if ((status.uploadedBytes ?? 0) > 0 || stored?.status === 'True') tell(303, 0, { Status: 0 })

  const isLeaving = completionTime !== undefined || succeeded?.reason === 'Finishing'
  if (startTime !== undefined && stopReason !== undefined && isLeaving) {
    const LeaveCode = leaveCodes[stopReason] ?? otherLeaveCode
    tell(302, 0, { LeaveCode }, last?.leftTime ?? last?.endTime ?? completionTime)
  }
  if (stored?.status === 'False' && /^Storage(Refused|Unavailable)$/.test(stored.reason)) {
    tell(308, 0, { Code: stored.reason, Message: stored.message }, stored.lastTransitionTime)
  }
  if (completionTime !== undefined && stored !== undefined && startTime !== undefined) {
    const Status = stored.status !== 'True' ? 1 : Date.parse(stored.lastTransitionTime) > Date.parse(completionTime) ? 2 : 0
    tell(305, Status, { Status }, stored.lastTransitionTime)
  }
  return notices
}

/** Of what there is to tell, the first that the status does not say is told, or could not be; undefined where nobody wants to be told. */
export function dueTrtcNotice({ spec, status }: Pick<Recording, 'spec' | 'status'>): TrtcNotice | undefined {
  if (spec.callback?.format !== 'TRTC') return undefined
  const told = status?.notices ?? {}
  return trtcNotices({ ...(status === undefined ? {} : { status }) }).find(
    ({ type, instance }) => told[type]?.split(' ')[0] !== instance,
  )
}

export const trtcNoticeBody = (recording: Recording, { type, payload, time }: TrtcNotice, now: Date): TrtcCallbackBody =>
  envelope(recording, type, payload, time ?? now.toISOString(), now)

/** What is told of an event of a recorder: 304 and 307 of HLS that can be played, and nothing of any other. */
export function trtcEventBodies(recording: Recording, { type, time, object }: RecordingEvent, now: Date): TrtcCallbackBody[] {
  if (type !== 'playlistStored' || object === undefined) return []
  const { mode, subscribe, cos } = recording.spec
  const name = object.path.slice(keyPrefix(cos.path).length)
  const isSoundAlone = mode === '00' || subscribe.video?.exclude.includes(everybody)
  const slice = {
    FileName: name,
    UserId: object.userId,
    TrackType: isSoundAlone ? 'audio' : mode === '01' ? 'video' : 'audio_video',
    BeginTimeStamp: Date.parse(object.startTime),
  }
  return [envelope(recording, 304, { FileList: name }, time, now), envelope(recording, 307, slice, time, now)]
}

/** The result: 310, with every file, and with the mix of everybody where there is one. */
export function trtcResultBody(recording: Recording, files: readonly RecordedFile[], now: Date): TrtcCallbackBody {
  // The other outputs TRTC has no word for.
  const mixes = (recording.status?.outputs ?? []).filter(({ kind }) => kind === 'mix')
  const all = [...files, ...mixes]
  const payload = {
    Status: all.every(({ status }) => status === 1) && (recording.status?.fileCount ?? files.length) === files.length ? 0 : 1,
    FileList: all.map(({ path }) => basename(path)),
    FileMessage: [
      ...files.map(({ path, userId, stream, audio, video, ...times }) => ({
        FileName: basename(path),
        UserId: userId,
        TrackType: audio === undefined ? 'video' : video === undefined ? 'audio' : 'audio_video',
        MediaId: stream,
        ...stampsOf(times),
      })),
      ...mixes.map(({ path, ...times }) => ({
        ...{ FileName: basename(path), UserId: '', TrackType: path.endsWith('.mp4') ? 'audio_video' : 'audio', MediaId: 'mix' },
        ...stampsOf(times),
      })),
    ],
  }
  return envelope(recording, 310, payload, recording.status?.completionTime ?? now.toISOString(), now)
}

/** 0 of what has no time because it could not be made. */
function stampsOf({ startTime, durationSeconds = 0 }: { startTime?: string | undefined; durationSeconds?: number | undefined }) {
  const StartTimeStamp = startTime === undefined ? 0 : Date.parse(startTime)
  return { StartTimeStamp, EndTimeStamp: StartTimeStamp + Math.round(durationSeconds * 1000) }
}

function envelope(
  { metadata, spec }: Recording,
  EventType: TrtcEventType,
  Payload: object,
  time: string,
  now: Date,
): TrtcCallbackBody {
  const EventMsTs = Date.parse(time)
  return {
    EventGroupId: recordingGroup,
    EventType,
    CallbackTs: now.getTime(),
    EventInfo: {
      RoomId: spec.roomId ?? spec.strRoomId ?? '',
      EventTs: Math.floor(EventMsTs / 1000),
      EventMsTs,
      UserId: spec.userId,
      TaskId: metadata.annotations?.[taskIdAnnotation] ?? metadata.uid,
      Payload,
    },
  }
}
