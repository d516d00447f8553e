import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { identities } from '../identities.ts'
import { startControl } from './control.ts'
import { serve } from './exchange.ts'
import { Faults } from './faults.ts'
import type { CosState } from './handlers.ts'
import { RequestLog } from './request-log.ts'
import type { CosAccount } from './signature.ts'
import { Storage } from './storage.ts'
import { Uploads } from './uploads.ts'

export interface CosOptions {
  /** Address to listen on. */
  address: string
  /** 0: any free port. */
  port: number
  /** Host name or address that others reach it by. The one listened on where it is missing. */
  advertise?: string
  controlPort?: number
  /** Buckets and uploads are kept here, over restarts. */
  dir: string
  /** Created if they are not there. */
  buckets?: readonly string[]
}

export interface RunningCos {
  /** For `spec.cos.endpoint`: path-style, http. */
  endpoint: string
  /** For `cosControl`. */
  controlUrl: string
  close(): Promise<void>
}

/** Everything the control API reaches into. */
export interface CosWorld extends CosState {
  endpoint: string
  accounts: Map<string, CosAccount>
  faults: Faults
  log: RequestLog
  clockOffsetMillis: number
  /** True closes the port and every connection; false opens it again. */
  setOutage(on: boolean): Promise<void>
}

/** A stand-in for Tencent COS: the part of the XML API that recorders use, with its signatures, its errors and its bad days. */
export async function startCos(options: CosOptions): Promise<RunningCos> {
  const { secretId, secretKey, bucket } = identities.cos
  const storage = await Storage.open(join(options.dir, 'buckets'))
  const server = createServer((request, response) => void serve(world, request, response))
  const port = await listen(server, options.address, options.port)
  const host = options.advertise ?? options.address
  const world: CosWorld = {
    endpoint: `http://${host}:${port}`,
    storage,
    uploads: await Uploads.open(storage),
    accounts: new Map<string, CosAccount>([[secretId, { secretId, secretKey }]]),
    faults: new Faults(),
    log: new RequestLog(),
    clockOffsetMillis: 0,
    async setOutage(on) {
      if (on && server.listening) await shut(server)
      if (!on && !server.listening) await listen(server, options.address, port)
    },
  }
  for (const name of options.buckets ?? [bucket]) if (!storage.hasBucket(name)) await storage.createBucket(name)
  const control = await startControl(world, options.address, options.controlPort ?? 0, host)
  return {
    endpoint: world.endpoint,
    controlUrl: control.url,
    async close() {
      await control.close()
      await world.setOutage(true)
    },
  }
}

async function listen(server: Server, address: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, address, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return (server.address() as AddressInfo).port
}

async function shut(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve))
  server.closeAllConnections()
  await closed
}
