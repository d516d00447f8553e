import type { LookupAddress } from 'node:dns'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { judge, type ReceiverPolicy, receiverOf } from './receivers.ts'

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
