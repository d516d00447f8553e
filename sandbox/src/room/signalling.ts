import type { IncomingMessage } from 'node:http'
import type { RawData, WebSocket } from 'ws'
import { verifyUserSig } from '../user-sig.ts'
import { type Data, type MediaSettings, Member } from './member.ts'
import { type ClientMessage, reply } from './messages.ts'
import type { RoomName } from './room.ts'
import type { Rooms } from './rooms.ts'

export interface SignallingContext {
  rooms: Rooms
  media: MediaSettings
  secretKeys: Readonly<Record<number, string>>
  /** What the server did not understand. */
  log: (entry: object) => void
}

/** Takes a new socket of the SDK: says hello, then answers join and reconnect until one of them is granted, then the member's commands. */
export function signalling(context: SignallingContext) {
  return (socket: WebSocket, request: IncomingMessage): void => {
    const query = new URL(request.url ?? '/', 'https://room').searchParams
    const claimed = { sdkAppId: Number(query.get('sdkAppId')), userId: query.get('userId') ?? '' }
    const userSig = query.get('userSig') ?? ''
    let member: Member | undefined
    const say = (cmd: number, code: number, message: string, data: unknown, rest: object = {}) =>
      socket.send(JSON.stringify({ cmd, code, message, seq: 0, tinyId: '', data, ...rest }))

    say(reply.setup, 0, '', { clientIp: request.socket.remoteAddress, signalInnerIp: '10.0.0.1', svrTime: Date.now() })

    socket.on('message', (raw: RawData) => {
      const message = JSON.parse(raw.toString()) as ClientMessage
      if (member?.isSilent) return
      if (message.cmd === 'join/v2') member = join(message)
      else if (message.cmd === 'reconnect') member = reconnect(message)
      else if (!member?.handle(message) && member) context.log({ msg: 'Unknown command was ignored', cmd: message.cmd })
    })
    socket.on('close', () => {
      if (member?.socket === socket && member.room.members.get(member.userId) === member) {
        member.attachSocket(undefined)
        context.rooms.socketLost(member)
      }
    })

    function join({ data, seq }: ClientMessage): Member | undefined {
      const verdict = verifyUserSig(String(data.userSig ?? userSig), claimed, context.secretKeys, Date.now() / 1000)
      if (!verdict.ok) {
        say(reply.join, verdict.code, verdict.message, {}, { seq })
        return undefined
      }
      const room = context.rooms.findOrMake(roomNamed(claimed.sdkAppId, data))
      context.rooms.kickDuplicate(room, claimed.userId)
      const joined = new Member(room, claimed.userId, context.rooms.nextTinyId(), data, socket, context.media)
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
      const known = context.rooms.find(roomNamed(claimed.sdkAppId, data))?.members.get(claimed.userId)
      if (!known || context.rooms.refusesReconnect) {
        say(reply.reconnect, -1, 'session is gone', {}, { seq })
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

function roomNamed(sdkAppId: number, { roomId, useStringRoomId }: Data): RoomName {
  return useStringRoomId ? { sdkAppId, strRoomId: String(roomId) } : { sdkAppId, roomId: Number(roomId) }
}
