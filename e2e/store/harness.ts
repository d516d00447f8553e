import { randomFillSync } from 'node:crypto'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino, { type Logger } from 'pino'
import type { CosCredentials } from '../../recorder-image/src/store/credentials.ts'
import { createStore, type StoreOptions } from '../../recorder-image/src/store/store.ts'
import type { ReadableStore, UploadSource } from '../../recorder-image/src/store/upload.ts'
import { type CosControl, cosControl, startCos } from '../../sandbox/src/cos/index.ts'
import { identities } from '../../sandbox/src/identities.ts'
import '../../sandbox/src/names/this-machine.ts'

export const { bucket, region, secretId, secretKey } = identities.cos
export const MiB = 1024 * 1024
export const key = 'lessons/alice.mp4'
/** Parts as small as COS takes them, so that a few megabytes make a long recording. */
export const plan = { holdbackBytes: MiB, partBytes: MiB }
/** A test does not wait for COS; that a recorder does is the retry policy's own test. */
export const backoff = { baseMillis: 5, maxMillis: 50 }

export interface LogLine {
  level: number
  msg: string
  code?: string
  [name: string]: unknown
}

export interface Overrides extends Omit<Partial<StoreOptions>, 'cos'> {
  cos?: Partial<StoreOptions['cos']>
  /** In place of `credentials`: asked before every request, with nothing kept. */
  keys?: () => CosCredentials | Promise<CosCredentials>
}

/** COS, a store that uploads to it, and a body that grows on a volume. */
export interface Harness {
  control: CosControl
  /** Scheme, host and port of the bucket. */
  bucketUrl: string
  logged: LogLine[]
  store(overrides?: Overrides): ReadableStore
  source(name?: string): UploadSource
  /** Adds bytes to a body, as a recorder does; returns how many it has now. */
  grow(source: UploadSource, bytes: number): number
  /** What the file must be in the end. */
  file(source: UploadSource, head: Uint8Array): Buffer
  stored(name?: string): Promise<Buffer>
  close(): Promise<void>
}

const noise = randomFillSync(Buffer.alloc(4 * MiB))

export async function startHarness(): Promise<Harness> {
  const dir = mkdtempSync(join(tmpdir(), 'store-'))
  const cos = await startCos({ address: '127.0.0.1', port: 0, dir: join(dir, 'cos') })
  const control = cosControl(cos.controlUrl)
  const logged: LogLine[] = []
  const log: Logger = pino({ level: 'debug' }, { write: (line: string) => void logged.push(JSON.parse(line)) })
  return {
    control,
    bucketUrl: cos.endpoint.replace('://', `://${bucket}.`),
    logged,
    store: ({ cos: cosOverrides, keys = () => ({ secretId, secretKey }), ...overrides } = {}) =>
      createStore({
        cos: {
          ...{ region, bucket, path: '/lessons', endpoint: cos.endpoint, credentialsSecretRef: { name: 'cos' } },
          ...cosOverrides,
        },
        credentials: { current: async () => keys(), refused: () => undefined },
        ...{ log, plan, backoff },
        ...overrides,
      }),
    source(name = key) {
      const stem = join(dir, name.replaceAll('/', '_'))
      writeFileSync(`${stem}.body`, '')
      return { key: name, bodyPath: `${stem}.body`, logPath: `${stem}.log`, contentType: 'video/mp4' }
    },
    grow({ bodyPath }, bytes) {
      const before = statSync(bodyPath).size
      const added = Buffer.alloc(bytes)
      // Different everywhere, so that parts in the wrong order show.
      for (let i = 0; i < bytes; i += noise.length) noise.copy(added, i)
      added.writeUInt32BE(before, 0)
      appendFileSync(bodyPath, added)
      return before + bytes
    },
    file: ({ bodyPath }, head) => Buffer.concat([head, readFileSync(bodyPath)]),
    stored: (name = key) => control.fetch(bucket, name),
    async close() {
      await cos.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
