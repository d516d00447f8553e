import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cidrPattern, endpointPattern, listedHostPattern } from '../../api/src/index.ts'
import { isCidr } from '../../api/src/receivers.ts'
import { parseConfig as parseGatewayConfig } from '../../gateway/src/config.ts'
import { parseConfig } from '../../operator/src/config.ts'
import { oddTexts, type Schema } from './chart-samples.ts'

const root = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../charts/trtc-recorder/values.schema.json'), 'utf8'),
) as Schema
const itemsOf = (list: Schema | undefined) => list?.items?.pattern
const { networkProxyHosts, cosEndpoints } = root.properties!.policy!.properties!

test('what a list of the chart may have is what can be matched, said once', () => {
  expect(itemsOf(root.definitions!.cidrs)).toBe(cidrPattern)
  expect(itemsOf(networkProxyHosts)).toBe(listedHostPattern)
  // In a pattern of JSON no slash is escaped.
  expect(itemsOf(cosEndpoints)).toBe(endpointPattern.source.replaceAll('\\/', '/'))
})

/** Which a chart can refuse by name only (templates/checks.yaml). */
const isLargerThanIpv4 = (text: string) => {
  const [, address, bits] = /^([^/]+)\/(0|[1-9][0-9]?)$/.exec(text) ?? []
  return Number(bits) < 96 && isCidr(`${address}/96`) && !isCidr(text)
}

describe('networks', () => {
  const admits = (text: string) => new RegExp(cidrPattern).test(text)
  const takes = (parse: () => unknown) => {
    try {
      parse()
      return true
    } catch {
      return false
    }
  }
  const operatorTakes = (callbackDeny: string) =>
    takes(() =>
      parseConfig({
        ...{
          TRTC_RECORDER_RECORDER_IMAGE: 'x',
          TRTC_RECORDER_LEADER_ELECTION: 'false',
          TRTC_RECORDER_CALLBACK_DENY: callbackDeny,
        },
      }),
    )
  const gatewayTakes = (trustedProxies: string) =>
    takes(() =>
      parseGatewayConfig({ TRTC_RECORDER_GATEWAY_CALLERS_FILE: 'x', TRTC_RECORDER_GATEWAY_TRUSTED_PROXIES: trustedProxies }),
    )
  /** In a setting blanks and commas separate. */
  const isOne = (text: string) => text.trim() === text && !text.includes(',') && text !== ''

  const written = [
    ...oddTexts,
    ...[
      '10.0.0.0/8',
      '10.1.2.3/8',
      '10/8',
      '010.0.0.0/8',
      '10.0.0.0/08',
      '10.0.0.0/33',
      '10.0.0.0/',
      '0x0a.0.0.1',
      '10.0.0.1/255.0.0.0',
    ],
    ...[
      'FD00::/8',
      'fd00::/129',
      'fd00::%eth0',
      '[fd00::1]',
      '1:2:3:4:5:6:7:8',
      '1:2:3:4:5:6:7::',
      '1::8',
      '1:2:3:4:5:6:7:8:9',
      '1::2::3',
    ],
    ...[
      '::ffff:10.0.0.0/104',
      '::FFFF:a00:0/104',
      '::10.0.0.1',
      '64:ff9b::10.0.0.1/96',
      '1:2:3:4:5:6:1.2.3.4',
      '1:2:3:4:5::1.2.3.4',
    ],
    ...[
      '1::2:3:4:5:1.2.3.4',
      '1::2:3:4:5:6:1.2.3.4',
      '::ffff:010.0.0.1',
      '::ffff:10.0.0',
      '::ffff:0:0/95',
      '::ffff:10.0.0.0/8',
      '::ffff:0:0/96',
    ],
  ]

  test.each([...new Set(written)].filter(isOne))(
    '%s is admitted by the chart where operator and gateway take it, and nowhere else',
    (text) => {
      const isTaken = operatorTakes(text)
      expect(admits(text)).toBe(isTaken || isLargerThanIpv4(text))
      if (isTaken) expect(gatewayTakes(text)).toBe(true)
      else if (!isLargerThanIpv4(text)) expect(gatewayTakes(text)).toBe(false)
    },
  )

  test('of any kind that the pattern admits are taken', () => {
    fc.assert(
      fc.property(fc.stringMatching(new RegExp(cidrPattern)), (text) => {
        expect(isCidr(text) || isLargerThanIpv4(text)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  test('that are written anyhow are admitted where they are taken', () => {
    const part = fc.constantFrom('0', '1', 'ffff', 'FFFF', 'fd00', '10', '255', '256', '010', 'g', '')
    const address = fc
      .tuple(fc.array(part, { minLength: 1, maxLength: 9 }), fc.constantFrom(':', '.', '::'))
      .map(([parts, by]) => parts.join(by === '::' ? ':' : by))
    const bits = fc.constantFrom('', '/0', '/8', '/32', '/33', '/96', '/128', '/129', '/01', '/')
    fc.assert(
      fc.property(fc.tuple(address, bits), ([address, bits]) => {
        const text = address + bits
        expect(admits(text)).toBe(isCidr(text) || isLargerThanIpv4(text))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('hosts of networkProxy', () => {
  test.each([
    'proxy.example',
    'Proxy.Example.',
    '*.lessons.example',
    'a_b.example',
    'xn--bcher-kva.example',
    '10.0.0.7',
    'fd00::1',
    '[FD00::1]',
  ])('%s can be matched', (host) => expect(host).toMatch(new RegExp(listedHostPattern)))
  test.each([
    'proxy.example:443',
    'wss://proxy.example',
    'proxy.example/ws',
    'bücher.example',
    '*',
    '*.10.0.0.7',
    '10.0.0',
    '010.0.0.7',
    'a..b',
    '.a',
    'fd00::1%eth0',
    '::ffff:10.0.0.7',
    '10.0.0.0/8',
  ])('%s can never be, and is refused by the chart', (host) => expect(host).not.toMatch(new RegExp(listedHostPattern)))
})

describe('endpoints of COS', () => {
  test.each(['https://cos.example', 'https://COS.example:8443', 'http://cos-internal.example'])('%s can be matched', (endpoint) =>
    expect(endpoint).toMatch(endpointPattern),
  )
  test.each([
    'cos.example',
    'https://cos.example/',
    'https://cos.example/path',
    'https://10.0.0.7',
    'https://[fd00::1]',
    'https://user@cos.example',
    'https://cos.example.',
    'HTTPS://cos.example',
  ])('%s can never be, and is refused by the chart', (endpoint) => expect(endpoint).not.toMatch(endpointPattern))
})
