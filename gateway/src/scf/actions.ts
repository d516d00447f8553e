import type { Recording } from '@trtc-recorder/api'
import { z } from 'zod'
import type { Caller } from '../callers/caller.ts'
import { type FieldProblem, invalid, RefusedRequest } from '../errors.ts'
import type { Gateway } from '../http/call.ts'
import { readJsonText } from '../http/json.ts'
import { findRecording, isKept, listRecordings, stopRecording } from '../recordings/find.ts'
import { contractLabel, requestIdOf } from '../recordings/names.ts'
import { problemOf } from '../recordings/spec.ts'
import { startTemplate } from '../rest/start.ts'
import { type EventStatus, eventState } from '../template/state.ts'
import type { Answer } from '../tencent/answers.ts'
import { TencentError } from '../tencent/codes.ts'

/**
 * What SCF’s own API (2018-04-16) tells of asynchronous events, for those who followed their requests with it. There is one function here, so that
 * FunctionName, Namespace and Qualifier may be any.
 */

const name = z.string().min(1).max(128)
const where = { Namespace: name.optional(), Qualifier: name.optional() }
const functionName = { FunctionName: name }

const writtenTime = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/
/** NaN of what is no time; the 31st of February is one in March. */
function chinaMillis(text: string): number {
  return Date.parse(`${text.replace(' ', 'T')}+08:00`)
}
/** `YYYY-MM-DD hh:mm:ss.ffffff`, in UTC+8; nothing of NaN. */
function chinaTime(millis: number): string {
  if (Number.isNaN(millis)) return ''
  return `${new Date(millis + 8 * 3_600_000).toISOString().replace('T', ' ').slice(0, -1)}000`
}

/** `YYYY-MM-DD hh:mm:ss`, in UTC+8: no page names a zone, and the service is there. */
const time = z
  .string()
  .refine(
    (text) => writtenTime.test(text) && chinaTime(chinaMillis(text)).startsWith(text),
    'must be YYYY-MM-DD hh:mm:ss, in UTC+8',
  )
  .transform(chinaMillis)
const interval = z.strictObject({ Start: time, End: time })

export const scfSchemas = {
  ListAsyncEvents: z.strictObject({
    ...functionName,
    ...where,
    InvokeType: z.array(z.string()).max(16).optional(),
    Status: z.array(z.enum(['RUNNING', 'FINISHED', 'ABORTED', 'FAILED'])).optional(),
    StartTimeInterval: interval.optional(),
    EndTimeInterval: interval.optional(),
    Order: z.enum(['ASC', 'DESC']).default('DESC'),
    Orderby: z.enum(['StartTime', 'EndTime']).default('StartTime'),
    Offset: z.int().min(0).max(1_000_000).default(0),
    Limit: z.int().min(1).max(100).default(20),
    InvokeRequestId: z.string().max(128).optional(),
  }),
  GetAsyncEventStatus: z.strictObject({ InvokeRequestId: z.string().max(128) }),
  TerminateAsyncEvent: z.strictObject({
    ...functionName,
    Namespace: name.optional(),
    InvokeRequestId: z.string().max(128),
    GraceShutdown: z.boolean().optional(),
  }),
  GetRequestStatus: z.strictObject({
    ...functionName,
    Namespace: name.optional(),
    FunctionRequestId: z.string().max(128),
    StartTime: time.optional(),
    EndTime: time.optional(),
  }),
  Invoke: z.strictObject({
    ...functionName,
    ...where,
    InvocationType: z.literal('Event', 'must be Event: a recording takes longer than anybody would wait'),
    LogType: z.literal('None', 'must be None: an event has no log yet when it is answered').optional(),
    ClientContext: z.string().max(131_072),
  }),
}
export type ScfAction = keyof typeof scfSchemas
export const scfActions = Object.keys(scfSchemas) as ScfAction[]

/** How events come here: there is no trigger but a request. */
const invokeType = 'HTTP'

export async function scfAction(
  gateway: Gateway,
  caller: Caller,
  action: ScfAction,
  body: unknown,
  newId: string,
): Promise<Answer<ScfAction>> {
  switch (action) {
    case 'ListAsyncEvents':
      return listAsyncEvents(gateway, caller, read(action, body))
    case 'GetAsyncEventStatus': {
      const { InvokeRequestId } = read(action, body)
      const { status, statusCode } = eventState(await event(gateway, caller, InvokeRequestId))
      return { Result: { Status: status, StatusCode: statusCode, InvokeRequestId } }
    }
    case 'TerminateAsyncEvent': {
      // With or without GraceShutdown: files are finished, stored and told of.
      await stopRecording(gateway.client, await event(gateway, caller, read(action, body).InvokeRequestId))
      return {}
    }
    case 'GetRequestStatus':
      return requestStatus(gateway, caller, read(action, body))
    case 'Invoke': {
      const { ClientContext } = read(action, body)
      const FunctionRequestId = await startTemplate(gateway, caller, {
        body: readJsonText(ClientContext, 'ClientContext'),
        idempotencyKey: undefined,
        newId,
      })
      return {
        Result: {
          FunctionRequestId,
          Log: '',
          RetMsg: '',
          ErrMsg: '',
          MemUsage: 0,
          Duration: 0,
          BillDuration: 0,
          InvokeResult: 0,
        },
      }
    }
  }
}

