import { lookup, Resolver } from 'node:dns/promises'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import './this-machine.ts'
import { startDns } from './dns.ts'

let server: Awaited<ReturnType<typeof startDns>>
const resolver = new Resolver({ timeout: 2000, tries: 1 })
beforeEach(async () => {
  server = await startDns({ address: '127.0.0.1', port: 0, answerWith: '10.90.0.2' })
  resolver.setServers([`127.0.0.1:${(server.address() as AddressInfo).port}`])
})
afterEach(() => server.close())

test.each(['recordings-1250000000.cos.sandbox.test', 'other-1250000000.COS.sandbox.test'])(
  '%s is where the stand-ins are',
  async (name) => expect(await resolver.resolve4(name)).toEqual(['10.90.0.2']),
)

test.each(['sandbox.test.svc.cluster.local', 'notsandbox.test', 'cos.ap-guangzhou.myqcloud.com'])(
  'there is no %s',
  async (name) => expect(resolver.resolve4(name)).rejects.toMatchObject({ code: 'ENOTFOUND' }),
)

test('a name without an IPv6 address is a name all the same', () =>
  expect(resolver.resolve6('cos.sandbox.test')).rejects.toMatchObject({ code: 'ENODATA' }))

test('what is no query gets no answer, and the next one does', async () => {
  const { port } = server.address()
  for (const nonsense of [Buffer.alloc(0), Buffer.alloc(20, 0xff), Buffer.from('0000010000010000000000003f61', 'hex')]) {
    server.emit('message', nonsense, { address: '127.0.0.1', port, family: 'IPv4', size: nonsense.length })
  }
  expect(await resolver.resolve4('cos.sandbox.test')).toEqual(['10.90.0.2'])
})

test('a process of this machine that has been told finds the names here, and others as ever', async () => {
  const dns = await import('node:dns')
  const found = await new Promise((resolve) => dns.default.lookup('a.cos.sandbox.test', (_error, address) => resolve(address)))
  expect(found).toBe('127.0.0.1')
  expect(await lookup('127.0.0.1')).toMatchObject({ address: '127.0.0.1' })
})
