import { readFile } from 'node:fs/promises'
import type { ConnectionOptions } from 'node:tls'
import type { KubeConfig } from '@kubernetes/client-node'
import { Agent, type Dispatcher } from 'undici'

/** Where the API server is, and who we are to it. */
export interface ClusterAccess {
  readonly server: string
  /** Read anew each time: tokens and certificates rotate in files. */
  credentials(): Promise<Credentials>
}

export interface Credentials {
  headers: Record<string, string>
  /** What distinguishes one connection pool from the next. */
  tls: Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'pfx' | 'rejectUnauthorized' | 'servername'>
  /** Makes a connection pool with this TLS material. */
  dispatcher(): Promise<Dispatcher | undefined>
}

export const serviceAccountDirectory = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * As every Pod reaches the API server. By hand and not by client-node: loading that takes 90 MB, as much as ten thousand Recordings, and nearly
 * a second, for the models of every kind there is.
 */
export function inCluster(
  { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '443' }: Record<string, string | undefined>,
  directory: string,
): ClusterAccess {
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    async credentials() {
      const [token, ca] = await Promise.all([readFile(`${directory}/token`, 'utf8'), readFile(`${directory}/ca.crt`, 'utf8')])
      return {
        headers: { Authorization: `Bearer ${token.trim()}` },
        tls: { ca },
        dispatcher: async () => new Agent({ connect: { ca } }),
      }
    },
  }
}

/** Outside a cluster: a kubeconfig with all that it may have (exec plugins, proxies), by client-node. */
export function fromKubeConfig(config: KubeConfig): ClusterAccess {
  const cluster = () => {
    const current = config.getCurrentCluster()
    if (current === null) throw new Error('The kubeconfig has no current cluster. Set KUBECONFIG, or run inside a cluster.')
    return current
  }
  return {
    get server() {
      return cluster().server
    },
    async credentials() {
      const options: Record<string, unknown> & { headers?: Record<string, unknown>; auth?: string } = {}
      await config.applyToHTTPSOptions(options as never)
      const headers = Object.fromEntries(Object.entries(options.headers ?? {}).map(([name, value]) => [name, String(value)]))
      if (options.auth) headers.Authorization = `Basic ${Buffer.from(options.auth).toString('base64')}`
      const { ca, cert, key, pfx, rejectUnauthorized, servername } = options
      return {
        headers,
        tls: { ca, cert, key, pfx, rejectUnauthorized, servername } as Credentials['tls'],
        async dispatcher() {
          const { RequestContext } = await import('@kubernetes/client-node')
          const context = new RequestContext(cluster().server, 'GET' as never)
          await config.applySecurityAuthentication(context)
          return context.getDispatcher()
        },
      }
    },
  }
}

/** The kubeconfig that KUBECONFIG names, else the Pod's own account, else the kubeconfig of the home directory. */
export async function clusterAccess(env: Record<string, string | undefined>, directory: string): Promise<ClusterAccess> {
  if (!env.KUBECONFIG && env.KUBERNETES_SERVICE_HOST) return inCluster(env, directory)
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  config.loadFromDefault()
  return fromKubeConfig(config)
}
