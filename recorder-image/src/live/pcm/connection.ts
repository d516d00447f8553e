import type { LookupFunction, Socket } from 'node:net'
import { type ReceiverPolicy, type Resolve, receiverOf } from '@trtc-recorder/api/receivers'
import { WebSocket } from 'ws'

/** LiveKit's convention (egress, pkg/pipeline/sink/websocket.go). */
const contentType = 'audio/x-raw'
const pingMillis = 30_000
const handshakeMillis = 10_000
/** A receiver says nothing of length. */
const mostReceivedBytes = 64 * 1024

export interface ConnectOptions {
  policy: ReceiverPolicy
  /** What is sent as the header Authorization. */
  authorization?: string
  resolve?: Resolve
  /** Ends the connection, or the attempt at it. */
  signal: AbortSignal
}

/** One connection to a receiver. */
export interface Connection {
  /** Settles when it is over, with why in words that hold no secret. */
  readonly closed: Promise<string>
  /** Resolves when the network has taken all of them; rejects when the connection is over before. */
  send(messages: readonly (Uint8Array | string)[]): Promise<void>
  /** Says that nothing more comes, and waits a moment for the receiver to say so, too. */
  close(): Promise<void>
  terminate(): void
}

/**
 * Connects to an address after judging every address its name has, and to no other than those. Rejects with words that hold no secret: neither the
 * path and query of the address nor a header.
 */
export async function connect(address: string, { policy, authorization, resolve, signal }: ConnectOptions): Promise<Connection> {
  const { hostname } = new URL(address)
  const receiver = await receiverOf(hostname, policy, resolve)
  switch (receiver.is) {
    case 'refused':
      throw new Error(receiver.message)
    case 'unknown':
      throw new Error(`the name ${hostname} is not known`)
    default: {
      const socket = new WebSocket(address, {
        headers: { 'Content-Type': contentType, ...(authorization === undefined ? {} : { Authorization: authorization }) },
        lookup: lookupOf(receiver.addresses),
        handshakeTimeout: handshakeMillis,
        maxPayload: mostReceivedBytes,
        perMessageDeflate: false,
      })
      const abort = () => socket.terminate()
      signal.addEventListener('abort', abort, { once: true })
      const forget = () => signal.removeEventListener('abort', abort)
      socket.once('close', forget)
      const transport = Promise.withResolvers<Socket>()
      socket.once('upgrade', (response) => transport.resolve(response.socket))
      const isOpen = opened(socket)
      if (signal.aborted) abort()
      // One that was answered otherwise never closes.
      await isOpen.catch((error) => {
        forget()
        throw error
      })
      return new OpenConnection(socket, await transport.promise)
    }
  }
}

/** Whatever the name stands for by now. */
const lookupOf =
  (addresses: readonly { address: string; family: number }[]): LookupFunction =>
  (_hostname, { all }, callback) =>
    all ? callback(null, [...addresses]) : callback(null, addresses[0]!.address, addresses[0]!.family)

function opened(socket: WebSocket): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  socket.once('open', () => resolve())
  socket.once('unexpected-response', (request, { statusCode }) => {
    request.destroy()
    reject(new Error(`the receiver answered ${statusCode}, not 101`))
  })
  socket.on('error', (error: NodeJS.ErrnoException) => reject(new Error(reasonOf(error))))
  return promise
}

/** Messages of errors may name what was sent. */
const reasonOf = ({ code, message }: NodeJS.ErrnoException) => code ?? message.replace(/wss?:\S+/g, '…').slice(0, 128)

class OpenConnection implements Connection {
  readonly closed: Promise<string>
  readonly #socket: WebSocket
  readonly #transport: Socket
  #isAlive = true

  constructor(socket: WebSocket, transport: Socket) {
    this.#socket = socket
    this.#transport = transport
    let reason: string | undefined
    socket.on('error', (error) => {
      reason = reasonOf(error)
    })
    socket.on('pong', () => {
      this.#isAlive = true
    })
    const pings = setInterval(() => {
      if (!this.#isAlive) {
        reason = `the receiver did not answer a ping within ${pingMillis / 1000} s`
        socket.terminate()
        return
      }
      this.#isAlive = false
      socket.ping('ping')
    }, pingMillis)
    pings.unref()
    this.closed = new Promise((resolve) => {
      socket.once('close', (code) => {
        clearInterval(pings)
        resolve(reason ?? `the receiver closed the connection (${code})`)
      })
    })
    // What a receiver says is nobody's.
    socket.resume()
  }

  send(messages: readonly (Uint8Array | string)[]): Promise<void> {
    const last = messages.at(-1)
    if (last === undefined) return Promise.resolve()
    return new Promise((resolve, reject) => {
      // All of a turn in one write: messages are of 20 ms each.
      this.#transport.cork()
      for (const message of messages.slice(0, -1)) this.#socket.send(message, () => {})
      this.#socket.send(last, (error) => (error ? reject(new Error(reasonOf(error))) : resolve()))
      this.#transport.uncork()
    })
  }

  async close(): Promise<void> {
    this.#socket.close(1000)
    const late = setTimeout(() => this.#socket.terminate(), 1000)
    await this.closed
    clearTimeout(late)
  }

  terminate(): void {
    this.#socket.terminate()
  }
}
