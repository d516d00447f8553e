import { z } from 'zod'
import { streamSchema } from './files.ts'
import type { RecordingSpec } from './recording.ts'

/** What a receiver can be told of while a recording goes on, each word with what it means. */
export const recordingEventTypes = {
  recordingStarted: 'The recorder is in the room.',
  recordingPaused: 'Nothing of anybody is taken any more, because spec.desiredState is Paused.',
  recordingResumed: 'It is taken again.',
  recordingStopped: 'The recorder takes nothing more; files are being finished.',
  fileFinished: 'A file is in COS, or will not be by this attempt: Status says which.',
  sliceStored: 'A slice of spec.live.audioSlices is in COS, or is lost.',
  stillStored: 'A picture of spec.live.stills is in COS, or is lost.',
  playlistStored: 'HLS of a file (spec.live.hls) can be played: its playlist is in COS for the first time.',
} as const
export type RecordingEventType = keyof typeof recordingEventTypes

/** Whether a receiver wants events that only a recorder knows of: all of them, or TRTC’s of HLS. */
export const wantsEvents = ({ callback, live }: Partial<Pick<RecordingSpec, 'callback' | 'live'>>) =>
  callback?.events === true || (callback?.format === 'TRTC' && live?.hls !== undefined)

/** An event as a recorder keeps it. */
export const recordingEventSchema = z.object({
  id: z.int().min(1).describe('Counts from 1 on, on one volume of a Recording, over all attempts on it.'),
  // Any word is taken: operator and recorder may be a release apart.
  type: z.string().min(1).max(32) as unknown as z.ZodType<RecordingEventType, RecordingEventType>,
  time: z.iso.datetime().describe('When it happened, by the recorder’s clock.'),
  object: z
    .object({
      userId: z.string(),
      stream: streamSchema,
      path: z.string().describe('Object key; empty where there is none.'),
      url: z.string().describe('Its address in COS; empty where there is none.'),
      startTime: z.iso.datetime(),
      endTime: z.iso.datetime(),
      status: z.int().min(0).max(1).describe('1: in COS. 0: not.'),
      message: z.string().max(512).describe('`ok`, or why it is not.'),
    })
    .optional()
    .describe('What it is about; missing where it is about the recording as a whole.'),
})
export type RecordingEvent = z.infer<typeof recordingEventSchema>

/** As many as one answer, and one POST, has. */
export const mostEventsAtOnce = 200

/** `GET /events?after=ID` of a running recorder: those after that one, oldest first, at most 200. It keeps the last 5000. */
export const recorderEventsSchema = z.object({
  volume: z.int().min(1).describe('Number of the volume that counts them.'),
  events: z.array(recordingEventSchema).max(mostEventsAtOnce),
  last: z.int().min(0).describe('Id of the last one there is.'),
})
export type RecorderEvents = z.infer<typeof recorderEventsSchema>

/** The body of a POST with events. The first four members are those of the result; names within are TRTC’s where it has a word. */
export interface EventsBody {
  SdkAppId: string
  RoomId: string
  UserId: string
  StrRoomId: string
  Events: {
    /** `<volume>-<id>`: the same each time it is told. */
    EventId: string
    EventType: RecordingEventType
    EventMsTs: number
    UserId?: string
    MediaId?: string
    File?: string
    StartTimeStamp?: number
    EndTimeStamp?: number
    Status?: number
    Message?: string
  }[]
}

export function eventsBody(
  spec: Pick<RecordingSpec, 'sdkAppId' | 'roomId' | 'strRoomId' | 'userId'>,
  { volume, events }: Pick<RecorderEvents, 'volume' | 'events'>,
): EventsBody {
  return {
    SdkAppId: String(spec.sdkAppId),
    RoomId: spec.roomId === undefined ? '' : String(spec.roomId),
    UserId: spec.userId,
    StrRoomId: spec.strRoomId ?? '',
    Events: events.map(({ id, type, time, object }) => ({
      EventId: `${volume}-${id}`,
      EventType: type,
      EventMsTs: Date.parse(time),
      ...(object === undefined
        ? {}
        : {
            UserId: object.userId,
            MediaId: object.stream,
            File: object.url,
            StartTimeStamp: Date.parse(object.startTime),
            EndTimeStamp: Date.parse(object.endTime),
            Status: object.status,
            Message: object.message,
          }),
    })),
  }
}
