import type { LookupAddress } from 'node:dns'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isCidr, judge, type ReceiverPolicy, receiverOf } from './receivers.ts'

const policy: ReceiverPolicy = {
  allow: [],
  deny: ['198.18.0.0/15', '203.0.113.7'],
  apiServer: ['10.96.0.1', '192.0.9.1'],
  allowPrivate: true,
}
const addresses =
  (...list: string[]) =>
  async (): Promise<LookupAddress[]> =>
    list.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))

describe('an address', () => {
  it.each([
    ['127.0.0.1', 'a loopback address'],
    ['127.8.9.1', 'a loopback address'],
    ['::1', 'a loopback address'],
    ['::ffff:127.0.0.1', 'a loopback address'],
    ['::ffff:7f00:1', 'a loopback address'],
    ['64:ff9b::7f00:1', 'a loopback address'],
    ['0.0.0.0', 'a special address (unspecified)'],
    ['::', 'a special address (unspecified)'],
    ['169.254.169.254', 'a link-local address'],
    ['169.254.0.23', 'a link-local address'],
    ['64:ff9b::a9fe:a9fe', 'a link-local address'],
    ['fe80::1', 'a link-local address'],
    ['fd00:ec2::254', 'a metadata service'],
    ['fd00:ec2::23', 'a metadata service'],
    ['168.63.129.16', 'a metadata service'],
    ['::ffff:168.63.129.16', 'a metadata service'],
    ['64:ff9b:1::a9fe:a9fe', 'a link-local address'],
    ['::7f00:1', 'a special address (not assigned)'],
    ['::a9fe:a9fe', 'a special address (not assigned)'],
    ['4000::1', 'a special address (not assigned)'],
    ['100.100.100.200', 'a metadata service'],
    ['224.0.0.1', 'a special address (multicast)'],
    ['255.255.255.255', 'a special address (broadcast)'],
    ['2002:7f00:1::', 'a special address (6to4)'],
    ['10.96.0.1', 'the API server'],
    ['::ffff:192.0.9.1', 'the API server'],
    ['198.18.0.1', 'an address on the deny-list'],
    ['203.0.113.7', 'an address on the deny-list'],
  ])('%s is refused as %s', (address, what) => expect(judge(address, policy)).toEqual({ is: 'refused', what }))

  it.each(['93.184.216.34', '2606:2800:220:1::1', '64:ff9b::5db8:d822'])('%s is open', (address) =>
    expect(judge(address, policy)).toEqual({ is: 'open' }),
  )

  it.each(['10.0.0.7', '172.16.0.1', '192.168.1.1', '100.64.0.1', 'fd12::1', '::ffff:10.0.0.7'])(
    '%s is private, and refused where private ones are',
    (address) => {
      expect(judge(address, policy)).toEqual({ is: 'private' })
      expect(judge(address, { ...policy, allowPrivate: false })).toMatchObject({ is: 'refused' })
    },
  )

  it('that is allowed is open, unless it is denied', () => {
    const allow = ['10.0.0.0/8', '127.0.0.0/8', '198.18.0.1/32']
    expect(judge('10.0.0.7', { ...policy, allow })).toEqual({ is: 'open' })
    expect(judge('127.0.0.1', { ...policy, allow })).toEqual({ is: 'open' })
    expect(judge('198.18.0.1', { ...policy, allow })).toMatchObject({ is: 'refused' })
  })

  it.each([
    ['10.0.0.0/8', '10.1.2.3', '11.0.0.1'],
    ['10.0.0.0/8', '::ffff:10.1.2.3', '::ffff:11.0.0.1'],
    ['10.0.0.0/8', '64:ff9b::a01:203', '64:ff9b::b00:1'],
    // Bits behind its length count for nothing.
    ['10.9.8.7/8', '10.1.2.3', '11.0.0.1'],
    ['0.0.0.0/0', '93.184.216.34', '2606:2800:220:1::1'],
    ['::/0', '2606:2800:220:1::1', '93.184.216.34'],
    // An IPv4 network by another name.
    ['::ffff:10.0.0.0/104', '10.1.2.3', '11.0.0.1'],
    ['::ffff:a00:0/104', '10.1.2.3', '11.0.0.1'],
    ['::FFFF:A00:0/104', '::ffff:10.1.2.3', '11.0.0.1'],
    ['0:0:0:0:0:ffff:10.0.0.0/104', '10.1.2.3', '11.0.0.1'],
    ['::ffff:0:0/96', '93.184.216.34', '2606:2800:220:1::1'],
    ['::ffff:93.184.216.34', '93.184.216.34', '93.184.216.35'],
    // What goes through NAT64, as the address of NAT64 that it is; and that of nothing else.
    ['64:ff9b::/96', '64:ff9b::5db8:d822', '93.184.216.34'],
    ['64:ff9b::93.184.216.0/120', '64:ff9b::5db8:d822', '93.184.216.34'],
    ['::/0', '64:ff9b::5db8:d822', '93.184.216.34'],
    ['2001:DB8:0::/32', '2001:db8::1', '2001:db9::1'],
    ['2606:2800:0220:0001:0:0:0:1', '2606:2800:220:1::1', '2606:2800:220:1::2'],
  ])('in %s on a list is %s, and not %s', (cidr, inside, outside) => {
    const denied = { is: 'refused', what: 'an address on the deny-list' }
    const listed = { ...policy, deny: [cidr] }
    expect(judge(inside, listed)).toEqual(denied)
    expect(judge(outside, listed)).not.toEqual(denied)
    const strict = { ...policy, deny: [], allowPrivate: false }
    expect(judge(inside, { ...strict, allow: [cidr] })).toEqual({ is: 'open' })
    expect(judge(outside, { ...strict, allow: [cidr] })).toEqual(judge(outside, strict))
  })

  it.each([
    ...['010.0.0.0/8', '0x0a.0.0.0/8', '10/8', '10.0/16', '167772160', '10.1', '10.0.0.256', '10.0.0.0/33', '10.0.0.0/08'],
    ...['10.0.0.0/255.0.0.0', '10.0.0.0/', '10.0.0.0/8/8', '1.2.3.4:80', '[::1]', '::1/129', 'fe80::1%eth0', 'fe80::1%eth0/64'],
    // Their network would be ::/8.
    ...['::ffff:10.0.0.0/8', '::ffff:0:0/95', 'proxy.example', '', ' 10.0.0.0/8'],
  ])('cannot be listed as %s, which would stand for something else or for nothing', (text) => expect(isCidr(text)).toBe(false))

  it('is judged alike in whatever way IPv6 wraps it', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const groups = address.split('.').map(Number)
        const hex = (high = 0, low = 0) => (high * 256 + low).toString(16)
        const tail = `${hex(groups[0], groups[1])}:${hex(groups[2], groups[3])}`
        const plain = judge(address, policy)
        expect(judge(`::ffff:${tail}`, policy)).toEqual(plain)
        expect(judge(`64:ff9b::${tail}`, policy)).toEqual(plain)
      }),
    )
  })
})

