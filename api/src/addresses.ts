import { z } from 'zod'
import { invisible, matching, ruled } from './rules.ts'

/** Addresses that a Recording may name, held to what can be an address at all. Whether somebody is there is another matter. */

const octet = '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])'
const group = '[0-9A-Fa-f]{1,4}'
/** With all eight groups, or with some of them left out at one place. */
const ipv6 = [
  `(${group}:){7}${group}`,
  `(${group}:){1,7}:`,
  ...[1, 2, 3, 4, 5, 6].map((behind) => `(${group}:){1,${7 - behind}}(:${group}){1,${behind}}`),
  `:(:${group}){1,7}`,
  '::',
].join('|')
/** The last 32 bits of it may be written as those of IPv4 are, where an administrator writes; in an address that is called they may not. */
const ipv6WithIpv4 = [
  `(${group}:){6}${ipv4()}`,
  `(${group}:){1,5}:${ipv4()}`,
  ...[1, 2, 3, 4].map((behind) => `(${group}:){1,${5 - behind}}(:${group}){1,${behind}}:${ipv4()}`),
  `:(:${group}){0,5}:${ipv4()}`,
].join('|')
function ipv4(): string {
  return `${octet}(\\.${octet}){3}`
}
/** What an administrator may list of networks. All of these are understood but an IPv4-mapped one that is larger than IPv4. */
export const cidrPattern = `^(${ipv4()}(/(3[0-2]|[12]?[0-9]))?|(${ipv6}|${ipv6WithIpv4})(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?)$`
export const dnsLabel = '[A-Za-z0-9]([-_A-Za-z0-9]{0,61}[A-Za-z0-9])?'
/** It begins with a letter: all digits would be taken for an IPv4 address. */
export const lastDnsLabel = '[A-Za-z]([-_A-Za-z0-9]{0,61}[A-Za-z0-9])?'
const hostName = `(${dnsLabel}\\.)*${lastDnsLabel}\\.?`
const host = `(${octet}(\\.${octet}){3}|\\[(${ipv6})\\]|${hostName})`
/** What an administrator may list of such hosts: each, with its brackets or without, or all below a name. Nothing else could be named by an address. */
export const listedHostPattern = `^((\\*\\.)?${hostName}|${ipv4()}|${ipv6}|\\[(${ipv6})\\])$`
export const port = ':(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})'
const rest = `[^${invisible}]*`
/** What a name may have of characters, beside a dot at its end. */
export const longestName = 253
/** Of a name, its last dot and a port. */
const maxHostPort = longestName + 1 + 6
const userInfo = "([A-Za-z0-9._~!$&'()*+,;=:-]|%[0-7][0-9A-Fa-f])*@"

/** Each part of a name has its length in the pattern; this is about all of it. `before`: what stands in front of it, as a pattern. */
export function withName<Text extends z.ZodString>(schema: Text, before: string, longest = longestName): Text {
  const tooLong = `^${before}[^/?#:]{${longest}}([^./?#:]|\\.[^/?#:])`
  return ruled(schema, (text) => !new RegExp(tooLong).test(text), {
    rule: `!self.matches(${JSON.stringify(tooLong)})`,
    message: `must have a host name of at most ${longest} characters`,
  })
}

export const callbackUrlSchema = withName(
  matching(
    z.string().max(2048),
    new RegExp(`^https?://(${userInfo})?${host}(${port})?([/?#]${rest})?$`, 'u'),
    'must be http:// or https://, a host name or IP address, and where it is needed a port from 1 to 65535 and a path without blanks',
  ),
  'https?://([^/?#@]*@)?',
)

export const hostPort = (example: string) =>
  withName(
    matching(
      z.string().min(1).max(maxHostPort),
      new RegExp(`^${host}(${port})?$`),
      `must be a host, and where it is needed a port from 1 to 65535, such as ${example}`,
    ),
    '',
  )

export const address = (schemes: string, example: string) =>
  withName(
    matching(
      z.string().min(1).max(512),
      new RegExp(`^${schemes}://${host}(${port})?(/${rest})?$`, 'u'),
      `must be an address such as ${example}`,
    ),
    `${schemes}://`,
  )

/** What stands in an address for what is known only when somebody publishes. */
export const pcmPlaceholders = ['userId', 'room', 'stream', 'recording'] as const

/** Placeholders stand behind the host only: whom it goes to must be known before. */
export const pcmUrlSchema = withName(
  matching(
    z.string().min(1).max(2048),
    new RegExp(`^wss?://${host}(${port})?([/?]([^{}#${invisible}]|\\{(${pcmPlaceholders.join('|')})\\})*)?$`, 'u'),
    'must be ws:// or wss://, a host name or IP address, and where it is needed a port from 1 to 65535, a path and a query, in which {userId}, {room}, {stream} and {recording} may stand',
  ),
  'wss?://',
)
