import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { readBatch, type TapRecord } from './wire.ts'

export interface TapHandlers {
  onRecord(record: TapRecord): void
  /** The page is connected no more. */
  onClosed(): void
  /** What arrived makes no sense. The connection is closed after it. */
  onError(error: Error): void
}

/** Serves the room page on the loopback interface and receives its tap. */
export interface TapServer {
  /** Address of the page. */
  readonly url: string
  /** Path of the socket, good for one connection; handed to the page through the debugger's pipe only. */
  readonly socketPath: string
  send(command: object): void
  close(): Promise<void>
}

export interface PageFiles {
  html: Buffer
  page: Buffer
  worker: Buffer
}

const maxBatchBytes = 256 * 1024 * 1024

export async function startTapServer(files: PageFiles, handlers: TapHandlers): Promise<TapServer> {
  const token = randomBytes(24).toString('base64url')
  let tokenUsed = false
  let socket: WebSocket | undefined
  const server = createServer((request, response) => {
    const file = { '/': files.html, '/page.js': files.page, '/worker.js': files.worker }[request.url ?? '']
    if (file === undefined) return response.writeHead(404).end()
    const type = request.url === '/' ? 'text/html; charset=utf-8' : 'text/javascript; charset=utf-8'
    return response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' }).end(file)
  })
  const sockets = new WebSocketServer({ noServer: true, maxPayload: maxBatchBytes, perMessageDeflate: false })
  const socketPath = `/tap/${token}`
  server.on('upgrade', (request, connection, head) => {
    if (tokenUsed || request.url !== socketPath) return connection.end('HTTP/1.1 403 Forbidden\r\n\r\n')
    tokenUsed = true
    sockets.handleUpgrade(request, connection, head, (accepted) => {
      socket = accepted
      accepted.on('message', (data: Buffer) => receive(data, handlers, accepted))
      accepted.on('error', () => {})
      accepted.on('close', () => handlers.onClosed())
    })
    return undefined
  })
  await listen(server)
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    socketPath,
    send: (command) => socket?.send(JSON.stringify(command)),
    async close() {
      socket?.terminate()
      sockets.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function receive(data: Buffer, handlers: TapHandlers, socket: WebSocket): void {
  for (const records = readBatch(data); ; ) {
    let next: IteratorResult<TapRecord>
    try {
      next = records.next()
    } catch (error) {
      handlers.onError(error as Error)
      socket.terminate()
      return
    }
    if (next.done) return
    // An error in here is one of the recorder, not of the page.
    handlers.onRecord(next.value)
  }
}

const listen = (server: Server) =>
  new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
