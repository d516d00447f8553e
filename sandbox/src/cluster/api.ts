import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { createInterface } from 'node:readline'

/** Just enough of a client of the sandbox's own API server: JSON in, JSON out, by client certificate. */
export interface ClusterApi {
  get<T>(path: string): Promise<T>
  create(path: string, object: object): Promise<void>
  remove(path: string): Promise<void>
  /** Yields for every change below the path until the server ends the watch. */
  watch(path: string, signal?: AbortSignal): AsyncGenerator<unknown>
}

export class ApiError extends Error {
  readonly status: number
  constructor(method: string, path: string, status: number, body: string) {
    super(`${method} ${path} answered ${status}: ${body.slice(0, 500)}`)
    this.status = status
  }
}

const requestTimeoutMilliseconds = 10_000

interface Kubeconfig {
  clusters: { cluster: { server: string; 'certificate-authority-data': string } }[]
  users: { user: { 'client-certificate-data': string; 'client-key-data': string } }[]
}

/** Reads one of the kubeconfigs that `writeCertificates` wrote. */
export function clusterApi(kubeconfigFile: string): ClusterApi {
  const config = JSON.parse(readFileSync(kubeconfigFile, 'utf8')) as Kubeconfig
  const { cluster } = config.clusters[0]!
  const { user } = config.users[0]!
  const decoded = (base64: string) => Buffer.from(base64, 'base64')
  const agent = new Agent({
    ca: decoded(cluster['certificate-authority-data']),
    cert: decoded(user['client-certificate-data']),
    key: decoded(user['client-key-data']),
  })

  const send = (method: string, path: string, body?: object, signal?: AbortSignal) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const headers = body ? { 'content-type': 'application/json' } : {}
      const sent = request(new URL(path, cluster.server), { method, headers, agent, ...(signal ? { signal } : {}) })
      sent.setTimeout(path.includes('watch=1') ? 0 : requestTimeoutMilliseconds, () =>
        sent.destroy(new Error(`${method} ${path} timed out`)),
      )
      sent.once('response', resolve).once('error', reject)
      sent.end(body && JSON.stringify(body))
    })

  const exchange = async (method: string, path: string, body?: object): Promise<string> => {
    const response = await send(method, path, body)
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString()
    const status = response.statusCode ?? 0
    if (status >= 300) throw new ApiError(method, path, status, text)
    return text
  }

  return {
    get: async <T>(path: string) => JSON.parse(await exchange('GET', path)) as T,
    create: async (path, object) => void (await exchange('POST', path, object)),
    remove: async (path) => void (await exchange('DELETE', path)),
    async *watch(path, signal) {
      const response = await send('GET', `${path}?watch=1&allowWatchBookmarks=true`, undefined, signal)
      if (response.statusCode !== 200) throw new ApiError('GET', path, response.statusCode ?? 0, 'watch refused')
      for await (const line of createInterface({ input: response })) yield JSON.parse(line)
    },
  }
}