describe('a host', () => {
  it('is looked up once, and called at what was found', async () => {
    const receiver = await receiverOf('school.example', policy, addresses('93.184.216.34', '2606:2800:220:1::1'))
    expect(receiver).toMatchObject({ is: 'open', addresses: [{ address: '93.184.216.34' }, { address: '2606:2800:220:1::1' }] })
  })

  it('is refused if any of its addresses is', async () => {
    expect(await receiverOf('rebind.example', policy, addresses('93.184.216.34', '127.0.0.1'))).toEqual({
      is: 'refused',
      message: 'rebind.example is a loopback address, which may not be called',
    })
  })

  it('is private if any of its addresses is', async () => {
    expect(await receiverOf('hook.lessons.svc', policy, addresses('93.184.216.34', '10.0.0.7'))).toMatchObject({ is: 'private' })
  })

  it('may be an address itself, which nobody is asked about', async () => {
    const nobody = () => Promise.reject(new Error('asked'))
    expect(await receiverOf('[fd12::1]', policy, nobody)).toMatchObject({ is: 'private', addresses: [{ family: 6 }] })
    expect(await receiverOf('127.0.0.1', policy, nobody)).toMatchObject({ is: 'refused' })
  })

  it('that nobody knows is unknown', async () => {
    expect(await receiverOf('no.example', policy, () => Promise.reject(new Error('ENOTFOUND')))).toEqual({ is: 'unknown' })
    expect(await receiverOf('no.example', policy, addresses())).toEqual({ is: 'unknown' })
  })
})
