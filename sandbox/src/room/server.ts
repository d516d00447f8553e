/**
 * A TRTC room that the unmodified SDK enters: schedule (HTTPS), signalling (WebSocket) and logs on one port, media on a UDP port, and a port to
 * control it all. What real servers do beyond what the SDK shows is unknown: see docs/verified.md.
 */
import { createHash, X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { WebSocketServer } from 'ws'
import { identities } from '../identities.ts'
import { stopClipMaking } from './clip-store.ts'
import type { RoomControl } from './control.ts'
import { controlHandler } from './control-http.ts'
import { Rooms } from './rooms.ts'
import { signalling } from './signalling.ts'
import { MediaPort, makeCertificate } from './transport.ts'

export interface RoomServerOptions {
  /** Address to listen on. */
  address?: string
  /** Address that clients are told to send media to; `address` where it is not set. */
  advertise?: string
  port?: number
  controlPort?: number
  mediaPort?: number
  /** UserSig key of each application; the sandbox's own one where it is not set. */
  secretKeys?: Readonly<Record<number, string>>
  /** A room without anchors is destroyed after this long. */
  noAnchorSeconds?: number
  /** How long a member whose socket is gone may take to come back. */
  graceSeconds?: number
  /** Keeps the certificate, so that its fingerprint outlives a restart. */
  stateDir?: string
  log?: (entry: object) => void
}

export interface RunningRoom {
  /** host:port for the SDK's `unifiedProxy`. */
  unifiedProxy: string
  /** For Chromium's --ignore-certificate-errors-spki-list. */
  spki: string
  control: RoomControl
  controlUrl: string
  /** Ends it, once; again waits for the same end. */
  close(): Promise<void>
}

/** In this process; they share the making of clips. */
let running = 0

export async function startRoomServer(options: RoomServerOptions = {}): Promise<RunningRoom> {
  const { address = '127.0.0.1', advertise = address, noAnchorSeconds = 300, graceSeconds = 20 } = options
  const { secretKeys = { [identities.trtc.sdkAppId]: identities.trtc.secretKey }, log = () => {} } = options
  const certificate = await keptCertificate(options.stateDir)
  const port = await MediaPort.open(address, options.mediaPort ?? 0)
  const rooms = new Rooms({ noAnchorSeconds, graceSeconds }, port)

  const https = createHttpsServer({ key: certificate.keyPem, cert: certificate.certPem })
  await new Promise<void>((resolve, reject) => https.once('error', reject).listen(options.port ?? 0, address, resolve))
  const unifiedProxy = `${advertise}:${(https.address() as AddressInfo).port}`
  https.on('request', (request, response) => {
    request.resume()
    response.setHeader('access-control-allow-origin', '*')
    response.setHeader('access-control-allow-headers', '*')
    response.setHeader('content-type', 'application/json')
    const { pathname } = new URL(request.url ?? '/', 'https://room')
    const isSchedule = schedulePaths.has(pathname)
    if (!isSchedule && !logPath.test(pathname)) {
      log({ msg: 'Unknown path was refused', path: pathname })
      response.statusCode = 404
    }
    const data = { domains: [unifiedProxy], iceServers: null, iceTransportPolicy: null, trtcAutoConf: null, config: {} }
    response.end(JSON.stringify(isSchedule ? { code: 0, msg: '', data } : { code: response.statusCode === 404 ? 404 : 0 }))
  })
  const sockets = new WebSocketServer({ server: https })
  sockets.on('connection', signalling({ rooms, media: { port, advertise }, secretKeys, log }))

  const control = createHttpServer(controlHandler(rooms))
  await new Promise<void>((resolve, reject) => control.once('error', reject).listen(options.controlPort ?? 0, address, resolve))

  running += 1
  let closed: Promise<void> | undefined
  return {
    unifiedProxy,
    spki: spkiOf(certificate.certPem),
    control: rooms,
    controlUrl: `http://${advertise}:${(control.address() as AddressInfo).port}`,
    close: () => {
      closed ??= close()
      return closed
    },
  }

  async function close(): Promise<void> {
    rooms.close()
    running -= 1
    if (running === 0) stopClipMaking()
    for (const socket of sockets.clients) socket.terminate()
    port.close()
    for (const server of [https, control]) {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  }
}

const schedulePaths: ReadonlySet<string> = new Set(['/api/v1/config', '/api/v1/cloudconfig'])
/** Where the SDK's logs and quality reports go. */
const logPath = /^\/v5\//

const spkiOf = (certPem: string) =>
  createHash('sha256')
    .update(new X509Certificate(certPem).publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64')

async function keptCertificate(directory: string | undefined): Promise<{ certPem: string; keyPem: string }> {
  const path = directory && join(directory, 'certificate.json')
  if (path && existsSync(path)) return JSON.parse(readFileSync(path, 'utf8'))
  const { certPem, keyPem } = await makeCertificate()
  if (path) {
    mkdirSync(directory, { recursive: true })
    writeFileSync(path, JSON.stringify({ certPem, keyPem }), { mode: 0o600 })
  }
  return { certPem, keyPem }
}
