import type { RtpHeader } from 'werift'
import type { WebSocket } from 'ws'
import { Downlink } from './downlink.ts'
import { Impairments } from './impairments.ts'
import {
  type Ability,
  type ClientMessage,
  type Codec,
  choosePayloadTypes,
  type PayloadTypes,
  push,
  reply,
  serverAbility,
} from './messages.ts'
import type { Publisher, Track } from './publisher.ts'
import { RealAnchor } from './real-anchor.ts'
import type { Occupant, Room } from './room.ts'
import { parseRtcp } from './rtp.ts'
import { Subscription } from './subscription.ts'
import type { MediaPort, Transport } from './transport.ts'

export type Data = Record<string, unknown>

export interface MediaSettings {
  port: MediaPort
  advertise: string
}

const role = { anchor: 20, audience: 21 } as const

/** One user of the SDK in a room: a signalling socket, which may drop and come back, and a media transport. */
export class Member implements Occupant {
  readonly userId: string
  readonly tinyId: string
  readonly room: Room<Member>
  role: number
  publisher: RealAnchor | undefined
  readonly #impairments = new Impairments()
  readonly #media: MediaSettings
  #payloads: PayloadTypes
  #transport: Transport
  #downlink: Downlink
  #socket: WebSocket | undefined
  /** The server says nothing more, though the socket stands. */
  isSilent = false
  readonly #subscriptions = new Map<string, Subscription>()

  constructor(room: Room<Member>, userId: string, tinyId: string, data: Data, socket: WebSocket, media: MediaSettings) {
    this.room = room
    this.userId = userId
    this.tinyId = tinyId
    this.role = Number(data.trtcRole ?? role.audience)
    this.#media = media
    this.#socket = socket
    this.#payloads = choosePayloadTypes(data.ability as Ability | undefined)
    this.#transport = this.#openTransport(data.ability as Ability)
    this.#downlink = new Downlink(this.#transport, this.#payloads, this.#impairments)
  }

  /** Whether it is still in the room, and not somebody else under its name. */
  get isPresent(): boolean {
    return this.room.members.get(this.userId) === this
  }

  get isAnchor(): boolean {
    return this.role === role.anchor
  }

  get isMediaConnected(): boolean {
    return this.#transport.isConnected
  }

  get socket(): WebSocket | undefined {
    return this.#socket
  }

  get subscriptions(): Iterable<Subscription> {
    return this.#subscriptions.values()
  }

  attachSocket(socket: WebSocket | undefined): void {
    this.#socket = socket
  }

