import { createHash } from 'node:crypto'
import type { RequestOptions } from 'node:https'
import { type KubeConfig, RequestContext } from '@kubernetes/client-node'
import type { Dispatcher } from 'undici'

export interface Connection {
  server: string
  headers: Record<string, string>
  dispatcher: Dispatcher | undefined
}

/** Tokens and certificates rotate in files; they are looked at again after this long, or at once after a 401. */
const freshMillis = 30_000

/**
 * Authentication by client-node's KubeConfig (kubeconfig, in-cluster token, exec plugins, proxies). client-node makes a new
 * connection pool for each request; this keeps one as long as the TLS material stays the same.
 */
export class Authentication {
  readonly #config: KubeConfig
  #cached: { connection: Connection; at: number } | undefined
  #loading: Promise<Connection> | undefined
  #pool: { fingerprint: string; dispatcher: Dispatcher | undefined } | undefined

  constructor(config: KubeConfig) {
    this.#config = config
  }

  async connection(): Promise<Connection> {
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
    const cluster = this.#config.getCurrentCluster()
    if (cluster === null) throw new Error('The kubeconfig has no current cluster. Set KUBECONFIG, or run inside a cluster.')
    const options: RequestOptions = {}
    await this.#config.applyToHTTPSOptions(options)
    const headers: Record<string, string> = {}
    for (const [name, value] of Object.entries(options.headers ?? {})) headers[name] = String(value)
    if (options.auth) headers.Authorization = `Basic ${Buffer.from(options.auth).toString('base64')}`
    const connection = { server: cluster.server.replace(/\/+$/, ''), headers, dispatcher: await this.#dispatcher(options) }
    this.#cached = { connection, at: performance.now() }
    return connection
  }

  async #dispatcher(options: RequestOptions): Promise<Dispatcher | undefined> {
    const { ca, cert, key, pfx, rejectUnauthorized, servername } = options as Record<string, unknown>
    const material = [ca, cert, key, pfx, rejectUnauthorized, servername].map(String).join('\n')
    const fingerprint = createHash('sha256').update(material).digest('hex')
    if (this.#pool?.fingerprint === fingerprint) return this.#pool.dispatcher
    const context = new RequestContext(this.#config.getCurrentCluster()?.server ?? '', 'GET')
    await this.#config.applySecurityAuthentication(context)
    const former = this.#pool?.dispatcher
    this.#pool = { fingerprint, dispatcher: context.getDispatcher() }
    // Requests under way, watches among them, end in their own time.
    former?.close().catch(() => {})
    return this.#pool.dispatcher
  }

  async close(): Promise<void> {
    await this.#pool?.dispatcher?.destroy().catch(() => {})
    this.#pool = undefined
    this.#cached = undefined
  }
}
