import { randomInt } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { WebSocket } from 'ws'
import { RoomCallbacks } from './callbacks.ts'
import { type ClipParameters, defaultClip } from './clip.ts'
import { clipSources } from './clip-source.ts'
import type { RoomControl, RoomState } from './control.ts'
import type { Impairments } from './impairments.ts'
import { goodLine } from './line.ts'
import type { Member } from './member.ts'
import { push } from './messages.ts'
import type { Track } from './publisher.ts'
import { keyOfRoom, leaveReason, Room, type RoomEventName, type RoomName } from './room.ts'
import { ScriptedAnchor, type SentSpan } from './scripted-anchor.ts'
import { tracks } from './subscription.ts'

/** How often scripted anchors look whether something is due; half a frame at 60 fps. */
const TICK_MILLIS = 8
const HOUSEKEEPING_MILLIS = 1000
/** How often rooms without anchors are looked for. */
const NO_ANCHOR_CHECK_MILLIS = 50

/** Close code of a socket that ends without a word (RFC 6455, 7.4.1); it cannot be sent. */
const abnormalClosure = 1006

interface Settings {
  noAnchorSeconds: number
  graceSeconds: number
}

/** All rooms of the server, the clock that drives them, and what can be done to them. */
export class Rooms implements RoomControl {
  readonly #rooms = new Map<string, Room<Member>>()
  readonly #events = new EventEmitter().setMaxListeners(0)
  /** In the past: nothing has a negative number. */
  readonly #epochMillis = Math.floor(Date.now() / 1000) * 1000
  /** What scripted anchors were asked to play: holds until they are asked otherwise. */
  readonly #clips = new Map<ScriptedAnchor, Omit<ClipParameters, 'userId' | 'stream'>>()
  /** Anchors that left, for what they sent. */
  readonly #departed = new Map<string, SentSpan[]>()
  readonly #gracePeriods = new Map<Member, NodeJS.Timeout>()
  readonly #timers: NodeJS.Timeout[]
  readonly #callbacks = new RoomCallbacks()
  readonly #settings: Settings
  readonly #media: { isBlocked: boolean }
  #tinyId = randomInt(100_000_000, 200_000_000) * 1000
  refusesReconnect = false

