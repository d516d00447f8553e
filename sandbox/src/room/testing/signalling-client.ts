import { WebSocket } from 'ws'
import { identities } from '../../identities.ts'
import { userSigFor } from '../../user-sig.ts'
import type { RtpCodec } from '../messages.ts'
import type { RunningRoom } from '../server.ts'

export interface ServerMessage {
  cmd: number
  code: number
  message: string
  seq: number
  tinyId: string
  data: Record<string, unknown>
}

const codec = (payload: number, name: string, fmtp: string): RtpCodec => ({ payload, codec: name, fmtp, rate: 90_000 })
const h264 = (payload: number, mode: 0 | 1, profile: string) =>
  codec(payload, 'H264', `level-asymmetry-allowed=1;packetization-mode=${mode};profile-level-id=${profile}`)

/** What a Chromium says it can, in the shape in which the SDK sends it. */
export const clientAbility = () => ({
  ice: { ufrag: 'abcd', password: 'abcdefghijklmnopqrstuvwx' },
  dtls: { hash: 'sha-256', fingerprint: 'AA:BB', setup: 'actpass' },
  audio: {
    codecs: [{ payload: 111, codec: 'opus', fmtp: 'minptime=10;useinbandfec=1', rate: 48_000, channels: 2 }],
    extensions: [],
  },
  video: {
    codecs: [codec(96, 'VP8', ''), h264(102, 1, '42001f'), h264(114, 0, '42e01f')],
    decoders: [codec(96, 'VP8', ''), h264(102, 1, '42001f'), h264(108, 1, '42e01f')],
    extensions: [],
  },
})

/** One signalling socket as the SDK opens it. Messages are kept in order; `next` takes them one after the other, by command. */
export class SignallingClient {
  readonly socket: WebSocket
  /** With the code that the server closed with. */
  readonly closed: Promise<number>
  readonly #messages: ServerMessage[] = []
  #wake = () => {}
  #seq = 0

  constructor(server: RunningRoom, userId: string, userSig = userSigFor(identities.trtc, userId), sdkAppId?: number) {
    const query = new URLSearchParams({ sdkAppId: String(sdkAppId ?? identities.trtc.sdkAppId), userId, userSig, keepAlive: '0' })
    this.socket = new WebSocket(`wss://${server.unifiedProxy}/v2/ws?${query}`, { rejectUnauthorized: false })
    this.socket.on('message', (raw) => {
      this.#messages.push(JSON.parse(String(raw)))
      this.#wake()
    })
    this.socket.on('error', () => {}) // closing follows
    this.closed = new Promise((resolve) => this.socket.once('close', resolve))
  }

  async open(): Promise<this> {
    await this.next(19)
    return this
  }

  send(cmd: string, data?: object): number {
    this.socket.send(JSON.stringify({ cmd, data, userId: 'as in the address', tinyId: '', seq: ++this.#seq }))
    return this.#seq
  }

  /** The next message with this command number that nobody has taken yet, within 5 s. */
  async next(cmd: number, matches: (message: ServerMessage) => boolean = () => true): Promise<ServerMessage> {
    const deadline = performance.now() + 5000
    for (;;) {
      const at = this.#messages.findIndex((message) => message.cmd === cmd && matches(message))
      if (at >= 0) return this.#messages.splice(at, 1)[0]!
      const left = deadline - performance.now()
      if (left <= 0) throw new Error(`no message ${cmd} came; there were ${JSON.stringify(this.#messages)}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  /** Whether such a message has come and nobody took it. What the server said before a reply has come by then. */
  has = (cmd: number) => this.#messages.some((message) => message.cmd === cmd)

  /** Sends a command and takes its reply. */
  async ask(cmd: string, replyCmd: number, data?: object): Promise<ServerMessage> {
    const seq = this.send(cmd, data)
    return this.next(replyCmd, (message) => message.seq === seq)
  }

  join(roomId: string, { string = false, role = 21 }: { string?: boolean; role?: 20 | 21 } = {}): Promise<ServerMessage> {
    return this.ask('join/v2', 20, { roomId, useStringRoomId: string, trtcRole: role, trtcScene: 2, ability: clientAbility() })
  }

  /** The next list of publishers that satisfies, as user id -> flag. */
  async publishers(satisfies: (flags: Record<string, number>) => boolean): Promise<Record<string, number>> {
    const flags = ({ data }: ServerMessage) =>
      Object.fromEntries((data.userList as { userId: string; flag: number }[]).map(({ userId, flag }) => [userId, flag]))
    return flags(await this.next(23, (message) => satisfies(flags(message))))
  }

  close(): void {
    this.socket.terminate()
  }
}