  ability(): object {
    const { port, advertise } = this.#media
    const { ufrag, password } = this.#transport
    const uplink = this.room.uplinkCodecs.get(this.userId) ?? 'h264'
    const address = { ip: advertise, port: port.port }
    return serverAbility(this.#payloads, uplink, address, { ufrag, password }, port.certificate.fingerprint)
  }

  send(cmd: number, data: unknown, rest: object = {}): void {
    if (this.isSilent || this.#socket?.readyState !== 1) return
    this.#socket.send(JSON.stringify({ cmd, code: 0, message: '', seq: 0, tinyId: this.tinyId, data, ...rest }))
  }

  sendPublishers(): void {
    this.send(push.publishers, { userList: this.room.publishersFor(this), mixRobotList: [] })
  }

  /** Answers a command of the SDK. @returns false for one that is not known */
  handle({ cmd, data, seq }: ClientMessage): boolean {
    const answer = (data: unknown = {}, code = 0, message = '') =>
      this.send(reply[cmd as keyof typeof reply], data, { seq, code, message })
    switch (cmd) {
      case 'get_user_list':
        answer({ userList: this.room.anchorsFor(this) })
        return true
      case 'subscribe/v3':
        this.#subscribe(data) ? answer() : answer({}, -1, 'no such publisher')
        return true
      case 'subscribe_change':
        this.#want(this.#subscriptionOf(data), data)
        this.room.notify('subscribed', this)
        answer()
        return true
      case 'unsubscribe':
        this.#unsubscribe(String(data.srcTinyId))
        answer()
        return true
      case 'rebuild_pc':
        this.#rebuild(data)
        answer({ ability: this.ability() })
        return true
      case 'publish/v2':
        this.#publish(data) ? answer() : answer({}, -1, 'an audience member cannot publish')
        return true
      case 'publish_state_change':
        this.publisher?.setPublished((data.state ?? {}) as Data)
        if (this.publisher) this.room.publisherChanged(this.publisher)
        answer()
        return true
      case 'mute_uplink':
        this.publisher?.setMuted(data)
        if (this.publisher) this.room.publisherChanged(this.publisher)
        answer()
        return true
      case 'unpublish':
        this.#unpublish()
        answer()
        return true
      case 'change_role':
        this.role = Number(data.role)
        this.room.roleChanged(this)
        if (!this.isAnchor) this.#unpublish()
        answer()
        return true
      case 'leave':
        this.room.leave(this, 0)
        return true
      case 'update_constraint_config':
      case 'ability_status_report':
      case 'update_network_time':
        answer()
        return true
      case 'quality_report':
      case 'channel_msg':
        return true
      default:
        return false
    }
  }

  /** Brings what is sent to this member in line with what a publisher publishes. */
  syncWith(publisher: Publisher): void {
    this.#subscriptions.get(publisher.tinyId)?.sync()
    this.sendPublishers()
  }

  forget(publisher: Publisher): void {
    this.#unsubscribe(publisher.tinyId)
  }

  /** Makes the way to it as bad as it should be. */
  impair(change: (impairments: Impairments) => void): void {
    change(this.#impairments)
    this.#downlink.heed()
  }

  freeze(seconds: number, publisherId?: string): void {
    this.#downlink.freeze(seconds * 1000, publisherId)
  }

  killMediaPath(): void {
    this.#transport.isDead = true
  }

  reportStreams(): void {
    for (const { streams } of this.#subscriptions.values()) for (const stream of streams) stream.report()
    this.publisher?.steer()
  }

  close(): void {
    for (const subscription of this.#subscriptions.values()) subscription.close()
    this.#subscriptions.clear()
    this.#media.port.closeTransport(this.#transport)
  }

  #openTransport({ dtls }: Ability): Transport {
    return this.#media.port.openTransport(dtls.fingerprint, {
      onConnected: () => this.room.notify('mediaConnected', this),
      onRtp: (header: RtpHeader, payload: Buffer) => this.publisher?.received(header, payload, codecOf(this.#payloads, header)),
      onRtcp: (compound: Buffer) => this.#receivedRtcp(compound),
    })
  }

  #receivedRtcp(compound: Buffer): void {
    for (const message of parseRtcp(compound)) {
      if (message.type === 'senderReport') this.publisher?.receivedReport(message)
      if (message.type !== 'nack' && message.type !== 'keyFrameRequest') continue
      for (const subscription of this.#subscriptions.values()) {
        const found = subscription.streamOf(message.ssrc)
        if (!found) continue
        if (message.type === 'nack') found[1].repair(message.sequenceNumbers)
        else subscription.publisher.requestKeyFrame(found[0])
      }
    }
  }

  #subscribe(data: Data): boolean {
    const publisher = this.room.publisher(String(data.srcTinyId))
    if (!publisher) return false
    this.#unsubscribe(publisher.tinyId)
    const { audioSsrc = 0, bigVideoSsrc = 0, auxVideoSsrc = 0 } = (data.ssrc ?? {}) as Record<string, number>
    const ssrcs = { audio: audioSsrc, video: bigVideoSsrc, aux: auxVideoSsrc }
    const subscription = new Subscription(publisher, this.#downlink, ssrcs)
    this.#subscriptions.set(publisher.tinyId, subscription)
    this.#want(subscription, data)
    this.room.notify('subscribed', this)
    return true
  }

  #want(subscription: Subscription | undefined, data: Data): void {
    if (subscription === undefined) return
    const isIgnored = this.room.ignoresSubscription(subscription.publisher.userId)
    subscription.want(isIgnored ? new Set() : wantedTracks(data))
  }

  #unsubscribe(tinyId: string): void {
    this.#subscriptions.get(tinyId)?.close()
    this.#subscriptions.delete(tinyId)
    this.room.notify('subscribed', this)
  }

  #subscriptionOf = (data: Data) => this.#subscriptions.get(String(data.srcTinyId))

  #rebuild(data: Data): void {
    for (const subscription of this.#subscriptions.values()) subscription.close()
    this.#subscriptions.clear()
    this.#media.port.closeTransport(this.#transport)
    this.#payloads = choosePayloadTypes(data.ability as Ability | undefined)
    this.#transport = this.#openTransport(data.ability as Ability)
    this.#downlink = new Downlink(this.#transport, this.#payloads, this.#impairments)
  }

  #publish(data: Data): boolean {
    if (!this.isAnchor) return false
    this.publisher ??= new RealAnchor(this.userId, this.tinyId, (compound) => this.#transport.sendRtcp(compound))
    this.publisher.publish(data)
    this.room.publisherChanged(this.publisher)
    return true
  }

  #unpublish(): void {
    if (!this.publisher) return
    const { publisher } = this
    this.publisher = undefined
    this.room.publisherGone(publisher)
  }
}

/** What it is not known to be is taken for the room's first codec. */
const codecOf = (payloads: PayloadTypes, { payloadType }: RtpHeader): Codec =>
  (['opus', 'h264', 'vp8'] as const).find((codec) => payloads[codec] === payloadType) ?? 'h264'

function wantedTracks(data: Data): ReadonlySet<Track> {
  const wanted = new Set<Track>()
  if (data.audio) wanted.add('audio')
  if (data.bigVideo) wanted.add('video')
  if (data.auxVideo) wanted.add('aux')
  return wanted
}