function read<Action extends ScfAction>(action: Action, body: unknown): z.output<(typeof scfSchemas)[Action]> {
  const parsed = scfSchemas[action].safeParse(body)
  if (parsed.success) return parsed.data as z.output<(typeof scfSchemas)[Action]>
  throw invalid(
    parsed.error.issues.map((issue): FieldProblem => {
      const problem = problemOf(issue, body)
      return problem.field === '' ? { field: 'body', kind: 'type', message: 'must be a JSON object' } : problem
    }),
  )
}

/** Events are requests of the template; tasks of TRTC’s API are none. */
async function event(gateway: Gateway, caller: Caller, requestId: string): Promise<Recording> {
  const recording = await findRecording(gateway.client, caller, requestId, {
    keepSeconds: gateway.keepSeconds,
    now: gateway.now(),
  })
  if (recording.metadata.labels?.[contractLabel] === 'Template') return recording
  throw new RefusedRequest('NotFound', 'InvokeRequestId: there is no such event')
}

async function listAsyncEvents(
  gateway: Gateway,
  caller: Caller,
  wanted: z.output<(typeof scfSchemas)['ListAsyncEvents']>,
): Promise<Answer<'ListAsyncEvents'>> {
  const events: (ReturnType<typeof told> & { startMillis: number; endMillis: number })[] = []
  const isIn = (millis: number, range: { Start: number; End: number } | undefined) =>
    range === undefined || (millis >= range.Start && millis < range.End)
  for await (const recording of listRecordings(gateway.client, caller, `${contractLabel}=Template`)) {
    if (!isKept(recording, gateway.keepSeconds, gateway.now())) continue
    const found = { ...told(recording), ...millisOf(recording) }
    if (wanted.Status !== undefined && !wanted.Status.includes(found.Status)) continue
    if (wanted.InvokeRequestId !== undefined && wanted.InvokeRequestId !== found.InvokeRequestId) continue
    if (wanted.InvokeType !== undefined && !wanted.InvokeType.includes(invokeType)) continue
    if (isIn(found.startMillis, wanted.StartTimeInterval) && isIn(found.endMillis, wanted.EndTimeInterval)) events.push(found)
  }
  const by = wanted.Orderby === 'StartTime' ? 'startMillis' : 'endMillis'
  const sign = wanted.Order === 'ASC' ? 1 : -1
  events.sort((one, other) => sign * ((one[by] || 0) - (other[by] || 0)))
  const page = events.slice(wanted.Offset, wanted.Offset + wanted.Limit)
  return { TotalCount: events.length, EventList: page.map(({ startMillis: _, endMillis: __, ...event }) => event) }
}

const millisOf = ({ metadata, status }: Recording) => ({
  startMillis: Date.parse(status?.startTime ?? metadata.creationTimestamp),
  endMillis: Date.parse(status?.completionTime ?? ''),
})

function told(recording: Recording) {
  const { startMillis, endMillis } = millisOf(recording)
  return {
    InvokeRequestId: requestIdOf(recording),
    InvokeType: invokeType,
    Qualifier: '$LATEST',
    Status: eventState(recording).status,
    StartTime: chinaTime(startMillis),
    EndTime: chinaTime(endMillis),
  }
}

const retCodes: Record<EventStatus, number> = { RUNNING: 1, FINISHED: 0, ABORTED: -1, FAILED: -1 }

async function requestStatus(
  gateway: Gateway,
  caller: Caller,
  wanted: z.output<(typeof scfSchemas)['GetRequestStatus']>,
): Promise<Answer<'GetRequestStatus'>> {
  const recording = await event(gateway, caller, wanted.FunctionRequestId)
  const { startMillis, endMillis } = millisOf(recording)
  const isBefore = wanted.StartTime !== undefined && startMillis < wanted.StartTime
  const isAfter = wanted.EndTime !== undefined && startMillis >= wanted.EndTime
  if (isBefore || isAfter) return { TotalCount: 0, Data: [] }
  const succeeded = recording.status?.conditions?.find(({ type }) => type === 'Succeeded')
  return {
    TotalCount: 1,
    Data: [
      {
        FunctionName: wanted.FunctionName,
        RetMsg: succeeded?.message ?? '',
        RequestId: wanted.FunctionRequestId,
        StartTime: chinaTime(startMillis),
        RetCode: retCodes[eventState(recording).status],
        Duration: (Number.isNaN(endMillis) ? gateway.now().getTime() : endMillis) - startMillis,
        MemUsage: 0,
        RetryNum: Math.max(0, (recording.status?.attempts?.length ?? 1) - 1),
      },
    ],
  }
}

/** Actions of SCF that were withdrawn, or that are not done here, each with what to do instead. */
export function refusedScfAction(action: string): TencentError | undefined {
  switch (action) {
    case 'GetFunctionLogs':
      return new TencentError(
        'ActionOffline',
        'Tencent has withdrawn GetFunctionLogs; the log is at GET /v1/requests/<InvokeRequestId>/logs',
      )
    case 'InvokeFunction':
      return new TencentError(
        'UnsupportedOperation',
        'InvokeFunction waits for the end of a recording; use Invoke with InvocationType Event',
      )
    default:
      return undefined
  }
}