  constructor(settings: Settings, media: { isBlocked: boolean }) {
    this.#media = media
    this.#settings = { ...settings }
    this.#timers = [
      setInterval(() => this.#tick(), TICK_MILLIS),
      setInterval(() => this.#keepHouse(), HOUSEKEEPING_MILLIS),
      setInterval(() => this.#destroyDeserted(), NO_ANCHOR_CHECK_MILLIS),
    ]
  }

  close(): void {
    this.#callbacks.close()
    for (const timer of [...this.#timers, ...this.#gracePeriods.values()]) clearTimeout(timer)
  }

  /** Unique, and of one length, so that none is contained in another. */
  nextTinyId = () => String(this.#tinyId++)

  find = (name: RoomName) => this.#rooms.get(keyOfRoom(name))

  findOrMake(name: RoomName): Room<Member> {
    const key = keyOfRoom(name)
    const room =
      this.#rooms.get(key) ??
      new Room<Member>(
        name,
        (event, userId) => this.#events.emit(eventName(name, event, userId)),
        (told) => this.#callbacks.tell(name, told),
      )
    this.#rooms.set(key, room)
    return room
  }

  /** The same user again: the first one has to go, and is told so if it is elsewhere. */
  makeWay(room: Room<Member>, userId: string, socket: WebSocket): void {
    const scripted = room.scripted.get(userId)
    if (scripted) this.#removeScripted(room, scripted, leaveReason.kick)
    const first = room.members.get(userId)
    if (!first) return
    if (first.socket !== socket) first.send(push.banned, { reason: 'kick' })
    room.leave(first, leaveReason.kick)
  }

  /** Its socket is gone. It has a while to come back. */
  socketLost(member: Member): void {
    const timer = setTimeout(() => member.room.leave(member, leaveReason.timeout), this.#settings.graceSeconds * 1000)
    this.#gracePeriods.set(member, timer)
  }

  socketBack(member: Member): void {
    clearTimeout(this.#gracePeriods.get(member))
    this.#gracePeriods.delete(member)
  }

  async publish({
    room: name,
    userId,
    audio = false,
    video = false,
    aux = false,
    clip = {},
    clock,
  }: Parameters<RoomControl['publish']>[0]) {
    const wanted = { audio, video, aux }
    const on = tracks.filter((track) => wanted[track])
    const before = this.find(name)?.scripted.get(userId)
    const plays = { ...defaultClip, ...(before && this.#clips.get(before)), ...clip }
    const sources = await clipSources(userId, plays, on)
    // Making clips takes its time: only now it is looked who is there.
    const room = this.findOrMake(name)
    if (room.members.has(userId)) throw new Error(`userId: ${userId} is in the room with a real SDK`)
    let anchor = room.scripted.get(userId)
    if (!anchor) {
      anchor = new ScriptedAnchor({ userId, tinyId: this.nextTinyId(), epochMillis: this.#epochMillis, clock })
      room.addScripted(anchor)
    }
    this.#clips.set(anchor, plays)
    anchor.play(sources, Date.now())
    room.publisherChanged(anchor)
  }

  async setMuted({ room, userId, kind, muted }: Parameters<RoomControl['setMuted']>[0]) {
    const anchor = this.#anchor(room, userId)
    muted ? anchor.muted.add(kind) : anchor.muted.delete(kind)
    this.#room(room).publisherChanged(anchor)
  }

  async leave({ room: name, userId }: Parameters<RoomControl['leave']>[0]) {
    this.#removeScripted(this.#room(name), this.#anchor(name, userId), leaveReason.normal)
  }

  async removeUser({ sdkAppId, roomId, userId }: Parameters<RoomControl['removeUser']>[0]) {
    if (typeof roomId !== 'number') throw new Error('RoomId: must be a number; for string rooms there is RemoveUserByStrRoomId')
    this.#remove({ sdkAppId, roomId }, userId)
  }

  async removeUserByStrRoomId({ sdkAppId, roomId, userId }: Parameters<RoomControl['removeUserByStrRoomId']>[0]) {
    if (typeof roomId !== 'string') throw new Error('RoomId: must be a string; for number rooms there is RemoveUser')
    this.#remove({ sdkAppId, strRoomId: roomId }, userId)
  }

  async dismissRoom({ room: name }: { room: RoomName }) {
    this.#destroy(this.#room(name))
  }

  async loss({ room, userId, publisherId, percent, repairable }: Parameters<RoomControl['loss']>[0]) {
    const loss = percent === 0 ? undefined : { percent, repairable }
    this.#impair(room, userId, (impairments) => impairments.lose(loss, publisherId))
  }

  async worsenLine({ room, userId, publisherId, ...quality }: Parameters<RoomControl['worsenLine']>[0]) {
    this.#impair(room, userId, (impairments) => impairments.worsen({ ...goodLine, ...quality }, publisherId))
  }

  async freezeLine({ room, userId, publisherId, seconds }: Parameters<RoomControl['freezeLine']>[0]) {
    this.#member(room, userId).freeze(seconds, publisherId)
  }

  async jumpClock({ room, userId, seconds }: Parameters<RoomControl['jumpClock']>[0]) {
    this.#anchor(room, userId).jumpClock(seconds)
  }

  async standStill({ room, userId, seconds }: Parameters<RoomControl['standStill']>[0]) {
    this.#anchor(room, userId).standStill(seconds)
  }

  async restCamera({ room, userId, seconds }: Parameters<RoomControl['restCamera']>[0]) {
    this.#anchor(room, userId).restCamera(seconds)
  }

  async preferCodec({ room, userId, codec }: Parameters<RoomControl['preferCodec']>[0]) {
    this.findOrMake(room).uplinkCodecs.set(userId, codec)
  }

  async dropSignalling({ room, userId, code }: Parameters<RoomControl['dropSignalling']>[0]) {
    const { socket } = this.#member(room, userId)
    if (!socket) throw new Error(`userId: the signalling of ${userId} is down already`)
    code === undefined || code === abnormalClosure ? socket.terminate() : socket.close(code)
  }

  async silenceSignalling({ room, userId, silent }: Parameters<RoomControl['silenceSignalling']>[0]) {
    this.#member(room, userId).isSilent = silent
  }

  async refuseReconnect({ refuse }: { refuse: boolean }) {
    this.refusesReconnect = refuse
  }

  async killMediaPath({ room, userId }: Parameters<RoomControl['killMediaPath']>[0]) {
    this.#member(room, userId).killMediaPath()
  }

  async blockMedia({ blocked }: { blocked: boolean }) {
    this.#media.isBlocked = blocked
  }

  async ignoreSubscriptions({ room, userId, times }: Parameters<RoomControl['ignoreSubscriptions']>[0]) {
    this.findOrMake(room).ignoredSubscriptions.set(userId, times)
  }

  async setNoAnchorSeconds({ seconds }: { seconds: number }) {
    this.#settings.noAnchorSeconds = seconds
  }

  async sendCallbacks(options: Parameters<RoomControl['sendCallbacks']>[0]) {
    this.#callbacks.direct(options)
  }

  async releaseCallbacks({ order }: Parameters<RoomControl['releaseCallbacks']>[0]) {
    await this.#callbacks.release(order)
  }

  async callbacksSent() {
    return this.#callbacks.sent
  }

  async state({ room: name }: { room: RoomName }): Promise<RoomState> {
    const room = this.find(name)
    const members = [...(room?.members.values() ?? [])].map((member) => ({
      userId: member.userId,
      role: member.isAnchor ? ('anchor' as const) : ('audience' as const),
      signalling: member.socket?.readyState === 1,
      subscriptions: [...member.subscriptions].map(({ publisher, wanted }) => ({
        userId: publisher.userId,
        tracks: [...wanted],
      })),
    }))
    const publishers = (room?.publishers ?? []).map(({ userId, publishes, muted }) => ({
      userId,
      tracks: [...publishes],
      muted: [...muted],
    }))
    return { members, publishers }
  }

  async sent({ room: name, userId, track }: { room: RoomName; userId: string; track?: Track }): Promise<SentSpan[]> {
    const earlier = this.#departed.get(`${keyOfRoom(name)} ${userId}`) ?? []
    const now = this.find(name)?.scripted.get(userId)?.sent() ?? []
    return [...earlier, ...now].filter((span) => track === undefined || span.track === track)
  }

  async forwarded({ room, userId, track }: Parameters<RoomControl['forwarded']>[0]): Promise<number[]> {
    return this.#member(room, userId).publisher?.sent(track) ?? []
  }

  async waitFor({ room, event, userId = '', timeoutSeconds = 30 }: Parameters<RoomControl['waitFor']>[0]): Promise<void> {
    if (this.#holds(room, event, userId)) return
    const ended = new AbortController()
    const happened = new Promise<true>((resolve) => {
      const name = eventName(room, event, userId)
      const listener = () => resolve(true)
      this.#events.once(name, listener)
      ended.signal.addEventListener('abort', () => this.#events.off(name, listener))
    })
    const timeout = sleep(timeoutSeconds * 1000, false, { signal: ended.signal }).catch(() => false)
    const inTime = await Promise.race([happened, timeout])
    ended.abort()
    if (!inTime)
      throw new Error(
        `event: ${event}${userId && ` of ${userId}`} did not happen in ${keyOfRoom(room)} within ${timeoutSeconds} s`,
      )
  }

  /** Whether an event that is a state has already come about. */
  #holds(name: RoomName, event: RoomEventName, userId: string): boolean {
    const room = this.find(name)
    const member = room?.members.get(userId)
    switch (event) {
      case 'joined':
        return member !== undefined
      case 'subscribed':
        return [...(member?.subscriptions ?? [])].length > 0
      case 'mediaConnected':
        return member?.isMediaConnected ?? false
      case 'published':
        return room?.publishers.some((publisher) => publisher.userId === userId) ?? false
      case 'left':
      case 'unpublished':
      case 'destroyed':
        return false
    }
  }

  #tick(): void {
    const now = Date.now()
    for (const room of this.#rooms.values()) for (const anchor of room.scripted.values()) anchor.tick(now)
  }

  #keepHouse(): void {
    for (const room of this.#rooms.values()) {
      for (const member of room.members.values()) {
        member.sendPublishers()
        member.reportStreams()
      }
    }
  }

  /** A room is destroyed when nobody has published for a while. */
  #destroyDeserted(): void {
    const emptyBefore = Date.now() - this.#settings.noAnchorSeconds * 1000
    for (const room of this.#rooms.values())
      if (room.members.size > 0 && (room.emptySinceMillis ?? Number.POSITIVE_INFINITY) <= emptyBefore) this.#destroy(room)
  }

  #destroy(room: Room<Member>): void {
    for (const anchor of [...room.scripted.values()]) this.#removeScripted(room, anchor, leaveReason.normal)
    for (const member of [...room.members.values()]) {
      member.send(push.banned, { reason: 'room_disband' })
      room.leave(member, leaveReason.normal)
    }
    this.#rooms.delete(keyOfRoom(room.name))
    this.#events.emit(eventName(room.name, 'destroyed'))
  }

  #remove(name: RoomName, userId: string): void {
    const room = this.#room(name)
    const scripted = room.scripted.get(userId)
    if (scripted) {
      this.#removeScripted(room, scripted, leaveReason.kick)
      return
    }
    const member = this.#member(name, userId)
    member.send(push.banned, { reason: 'banned' })
    room.leave(member, leaveReason.kick)
  }

  #removeScripted(room: Room<Member>, anchor: ScriptedAnchor, reason: number): void {
    const key = `${keyOfRoom(room.name)} ${anchor.userId}`
    this.#departed.set(key, [...(this.#departed.get(key) ?? []), ...anchor.sent()])
    this.#clips.delete(anchor)
    room.removeScripted(anchor, reason)
  }

  #impair(name: RoomName, userId: string | undefined, change: (impairments: Impairments) => void): void {
    const members = userId === undefined ? [...this.#room(name).members.values()] : [this.#member(name, userId)]
    for (const member of members) member.impair(change)
  }

  #room(name: RoomName): Room<Member> {
    const room = this.find(name)
    if (!room) throw new Error(`RoomId: there is no room ${keyOfRoom(name)}`)
    return room
  }

  #member(name: RoomName, userId: string): Member {
    const member = this.#room(name).members.get(userId)
    if (!member) throw new Error(`userId: ${userId} is not in ${keyOfRoom(name)}`)
    return member
  }

  #anchor(name: RoomName, userId: string): ScriptedAnchor {
    const anchor = this.#room(name).scripted.get(userId)
    if (!anchor) throw new Error(`userId: ${userId} does not publish in ${keyOfRoom(name)}`)
    return anchor
  }
}

/** A room that is destroyed is nobody's event. */
const eventName = (room: RoomName, event: RoomEventName, userId = '') =>
  `${keyOfRoom(room)} ${event} ${event === 'destroyed' ? '' : userId}`
