import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type RecorderEvents, type RecorderProgress, recorderEventsSchema, recorderProgressSchema } from '@trtc-recorder/api'

export interface HealthSource {
  progress(): RecorderProgress
  /** Events after the one of this id; none before the volume is known. */
  events(after: number): RecorderEvents | undefined
  /** Why the recorder is not ready; undefined when it is in the room and can write. */
  notReady(): Promise<string | undefined>
}

interface Answer {
  status: number
  body: object
}

/**
 * `/healthz`: the process answers. `/readyz`: in the room, and able to write. `/status`: what it is doing. `/events?after=ID`: what has happened. All by GET, all in JSON.
 * On all addresses, IPv6 and IPv4, unless a host is given. Rejects when the port cannot be had.
 */
export async function startHttp(
  source: HealthSource,
  port: number,
  host?: string,
): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const [path, query] = request.url?.split('?', 2) ?? []
    // A server of four addresses that only reads; HEAD is GET without the body, which Node leaves out by itself.
    const known = request.method === 'GET' || request.method === 'HEAD'
    const answer = known
      ? answerTo(path, query, source)
      : { status: 405, body: { error: `${request.method} is not answered; GET is` } }
    Promise.resolve(answer).then(
      (answer) => send(response, answer),
      (error: Error) => send(response, { status: 500, body: { error: error.message } }),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answerTo(path: string | undefined, query: string | undefined, source: HealthSource): Promise<Answer> {
  switch (path) {
    case '/healthz':
      return { status: 200, body: { status: 'ok' } }
    case '/readyz': {
      const reason = await source.notReady()
      return reason === undefined
        ? { status: 200, body: { status: 'ready' } }
        : { status: 503, body: { status: 'not ready', reason } }
    }
    case '/status':
      return { status: 200, body: recorderProgressSchema.parse(source.progress()) }
    case '/events': {
      const events = source.events(Number(new URLSearchParams(query).get('after') ?? 0) || 0)
      return events === undefined
        ? { status: 503, body: { error: 'The volume is not open yet' } }
        : { status: 200, body: recorderEventsSchema.parse(events) }
    }
    default:
      return { status: 404, body: { error: `There is no ${path}; there are /healthz, /readyz, /status and /events` } }
  }
}

function send(response: ServerResponse, { status, body }: Answer): void {
  const text = JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(text) })
  response.end(text)
}
