import { z } from 'zod'

/** What each action answers beside its RequestId; the OpenAPI document is made of these, and the types of what answers. */

const taskId = z.string().describe('The id of the task. It names the folder of its files, too.')
const task = z.strictObject({ TaskId: taskId })

/** `YYYY-MM-DD hh:mm:ss.ffffff` in UTC+8; empty where there is none. */
const time = z.string().regex(/^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6})?$/)
const eventStatus = z.enum(['RUNNING', 'FINISHED', 'ABORTED', 'FAILED'])

export const answerSchemas = {
  CreateCloudRecording: task,
  DescribeCloudRecording: z.strictObject({
    TaskId: taskId,
    Status: z.enum(['Idle', 'InProgress', 'Exited']),
    StorageFileList: z.array(
      z.strictObject({
        UserId: z.string(),
        FileName: z.string(),
        TrackType: z.enum(['audio', 'video', 'audio_video']),
        BeginTimeStamp: z.int().describe('In milliseconds.'),
      }),
    ),
  }),
  ModifyCloudRecording: task,
  DeleteCloudRecording: task,
  ListAsyncEvents: z.strictObject({
    TotalCount: z.int(),
    EventList: z.array(
      z.strictObject({
        InvokeRequestId: z.string(),
        InvokeType: z.string(),
        Qualifier: z.string(),
        Status: eventStatus,
        StartTime: time,
        EndTime: time,
      }),
    ),
  }),
  GetAsyncEventStatus: z.strictObject({
    Result: z.strictObject({ Status: eventStatus, StatusCode: z.int(), InvokeRequestId: z.string() }),
  }),
  TerminateAsyncEvent: z.strictObject({}),
  GetRequestStatus: z.strictObject({
    TotalCount: z.int(),
    Data: z.array(
      z.strictObject({
        FunctionName: z.string(),
        RetMsg: z.string(),
        RequestId: z.string(),
        StartTime: time,
        RetCode: z.int().describe('0 ended well, 1 runs, -1 did not.'),
        Duration: z.number().describe('In milliseconds.'),
        MemUsage: z.number(),
        RetryNum: z.int(),
      }),
    ),
  }),
  Invoke: z.strictObject({
    Result: z.strictObject({
      FunctionRequestId: z.string(),
      Log: z.string(),
      RetMsg: z.string(),
      ErrMsg: z.string(),
      MemUsage: z.number(),
      Duration: z.number(),
      BillDuration: z.number(),
      InvokeResult: z.number(),
    }),
  }),
} satisfies Record<string, z.ZodType>

export type Answer<Of extends keyof typeof answerSchemas> = z.output<(typeof answerSchemas)[Of]>
