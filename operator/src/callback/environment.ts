import { lookup } from 'node:dns/promises'
import { domainToASCII } from 'node:url'
import { isAddress, isCidr, isWithin } from '@trtc-recorder/api/receivers'
import { connectThrough } from './connection.ts'
import type { Delivery } from './delivery.ts'

/** The API server's own addresses, which no callback may go to: the Service's, and that of the kubeconfig. */
export async function apiServerAddresses(servers: readonly (string | undefined)[]): Promise<string[]> {
  const hosts = servers.flatMap((server) => (server === undefined ? [] : hostOf(server)))
  const found = await Promise.all(hosts.map((host) => lookup(host, { all: true }).catch(() => [])))
  return [...new Set(found.flat().map(({ address }) => address))]
}

const hostOf = (server: string) => (server.includes('://') ? new URL(server).hostname.replace(/^\[|\]$/g, '') : server)

/** HTTPS_PROXY, HTTP_PROXY and NO_PROXY, as curl reads them: NO_PROXY holds names, domains with all that is below them, addresses, networks, and `*`. */
export function proxyOfEnvironment(env: Record<string, string | undefined>): Delivery['proxy'] | undefined {
  const variable = (name: string) => env[name.toLowerCase()] || env[name] || undefined
  const [http, https] = [proxyUrl(variable('HTTP_PROXY')), proxyUrl(variable('HTTPS_PROXY'))]
  if (http === undefined && https === undefined) return undefined
  const without = (variable('NO_PROXY') ?? '').split(/[\s,]+/).filter((entry) => entry !== '')
  return (url) => {
    const proxy = url.protocol === 'https:' ? https : http
    return proxy === undefined || without.some((entry) => isBelow(url.hostname, entry)) ? undefined : connectThrough(proxy)
  }
}

/** Without a scheme it is http. */
const proxyUrl = (text: string | undefined) => (text === undefined || text.includes('://') ? text : `http://${text}`)

/** Compared is what is meant, however it is written. */
function isBelow(host: string, entry: string): boolean {
  if (entry === '*') return true
  const bare = entry.replace(/^\*?\./, '').replace(/^\[|\]$/g, '')
  if (isCidr(bare)) return isAddress(host) && isWithin(host, bare)
  const [name, domain] = [host, bare].map((text) => domainToASCII(text).replace(/\.$/, ''))
  return domain !== '' && (name === domain || name!.endsWith(`.${domain}`))
}
