import { push, type VideoCodec } from './messages.ts'
import { flagOf, type Publisher, publisherItem, type Track } from './publisher.ts'
import type { ScriptedAnchor } from './scripted-anchor.ts'

/** Number rooms and string rooms are apart: 123 and "123" are different rooms. */
export interface RoomName {
  sdkAppId: number
  roomId?: number | undefined
  strRoomId?: string | undefined
}

export const keyOfRoom = ({ sdkAppId, roomId, strRoomId }: RoomName) =>
  roomId === undefined ? `${sdkAppId}/string/${strRoomId}` : `${sdkAppId}/number/${roomId}`

export type RoomEventName = 'joined' | 'left' | 'subscribed' | 'mediaConnected' | 'published' | 'unpublished' | 'destroyed'
/** What happens in a room, as TRTC tells the application of it. */
export type Told =
  | { is: 'created' | 'left'; userId: string }
  | { is: 'entered' | 'changedRole'; userId: string; isAnchor: boolean }
  | { is: 'started' | 'stopped'; userId: string; track: Track }
  | { is: 'dismissed' }

/** Why somebody is not in the room any more, as members are told. */
export const leaveReason = { normal: 0, timeout: 1, kick: 2 } as const

/** A member as its room knows it. */
export interface Occupant {
  readonly userId: string
  readonly tinyId: string
  readonly isAnchor: boolean
  /** Where it sends to, once it publishes. */
  readonly publisher: Publisher | undefined
  /** Brings what is sent to it in line with what a publisher publishes. */
  syncWith(publisher: Publisher): void
  forget(publisher: Publisher): void
  sendPublishers(): void
  send(cmd: number, data: unknown): void
  close(): void
}

/** One room: who is in it, who publishes, and who is told what. */
export class Room<Member extends Occupant = Occupant> {
  readonly name: RoomName
  readonly members = new Map<string, Member>()
  readonly scripted = new Map<string, ScriptedAnchor>()
  /** How many subscriptions to a publisher are still to be ignored. */
  readonly ignoredSubscriptions = new Map<string, number>()
  /** What members who publish are told to send their cameras in; H.264 where nothing is said. */
  readonly uplinkCodecs = new Map<string, VideoCodec>()
  readonly #notify: (event: RoomEventName, userId: string) => void
  readonly #tell: (told: Told) => void
  /** What each publishes, as far as it was told. */
  readonly #toldTracks = new Map<string, ReadonlySet<Track>>()
  /** Since when nobody publishes; undefined while somebody does. */
  emptySinceMillis: number | undefined = Date.now()

  /** `tell`: what TRTC would tell the application of. */
  constructor(name: RoomName, notify: (event: RoomEventName, userId: string) => void, tell: (told: Told) => void) {
    this.name = name
    this.#notify = notify
    this.#tell = tell
  }

  get publishers(): Publisher[] {
    const real = [...this.members.values()].flatMap(({ publisher }) => (publisher ? [publisher] : []))
    return [...this.scripted.values(), ...real]
  }

  publisher = (tinyId: string) => this.publishers.find((publisher) => publisher.tinyId === tinyId)

  publishersFor = (member: Member) =>
    this.publishers.filter((publisher) => publisher.userId !== member.userId && flagOf(publisher) !== 0).map(publisherItem)

  /** Anchors only: an audience is not told of. */
  anchorsFor(member: Member): object[] {
    const members = [...this.members.values()].filter((other) => other.isAnchor && other !== member)
    return [...this.scripted.values(), ...members].map(({ userId, tinyId }) => ({
      userId,
      srcTinyId: tinyId,
      role: 20,
      fromType: 0,
    }))
  }

  /** Whether this subscription is one of those. */
  ignoresSubscription(publisherId: string): boolean {
    const left = this.ignoredSubscriptions.get(publisherId) ?? 0
    if (left > 0) this.ignoredSubscriptions.set(publisherId, left - 1)
    return left > 0
  }

  notify = (event: RoomEventName, who: { userId: string }) => this.#notify(event, who.userId)

  enter(member: Member): void {
    if (this.members.size === 0) this.#countPublishers(Date.now())
    this.#tellOfEntering(member.userId, member.isAnchor)
    this.members.set(member.userId, member)
    if (member.isAnchor) this.#tellOthers(member.userId, push.peerJoin, peerJoin(member))
    this.notify('joined', member)
  }

  /** Takes a member out. It is not told; what it is told of the reason comes first. */
  leave(member: Member, reason: number): void {
    if (this.members.get(member.userId) !== member) return
    const { publisher } = member
    this.members.delete(member.userId)
    if (publisher) this.publisherGone(publisher)
    if (member.isAnchor) this.#tellOthers(member.userId, push.peerLeave, { userId: member.userId, reason })
    member.close()
    this.#tellOfLeaving(member.userId)
    this.notify('left', member)
  }

  roleChanged({ userId, isAnchor }: Member): void {
    this.#tell({ is: 'changedRole', userId, isAnchor })
  }

  addScripted(anchor: ScriptedAnchor): void {
    this.#tellOfEntering(anchor.userId, true)
    this.scripted.set(anchor.userId, anchor)
    this.#tellOthers(anchor.userId, push.peerJoin, peerJoin(anchor))
  }

  removeScripted(anchor: ScriptedAnchor, reason: number): void {
    this.scripted.delete(anchor.userId)
    this.publisherGone(anchor)
    this.#tellOthers(anchor.userId, push.peerLeave, { userId: anchor.userId, reason })
    this.#tellOfLeaving(anchor.userId)
  }

  publisherChanged(publisher: Publisher): void {
    this.#countPublishers()
    for (const member of this.members.values()) member.syncWith(publisher)
    this.#tellOfTracks(publisher)
    this.notify('published', publisher)
  }

  publisherGone(publisher: Publisher): void {
    this.#countPublishers()
    for (const member of this.members.values()) {
      member.forget(publisher)
      member.sendPublishers()
    }
    this.notify('unpublished', publisher)
  }

  get #isDeserted(): boolean {
    return this.members.size === 0 && this.scripted.size === 0
  }

  #tellOfEntering(userId: string, isAnchor: boolean): void {
    if (this.#isDeserted) this.#tell({ is: 'created', userId })
    this.#tell({ is: 'entered', userId, isAnchor })
  }

  /** Of who leaves, TRTC does not tell that they publish no more. */
  #tellOfLeaving(userId: string): void {
    this.#toldTracks.delete(userId)
    this.#tell({ is: 'left', userId })
    if (this.#isDeserted) this.#tell({ is: 'dismissed' })
  }

  #tellOfTracks({ userId, publishes }: Publisher): void {
    const before = this.#toldTracks.get(userId) ?? new Set()
    this.#toldTracks.set(userId, new Set(publishes))
    for (const track of publishes) if (!before.has(track)) this.#tell({ is: 'started', userId, track })
    for (const track of before) if (!publishes.has(track)) this.#tell({ is: 'stopped', userId, track })
  }

  #countPublishers(emptySinceMillis = this.emptySinceMillis ?? Date.now()): void {
    const someone = this.publishers.some((publisher) => publisher.publishes.size > 0)
    this.emptySinceMillis = someone ? undefined : emptySinceMillis
  }

  #tellOthers(userId: string, cmd: number, data: object): void {
    for (const member of this.members.values()) if (member.userId !== userId) member.send(cmd, data)
  }
}

const peerJoin = ({ userId, tinyId }: { userId: string; tinyId: string }) => ({
  srcTinyId: tinyId,
  userId,
  role: 20,
  fromType: 0,
})
