import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { KubeConfig } from '@kubernetes/client-node'
import type { KubeObject } from '../types.ts'

/** How the server answers one request. */
export type Answer = (response: ServerResponse, request: ScriptedRequest) => void

export interface ScriptedRequest {
  method: string
  path: string
  query: URLSearchParams
  headers: IncomingMessage['headers']
  body: unknown
}

/**
 * An HTTP server that answers as it was told, in turn, and keeps what it was asked: for what a real API server does seldom.
 * Requests beyond the script get the fallback.
 */
export interface ScriptedApi {
  kubeConfig: KubeConfig
  requests: ScriptedRequest[]
  answer(...answers: Answer[]): void
  fallback: Answer
  /** Resolves with the request once so many have come. */
  request(number: number): Promise<ScriptedRequest>
  close(): Promise<void>
}

export async function scriptedApi(): Promise<ScriptedApi> {
  const requests: ScriptedRequest[] = []
  const script: Answer[] = []
  const waiting: { number: number; resolve: (request: ScriptedRequest) => void }[] = []
  const sockets = new Set<Socket>()
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const url = new URL(incoming.url ?? '/', 'http://api')
    const text = Buffer.concat(chunks).toString()
    const request = {
      method: incoming.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: incoming.headers,
      body: text === '' ? undefined : JSON.parse(text),
    }
    requests.push(request)
    ;(script.shift() ?? api.fallback)(response, request)
    for (const each of waiting) if (each.number <= requests.length) each.resolve(requests[each.number - 1] ?? request)
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  const kubeConfig = new KubeConfig()
  kubeConfig.loadFromOptions({
    clusters: [{ name: 'scripted', server: address, skipTLSVerify: true }],
    users: [{ name: 'tester', token: 'not-a-secret' }],
    contexts: [{ name: 'scripted', cluster: 'scripted', user: 'tester' }],
    currentContext: 'scripted',
  })
  const api: ScriptedApi = {
    kubeConfig,
    requests,
    answer: (...answers) => void script.push(...answers),
    fallback: hang,
    request: (number) =>
      new Promise((resolve) => {
        const known = requests[number - 1]
        if (known) resolve(known)
        else waiting.push({ number, resolve })
      }),
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  }
  return api
}

export const json =
  (body: unknown, code = 200, headers: Record<string, string> = {}): Answer =>
  (response) => {
    response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
  }

export const failure = (code: number, reason: string, headers: Record<string, string> = {}): Answer =>
  json({ kind: 'Status', code, reason, message: `scripted ${reason}` }, code, headers)

/** One page of a list. */
export const page = (items: KubeObject[], resourceVersion: string, token?: string): Answer =>
  json({ metadata: { resourceVersion, ...(token === undefined ? {} : { continue: token }) }, items })

/** No answer at all. */
export const hang: Answer = () => {}

/** The connection breaks before the answer. */
export const reset: Answer = (response) => response.socket?.resetAndDestroy()

/** A watch: these events, and then it ends, breaks, or says nothing more. */
export const watch =
  (events: { type: string; object: unknown }[], then: 'end' | 'reset' | 'silence' = 'silence'): Answer =>
  (response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
    const text = events.map((event) => `${JSON.stringify(event)}\n`).join('')
    const after = () => {
      if (then === 'end') response.end()
      if (then === 'reset') response.socket?.resetAndDestroy()
    }
    if (text === '') return after()
    // In two pieces, cut in the middle of an object, as networks do.
    response.write(text.slice(0, text.length / 2), () => response.write(text.slice(text.length / 2), after))
  }
