import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A receiver of callbacks whose answer is code of the test: it may change the cluster while the sender waits. */
export interface Sink {
  url: string
  received: { headers: IncomingMessage['headers']; body: string }[]
  answer: (response: ServerResponse) => void
  stop(): Promise<void>
}

export async function startSink(): Promise<Sink> {
  const server: Server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    made.received.push({ headers: request.headers, body })
    made.answer(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const made: Sink = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received: [],
    answer: ok,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return made
}

export const ok = (response: ServerResponse) => void response.writeHead(200).end()
export const unavailable = (response: ServerResponse) => void response.writeHead(503).end()
