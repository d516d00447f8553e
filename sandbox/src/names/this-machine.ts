import dns from 'node:dns'
import { isInZone } from './zone.ts'

/*
 * Lets this process find the sandbox's names on this machine: every name of its domain is 127.0.0.1, every other name is asked for as ever.
 * For processes that run outside of the cluster: `import` it, or give it to a recorder with NODE_OPTIONS (`lookUpHere`).
 */
const lookup = dns.lookup
const here = { address: '127.0.0.1', family: 4 }

dns.lookup = ((hostname: string, ...rest: unknown[]) => {
  if (!isInZone(hostname)) return (lookup as (...args: unknown[]) => void)(hostname, ...rest)
  const callback = rest.at(-1) as (error: null, ...answer: unknown[]) => void
  const all = typeof rest[0] === 'object' && (rest[0] as dns.LookupOptions).all === true
  process.nextTick(() => (all ? callback(null, [here]) : callback(null, here.address, here.family)))
}) as typeof dns.lookup
