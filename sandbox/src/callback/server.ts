import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { Port } from '../cos/port.ts'
import { identities } from '../identities.ts'
import { Behaviours } from './behaviour.ts'
import { startControl } from './control.ts'
import { Received } from './received.ts'
import { verifySign } from './signature.ts'
import type { SinkWorld } from './world.ts'

export interface CallbackSinkOptions {
  /** Address to listen on. */
  address: string
  /** 0: any free port. */
  port: number
  /** Host name or address that others reach it by. The one listened on where it is missing. */
  advertise?: string
  controlPort?: number
  /** Keeps what was received over restarts. */
  dir?: string
  /** Signing keys by path. Those of other paths are not checked. */
  keys?: Record<string, string>
}

export interface RunningCallbackSink {
  /** For `spec.callback.url`, with any path behind it; `signedPath` is checked for its signature. */
  url: string
  /** For `callbackControl`. */
  controlUrl: string
  close(): Promise<void>
}

/** Callbacks to this path must be signed with the sandbox's key, unless `keys` says otherwise. */
export const signedPath = '/signed'

/** Takes callbacks, keeps them, and answers 200, unless told to misbehave or a signature is wrong (401). */
export async function startCallbackSink(options: CallbackSinkOptions): Promise<RunningCallbackSink> {
  const server = createServer((request, response) => void receive(world, request, response))
  const world: SinkWorld = {
    port: new Port(server, options.address, options.port),
    keys: new Map(Object.entries(options.keys ?? { [signedPath]: identities.callback.signingKey })),
    behaviours: new Behaviours(),
    received: new Received(options.dir),
  }
  await world.port.open()
  const host = options.advertise ?? options.address
  const control = await startControl(world, options.address, options.controlPort ?? 0, host)
  return {
    url: `http://${host}:${world.port.number}`,
    controlUrl: control.url,
    async close() {
      await control.close()
      await world.port.close()
    },
  }
}

async function receive({ keys, behaviours, received }: SinkWorld, request: IncomingMessage, response: ServerResponse) {
  const { method = '', url: path = '/' } = request
  const body = await whole(request)
  // A sender that breaks off has delivered nothing.
  if (body === undefined) return
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
  const signature = verifySign(keys.get(path.split('?')[0]!), body, headers.sign)
  const act = behaviours.take(path)
  const refused = signature === 'invalid' || signature === 'missing'
  const status = act?.kind === 'stall' || act?.kind === 'reset' ? 0 : act?.kind === 'refuse' ? act.status : refused ? 401 : 200
  received.add({ time: new Date().toISOString(), method, path, headers, body: String(body), signature, status })
  switch (act?.kind) {
    case 'stall':
      return
    case 'reset':
      request.socket.resetAndDestroy()
      return
    case 'slow':
      await sleep(act.delayMillis)
      break
    case 'refuse':
      if (act.location !== undefined) response.setHeader('Location', act.location)
      break
    case undefined:
      break
  }
  // TRTC's documentation suggests this answer.
  response.writeHead(status, { 'Content-Type': 'application/json' }).end('{"code":0}')
}

async function whole(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks)
  } catch {
    return undefined
  }
}
