import { z } from 'zod'
import { invalid } from '../errors.ts'
import { problemOf } from '../recordings/spec.ts'

/** A room as TRTC tells of it: a number where it has a number, a text where it has a name. */
export type EventRoom = number | string

/** What an event of TRTC (trtc.io/document/39558, groups 1 and 2) says of a room. `atMillis`: EventMsTs, when it happened. */
export type RoomEvent =
  | { is: 'created'; name: string; room: EventRoom; atMillis: number; userId: string }
  | { is: 'dismissed'; name: string; room: EventRoom; atMillis: number }
  /** That somebody was in the room then. Who publishes is an anchor. */
  | { is: 'present'; name: string; room: EventRoom; atMillis: number; userId: string; role: 'Anchor' | 'Audience' }
  /** It begins nothing and ends nothing. */
  | { is: 'ignored'; name: string }

/** What is heard of each type; `EventGroupId/EventType`, with TRTC's own name. */
const types: Record<string, { name: string; is: Exclude<RoomEvent['is'], 'present'> | 'entered' | 'publishing' }> = {
  '1/101': { name: 'CREATE_ROOM', is: 'created' },
  '1/102': { name: 'DISMISS_ROOM', is: 'dismissed' },
  '1/103': { name: 'ENTER_ROOM', is: 'entered' },
  '1/104': { name: 'EXIT_ROOM', is: 'ignored' },
  '1/105': { name: 'CHANGE_ROLE', is: 'entered' },
  '2/201': { name: 'START_VIDEO', is: 'publishing' },
  '2/202': { name: 'STOP_VIDEO', is: 'ignored' },
  '2/203': { name: 'START_AUDIO', is: 'publishing' },
  '2/204': { name: 'STOP_AUDIO', is: 'ignored' },
  '2/205': { name: 'START_ASSIT', is: 'publishing' },
  '2/206': { name: 'STOP_ASSIT', is: 'ignored' },
}
export const eventNames: readonly string[] = Object.values(types).map(({ name }) => name)

const anchorRole = 20

const envelopeSchema = z.looseObject({ EventGroupId: z.int(), EventType: z.int() })
const roomSchema = {
  RoomId: z.union([z.int().min(1).max(4_294_967_294), z.string().min(1).max(64)]),
  EventMsTs: z.int().min(1).max(8_640_000_000_000_000),
}
const userSchema = { ...roomSchema, UserId: z.string().min(1).max(256) }
const infoSchemas = {
  created: z.looseObject({ EventInfo: z.looseObject(userSchema) }),
  dismissed: z.looseObject({ EventInfo: z.looseObject(roomSchema) }),
  entered: z.looseObject({ EventInfo: z.looseObject({ ...userSchema, Role: z.int() }) }),
  publishing: z.looseObject({ EventInfo: z.looseObject(userSchema) }),
}

/** Reads a body. A type that is not known is ignored under its numbers; of a known one, what is missing or wrong is a refusal that names the field. */
export function readEvent(body: unknown): RoomEvent {
  const { EventGroupId, EventType } = checked(envelopeSchema, body)
  const type = types[`${EventGroupId}/${EventType}`]
  if (type === undefined) return { is: 'ignored', name: `${EventGroupId}/${EventType}` }
  const { name, is } = type
  switch (is) {
    case 'ignored':
      return { is, name }
    case 'created': {
      const { RoomId: room, EventMsTs: atMillis, UserId: userId } = checked(infoSchemas[is], body).EventInfo
      return { is, name, room, atMillis, userId }
    }
    case 'dismissed': {
      const { RoomId: room, EventMsTs: atMillis } = checked(infoSchemas[is], body).EventInfo
      return { is, name, room, atMillis }
    }
    case 'entered': {
      const { RoomId: room, EventMsTs: atMillis, UserId: userId, Role } = checked(infoSchemas[is], body).EventInfo
      return { is: 'present', name, room, atMillis, userId, role: Role === anchorRole ? 'Anchor' : 'Audience' }
    }
    case 'publishing': {
      const { RoomId: room, EventMsTs: atMillis, UserId: userId } = checked(infoSchemas[is], body).EventInfo
      return { is: 'present', name, room, atMillis, userId, role: 'Anchor' }
    }
  }
}

function checked<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body)
  if (!parsed.success) throw invalid(parsed.error.issues.map((issue) => problemOf(issue, body)))
  return parsed.data
}
