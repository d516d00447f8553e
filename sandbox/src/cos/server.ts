import { createServer } from 'node:http'
import { join } from 'node:path'
import { identities } from '../identities.ts'
import { cosDomain } from '../names/zone.ts'
import { startControl } from './control.ts'
import { serve } from './exchange.ts'
import { Faults } from './faults.ts'
import { Port } from './port.ts'
import { RequestLog } from './request-log.ts'
import { startRoles } from './roles.ts'
import type { CosAccount } from './signature.ts'
import { Storage } from './storage.ts'
import { Uploads } from './uploads.ts'
import type { CosWorld } from './world.ts'

export interface CosOptions {
  /** Address to listen on. */
  address: string
  /** 0: any free port. */
  port: number
  /** Host name or address that others reach the control API by. The one listened on where it is missing. */
  advertise?: string
  controlPort?: number
  /** Buckets and uploads are kept here, over restarts. */
  dir: string
  /** Created if they are not there. */
  buckets?: readonly string[]
}

export interface RunningCos {
  /** For `spec.cos.endpoint`: http, a domain of the sandbox; `../names` says who knows where that is. */
  endpoint: string
  /** For `cosControl`. */
  controlUrl: string
  /** Of the metadata service and of STS: `TRTC_RECORDER_METADATA_URL`, `TRTC_RECORDER_STS_URL`. */
  rolesUrl: string
  close(): Promise<void>
}

/** A stand-in for Tencent COS: the part of the XML API that recorders use, with its signatures, its errors and its bad days. */
export async function startCos(options: CosOptions): Promise<RunningCos> {
  const { secretId, secretKey, bucket } = identities.cos
  const storage = await Storage.open(join(options.dir, 'buckets'))
  const server = createServer((request, response) => void serve(world, request, response))
  const port = new Port(server, options.address, options.port)
  await port.open()
  const host = options.advertise ?? options.address
  const accounts = new Map<string, CosAccount>([[secretId, { secretId, secretKey }]])
  const roles = await startRoles(accounts, options.address, host)
  const world: CosWorld = {
    endpoint: `http://${cosDomain}:${port.number}`,
    storage,
    uploads: await Uploads.open(storage),
    accounts,
    roles,
    faults: new Faults(),
    log: new RequestLog(),
    clockOffsetMillis: 0,
    port,
  }
  for (const name of options.buckets ?? [bucket]) if (!storage.hasBucket(name)) await storage.createBucket(name)
  const control = await startControl(world, options.address, options.controlPort ?? 0, host)
  return {
    endpoint: world.endpoint,
    controlUrl: control.url,
    rolesUrl: roles.url,
    async close() {
      await control.close()
      await roles.close()
      await port.close()
    },
  }
}
