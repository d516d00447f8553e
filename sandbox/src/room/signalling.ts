import type { IncomingMessage } from 'node:http'
import type { RawData, WebSocket } from 'ws'
import { verifyUserSig } from '../user-sig.ts'
import { type Data, type MediaSettings, Member } from './member.ts'
import { type ClientMessage, parseClientMessage, reply } from './messages.ts'
import { leaveReason, type RoomName } from './room.ts'
import type { Rooms } from './rooms.ts'

export interface SignallingContext {
  rooms: Rooms
  media: MediaSettings
  secretKeys: Readonly<Record<number, string>>
  /** What the server did not understand. */
  log: (entry: object) => void
}

const replyTo = { 'join/v2': reply.join, ...reply }

/** Code of a reply whose request makes no sense; the SDK has no words for it. */
const BAD_REQUEST = -1

/** Takes a new socket of the SDK: says hello, then answers join and reconnect until one of them is granted, then the member's commands. */
export function signalling(context: SignallingContext) {
  return (socket: WebSocket, request: IncomingMessage): void => {
    const query = new URLSearchParams((request.url ?? '').split('?')[1])
    const claimed = { sdkAppId: Number(query.get('sdkAppId')), userId: query.get('userId') ?? '' }
    const { userId } = claimed
    const userSig = query.get('userSig') ?? ''
    let member: Member | undefined
    const say = (cmd: number, code: number, message: string, data: unknown, rest: object = {}) =>
      socket.send(JSON.stringify({ cmd, code, message, seq: 0, tinyId: '', data, ...rest }))

    say(reply.setup, 0, '', { clientIp: request.socket.remoteAddress, signalInnerIp: '10.0.0.1', svrTime: Date.now() })

    socket.on('message', (raw: RawData) => {
      if (member?.isSilent) return
      const message = parseClientMessage(raw.toString())
      if (!message) return context.log({ msg: 'Ignored a message that is no command', userId })
      // Whatever a client says, the others' room goes on.
      try {
        obey(message)
      } catch (error) {
        const { cmd, seq } = message
        const reason = (error as Error).message
        context.log({ msg: 'Could not obey a command', cmd, userId, error: reason })
        if (Object.hasOwn(replyTo, cmd)) say(replyTo[cmd as keyof typeof replyTo], BAD_REQUEST, reason, {}, { seq })
      }
    })
    // A frame that is against the protocol: ws closes the socket.
    socket.on('error', (error) => context.log({ msg: 'Lost a signalling socket', userId, error: error.message }))
    socket.on('close', () => {
      if (member?.socket !== socket || !member.isPresent) return
      member.attachSocket(undefined)
      context.rooms.socketLost(member)
    })

    function obey(message: ClientMessage): void {
      const { cmd } = message
      if (cmd === 'join/v2') member = join(message)
      else if (cmd === 'reconnect') member = reconnect(message)
      else if (!member?.isPresent) context.log({ msg: 'Ignored a command of somebody who is in no room', cmd, userId })
      else if (!member.handle(message)) context.log({ msg: 'Ignored an unknown command', cmd, userId })
    }

    function join({ data, seq }: ClientMessage): Member | undefined {
      const verdict = verifyUserSig(String(data.userSig ?? userSig), claimed, context.secretKeys, Date.now() / 1000)
      if (!verdict.ok) {
        say(reply.join, verdict.code, verdict.message, {}, { seq })
        return member
      }
      const name = roomNamed(claimed.sdkAppId, data)
      if (!name) {
        say(reply.join, BAD_REQUEST, 'roomId is neither a room number nor a string', {}, { seq })
        return member
      }
      if (member?.isPresent) member.room.leave(member, leaveReason.normal)
      const room = context.rooms.findOrMake(name)
      const joined = new Member(room, userId, context.rooms.nextTinyId(), data, socket, context.media)
      context.rooms.makeWay(room, userId, socket)
      const granted = {
        relayOuterIp: context.media.advertise,
        relayInnerIp: context.media.advertise,
        relayPort: context.media.port.port,
        bakRelayIps: [],
        endReportExtend: '',
        reportToken: '',
        iceServer: null,
        publishers: room.publishersFor(joined),
        ability: joined.ability(),
      }
      joined.send(reply.join, granted, { seq })
      room.enter(joined)
      return joined
    }

    function reconnect({ data, seq }: ClientMessage): Member | undefined {
      const verdict = verifyUserSig(userSig, claimed, context.secretKeys, Date.now() / 1000)
      const name = roomNamed(claimed.sdkAppId, data)
      const known = verdict.ok && name ? context.rooms.find(name)?.members.get(userId) : undefined
      if (!known || context.rooms.refusesReconnect) {
        say(reply.reconnect, BAD_REQUEST, verdict.ok ? 'session is gone' : verdict.message, {}, { seq })
        return undefined
      }
      context.rooms.socketBack(known)
      known.isSilent = false
      known.attachSocket(socket)
      known.send(reply.reconnect, {}, { seq })
      known.sendPublishers()
      return known
    }
  }
}

function roomNamed(sdkAppId: number, { roomId, useStringRoomId }: Data): RoomName | undefined {
  if (useStringRoomId) return typeof roomId === 'string' && roomId !== '' ? { sdkAppId, strRoomId: roomId } : undefined
  const number = Number(roomId)
  // 32 bits without the two values that the SDK refuses.
  return Number.isInteger(number) && number > 0 && number < 2 ** 32 - 1 ? { sdkAppId, roomId: number } : undefined
}
