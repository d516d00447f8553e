import { once } from 'node:events'
import type { IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'

/** One connection as a receiver of LiveKit's convention sees it. */
export interface Heard {
  url: string
  headers: IncomingHttpHeaders
  /** All binary messages, one after the other. */
  pcm: Buffer
  /** When each of them came, and where in `pcm` it begins. */
  blocks: { atMillis: number; at: number }[]
  /** Texts, and how much of `pcm` was there before. */
  texts: { text: string; at: number }[]
  /** Code of the close frame, once it is closed. */
  closed: number | undefined
  socket: WebSocket
}

/** A receiver as those of LiveKit's egress are: it takes raw PCM and texts, and says nothing. */
export class Receiver {
  readonly connections: Heard[] = []
  /** What becomes of a connection as it opens. */
  onConnection: (heard: Heard) => void = () => {}
  #server: WebSocketServer | undefined
  #port = 0

  /** On the port it had before, if it had one. */
  async open(): Promise<void> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: this.#port })
    this.#server = server
    server.on('connection', (socket, { url = '', headers }) => {
      const heard: Heard = { url, headers, pcm: Buffer.alloc(0), blocks: [], texts: [], closed: undefined, socket }
      this.connections.push(heard)
      const parts: Buffer[] = []
      let bytes = 0
      Object.defineProperty(heard, 'pcm', { get: () => Buffer.concat(parts) })
      socket.on('message', (data: Buffer, isBinary) => {
        if (!isBinary) return heard.texts.push({ text: data.toString(), at: bytes })
        heard.blocks.push({ atMillis: Date.now(), at: bytes })
        parts.push(data)
        bytes += data.length
      })
      socket.on('close', (code) => {
        heard.closed = code
      })
      socket.on('error', () => {})
      this.onConnection(heard)
    })
    await once(server, 'listening')
    this.#port = (server.address() as AddressInfo).port
  }

  get address(): string {
    return `ws://127.0.0.1:${this.#port}`
  }

  /** Drops every connection and listens no more. */
  async close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    for (const client of server?.clients ?? []) client.terminate()
    await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)))
  }
}
