import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { isIPv4, isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'

/**
 * Who may be called. Addresses stand in Recordings, which tenants write, and are called by operator and recorders, which reach what a tenant does not: so
 * an address is judged before anything is sent to it, and the connection goes to the address that was judged, whatever the name stands for a moment later.
 */
export interface ReceiverPolicy {
  /** CIDRs that may be called although they would be refused, and whose answers are told in full. */
  allow: readonly string[]
  /** CIDRs that may not be called, whatever else is said of them. */
  deny: readonly string[]
  /** Addresses of the API server, which may not be called unless they are allowed. */
  apiServer: readonly string[]
  /** Whether private addresses (RFC 1918, ULA, carrier-grade NAT) may be called. */
  allowPrivate: boolean
}

export type Receiver =
  /** Its answers are told in full. */
  | { is: 'open'; addresses: LookupAddress[] }
  /** It may be called; what is told of it does not say whether anybody is there. */
  | { is: 'private'; addresses: LookupAddress[] }
  | { is: 'refused'; message: string }
  | { is: 'unknown' }

export type Resolve = (hostname: string) => Promise<LookupAddress[]>

const resolveAll: Resolve = (hostname) => lookup(hostname, { all: true, verbatim: true })

/**
 * Where clouds tell who asks them their secrets, as far as it is not link-local anyway: AWS (also the credentials of EKS Pods), Google, Alibaba, and
 * Azure, whose address is a public one.
 */
const metadata = ['fd00:ec2::/32', 'fd20:ce::/32', '100.100.100.200/32', '168.63.129.16/32']
/** All that IANA has given out of IPv6 for use by anybody; the rest goes nowhere, or to an IPv4 address by another name (`::/96`). */
const globalIpv6 = '2000::/3'
/** Of `::ffff:0:0/96`, which is all of IPv4. */
const mappedBits = 96

/** Looks a host up once, and judges every address it has. */
export async function receiverOf(hostname: string, policy: ReceiverPolicy, resolve: Resolve = resolveAll): Promise<Receiver> {
  const host = bare(hostname)
  const addresses = ipaddr.isValid(host) ? [literal(host)] : await resolve(host).catch(() => [])
  const [first, ...rest] = addresses.map(({ address }) => judge(address, policy))
  if (first === undefined) return { is: 'unknown' }
  // One address that may not be called is enough: which of them the connection goes to is chance.
  const refused = [first, ...rest].find(({ is }) => is === 'refused')
  if (refused?.is === 'refused') return { is: 'refused', message: `${host} is ${refused.what}, which may not be called` }
  return { is: rest.some(({ is }) => is === 'private') || first.is === 'private' ? 'private' : 'open', addresses }
}

/** Whether the host of a URL is an address, and no name that is to be looked up. */
export const isAddress = (hostname: string): boolean => ipaddr.isValid(bare(hostname))

const bare = (hostname: string) => hostname.replace(/^\[|\]$/g, '')

const literal = (address: string): LookupAddress => ({ address, family: ipaddr.parse(address).kind() === 'ipv4' ? 4 : 6 })

export type Judgement = { is: 'open' } | { is: 'private' } | { is: 'refused'; what: string }

/** What may be done with one address. Pure. */
export function judge(address: string, { allow, deny, apiServer, allowPrivate }: ReceiverPolicy): Judgement {
  const given = ipaddr.process(address)
  const parsed = embeddedIpv4(given)
  // What goes through NAT64 may be listed as either.
  const within = (cidrs: readonly string[]) => cidrs.some((cidr) => contains(cidr, parsed) || contains(cidr, given))
  if (within(deny)) return { is: 'refused', what: 'an address on the deny-list' }
  if (within(allow)) return { is: 'open' }
  if (within(apiServer)) return { is: 'refused', what: 'the API server' }
  if (within(metadata)) return { is: 'refused', what: 'a metadata service' }
  const range = parsed.range()
  switch (range) {
    case 'unicast':
      if (parsed.kind() === 'ipv6' && !within([globalIpv6])) return { is: 'refused', what: 'a special address (not assigned)' }
      return { is: 'open' }
    case 'private':
    case 'uniqueLocal':
    case 'carrierGradeNat':
      return allowPrivate ? { is: 'private' } : { is: 'refused', what: 'a private address' }
    case 'loopback':
      return { is: 'refused', what: 'a loopback address' }
    case 'linkLocal':
      return { is: 'refused', what: 'a link-local address' }
    default:
      return { is: 'refused', what: `a special address (${range})` }
  }
}

/** NAT64 (RFC 6052) goes to the IPv4 address in its last 32 bits. */
function embeddedIpv4(address: ipaddr.IPv4 | ipaddr.IPv6): ipaddr.IPv4 | ipaddr.IPv6 {
  if (address.kind() !== 'ipv6' || address.range() !== 'rfc6052') return address
  return new ipaddr.IPv4(address.toByteArray().slice(12))
}

function contains(cidr: string, address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  const network = networkOf(cidr)
  if (network === undefined) throw new Error(`${cidr} is no address and no CIDR`)
  return network.address.kind() === address.kind() && address.match(network.address as never, network.bits as never)
}

/**
 * What a CIDR or an address stands for; an IPv4 network that is written as an IPv4-mapped one (`::ffff:10.0.0.0/104`) is that IPv4 network. Undefined for whatever
 * programs read differently: octal and missing numbers, zones, and a mapped network that is larger than IPv4.
 */
function networkOf(text: string): { address: ipaddr.IPv4 | ipaddr.IPv6; bits: number } | undefined {
  const [, host = '', length] = /^([^/]+)(?:\/(0|[1-9][0-9]{0,2}))?$/.exec(text) ?? []
  if (isIPv4(host)) {
    const bits = Number(length ?? 32)
    return bits <= 32 ? { address: ipaddr.IPv4.parse(host), bits } : undefined
  }
  if (!isIPv6(host) || host.includes('%')) return undefined
  // As a URL has it, in hexadecimal only: ipaddr.js takes `::10.0.0.1` for `::ffff:10.0.0.1`.
  const address = ipaddr.IPv6.parse(new URL(`http://[${host}]`).hostname.slice(1, -1))
  const bits = Number(length ?? 128)
  if (bits > 128) return undefined
  if (!address.isIPv4MappedAddress()) return { address, bits }
  return bits < mappedBits ? undefined : { address: address.toIPv4Address(), bits: bits - mappedBits }
}

/** Whether an address, as the host of a URL has it, is in a network. */
export const isWithin = (hostname: string, cidr: string): boolean => contains(cidr, ipaddr.process(bare(hostname)))

/** Whether a text is a CIDR or an address. */
export const isCidr = (text: string): boolean => networkOf(text) !== undefined
