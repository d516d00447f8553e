import { describe, expect, it } from 'vitest'
import { apiServerAddresses, proxyOfEnvironment } from './environment.ts'

describe('the outbound proxy', () => {
  const proxy = proxyOfEnvironment({
    HTTPS_PROXY: 'http://proxy.example:3128',
    NO_PROXY:
      'svc.cluster.local, .School.example.,10.0.0.7 192.168.0.0/16,[FD00::1],fd01::/16,*.bücher.example,::ffff:10.1.0.0/112,,-',
  })
  const goesThrough = (url: string) => proxy?.(new URL(url)) !== undefined

  it.each([
    ['https://hooks.example/', true],
    ['https://notschool.example/', true],
    ['https://a.school.example/', false],
    ['https://school.example/', false],
    ['https://hook.lessons.svc.cluster.local/', false],
    ['https://10.0.0.7/', false],
    ['https://10.0.0.8/', true],
    ['https://SCHOOL.EXAMPLE./', false],
    ['https://192.168.3.4:8443/', false],
    ['https://192.169.3.4/', true],
    ['https://[fd00:0:0::1]/', false],
    ['https://[fd01:2::3]/', false],
    ['https://[fd02::1]/', true],
    ['https://[::ffff:10.0.0.7]/', false],
    ['https://10.1.7.7/', false],
    ['https://www.xn--bcher-kva.example/', false],
    ['https://www.b%C3%BCcher.example/', false],
    ['http://hooks.example/', false],
  ])('is for %s: %s', (url, expected) => expect(goesThrough(url)).toBe(expected))

  it('is none where none is set', () => {
    expect(proxyOfEnvironment({ NO_PROXY: '*' })).toBeUndefined()
    expect(proxyOfEnvironment({ HTTPS_PROXY: '' })).toBeUndefined()
  })
})

it('knows the addresses of the API server, by URL and by host', async () => {
  expect(await apiServerAddresses(['https://10.0.0.1:6443', '10.96.0.1', undefined, 'https://[fd00::1]'])).toEqual([
    '10.0.0.1',
    '10.96.0.1',
    'fd00::1',
  ])
})
