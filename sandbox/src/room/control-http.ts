/** The control API over HTTP: `POST /<name>` with the argument as JSON. Errors are `{message}` and name the field that is wrong. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { z } from 'zod'
import { clipCodecs } from './clip.ts'
import type { RoomControl } from './control.ts'

const room = z
  .strictObject({ sdkAppId: z.int(), roomId: z.int().optional(), strRoomId: z.string().optional() })
  .refine(({ roomId, strRoomId }) => (roomId === undefined) !== (strRoomId === undefined), 'give either roomId or strRoomId')
const userId = z.string().min(1)
const who = { room, userId }
const line = { room, userId: userId.optional(), publisherId: userId.optional() }
const track = z.enum(['audio', 'video', 'aux'])
const millis = z.number().min(0).optional()
const percent = z.number().min(0).max(100).optional()
const positive = z.int().positive().optional()
const clip = z.strictObject({
  ...{
    codec: z.enum(clipCodecs).optional(),
    width: positive,
    height: positive,
    fps: positive,
    videoKbps: positive,
    loopSeconds: positive,
    keyFrames: z.enum(['eachSecond', 'onRequest']).optional(),
  },
})
const clock = z.strictObject({ ppm: z.number().min(-1000).max(1000), wrapsAfterSeconds: z.number().positive().optional() })
/** Of either kind: the room says which of the two calls takes which. */
const removal = z.strictObject({ sdkAppId: z.int(), roomId: z.union([z.number(), z.string()]), userId })
const flag = z.boolean().optional()
const events = ['joined', 'left', 'subscribed', 'mediaConnected', 'published', 'unpublished', 'destroyed'] as const

const argumentOf: Record<keyof RoomControl, z.ZodType> = {
  publish: z.strictObject({ ...who, audio: flag, video: flag, aux: flag, clip: clip.optional(), clock: clock.optional() }),
  setMuted: z.strictObject({ ...who, kind: z.enum(['audio', 'video']), muted: z.boolean() }),
  leave: z.strictObject(who),
  removeUser: removal,
  removeUserByStrRoomId: removal,
  dismissRoom: z.strictObject({ room }),
  loss: z.strictObject({ ...line, percent: z.number().min(0).max(100), repairable: z.boolean() }),
  worsenLine: z.strictObject({
    ...{ ...line, jitterMillis: millis, delayMillis: millis, lateMillis: millis, repairMillis: millis },
    ...{ latePercent: percent, twicePercent: percent },
  }),
  freezeLine: z.strictObject({ ...who, publisherId: userId.optional(), seconds: z.number().positive() }),
  jumpClock: z.strictObject({ ...who, seconds: z.number() }),
  standStill: z.strictObject({ ...who, seconds: z.number().positive() }),
  restCamera: z.strictObject({ ...who, seconds: z.number().positive() }),
  preferCodec: z.strictObject({ ...who, codec: z.enum(['h264', 'vp8']) }),
  dropSignalling: z.strictObject({ ...who, code: z.int().optional() }),
  silenceSignalling: z.strictObject({ ...who, silent: z.boolean() }),
  refuseReconnect: z.strictObject({ refuse: z.boolean() }),
  killMediaPath: z.strictObject(who),
  blockMedia: z.strictObject({ blocked: z.boolean() }),
  ignoreSubscriptions: z.strictObject({ ...who, times: z.int().min(0) }),
  setNoAnchorSeconds: z.strictObject({ seconds: z.number().positive() }),
  sendCallbacks: z.strictObject({
    ...{ url: z.url().optional(), lose: z.array(z.int()).optional(), times: z.int().min(1).max(10).optional() },
    ...{ delayMillis: millis, hold: flag },
  }),
  releaseCallbacks: z.strictObject({ order: z.enum(['AsTold', 'Reversed']).optional() }),
  callbacksSent: z.strictObject({}),
  state: z.strictObject({ room }),
  sent: z.strictObject({ ...who, track: track.optional() }),
  forwarded: z.strictObject({ ...who, track }),
  waitFor: z.strictObject({ room, event: z.enum(events), userId: userId.optional(), timeoutSeconds: z.number().optional() }),
}

export function controlHandler(control: RoomControl) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const answer = (status: number, body: unknown) => {
      response.statusCode = status
      response.setHeader('content-type', 'application/json')
      response.end(body === undefined ? '' : JSON.stringify(body))
    }
    const name = (request.url ?? '').slice(1)
    if (request.method !== 'POST' || !isControl(name))
      return answer(404, {
        message: `There is no ${request.method} /${name}; there is POST /${Object.keys(argumentOf).join(', ')}`,
      })
    try {
      const argument = argumentIn(name, await text(request))
      answer(200, await (control[name] as (argument: unknown) => Promise<unknown>).call(control, argument))
    } catch (error) {
      answer(400, { message: (error as Error).message })
    }
  }
}

const isControl = (name: string): name is keyof RoomControl => Object.hasOwn(argumentOf, name)

function argumentIn(name: keyof RoomControl, body: string): unknown {
  let json: unknown
  try {
    json = JSON.parse(body)
  } catch {
    throw new Error(`the body of ${name} is not JSON`)
  }
  const read = argumentOf[name].safeParse(json)
  if (!read.success)
    throw new Error(read.error.issues.map(({ path, message }) => `${path.join('.') || name}: ${message}`).join('; '))
  return read.data
}
