import { createHash } from 'node:crypto'
import type { Dispatcher } from 'undici'
import type { ClusterAccess, Credentials } from './access.ts'
import { ConnectionError } from './errors.ts'

export interface Connection {
  server: string
  headers: Record<string, string>
  dispatcher: Dispatcher | undefined
}

/** Tokens and certificates rotate in files; they are looked at again after this long, or at once after a 401. */
const freshMillis = 30_000

/** Credentials that stay fresh, with one connection pool as long as the TLS material stays the same. */
export class Authentication {
  readonly #access: ClusterAccess
  #cached: { connection: Connection; at: number } | undefined
  #loading: Promise<Connection> | undefined
  #closed = false
  #pool: { fingerprint: string; dispatcher: Dispatcher | undefined } | undefined

  constructor(access: ClusterAccess) {
    this.#access = access
  }

  async connection(): Promise<Connection> {
    if (this.#closed) throw new ConnectionError('The client of the API server is closed')
    if (this.#cached !== undefined && performance.now() - this.#cached.at < freshMillis) return this.#cached.connection
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined
    })
    return this.#loading
  }

  /** The server did not know us: read the credentials again before the next request. */
  invalidate(): void {
    this.#cached = undefined
  }

  async #load(): Promise<Connection> {
    const credentials = await this.#access.credentials()
    const { headers } = credentials
    const connection = {
      server: this.#access.server.replace(/\/+$/, ''),
      headers,
      dispatcher: await this.#dispatcher(credentials),
    }
    this.#cached = { connection, at: performance.now() }
    return connection
  }

  async #dispatcher({ tls, dispatcher }: Credentials): Promise<Dispatcher | undefined> {
    const material = [tls.ca, tls.cert, tls.key, tls.pfx, tls.rejectUnauthorized, tls.servername].map(String).join('\n')
    const fingerprint = createHash('sha256').update(material).digest('hex')
    if (this.#pool?.fingerprint === fingerprint) return this.#pool.dispatcher
    const former = this.#pool?.dispatcher
    this.#pool = { fingerprint, dispatcher: await dispatcher() }
    // Requests under way, watches among them, end in their own time.
    former?.close().catch(() => {})
    return this.#pool.dispatcher
  }

  /** Requests under way end; none begins any more. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#pool?.dispatcher?.destroy().catch(() => {})
  }
}
