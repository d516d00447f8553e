import { describe, expect, it } from 'vitest'
import { apiServerAddresses, proxyOfEnvironment } from './environment.ts'

describe('the outbound proxy', () => {
  const proxy = proxyOfEnvironment({
    HTTPS_PROXY: 'http://proxy.example:3128',
    NO_PROXY: 'svc.cluster.local, .school.example,10.0.0.7',
  })
  const goesThrough = (url: string) => proxy?.(new URL(url)) !== undefined

  it.each([
    ['https://hooks.example/', true],
    ['https://notschool.example/', true],
    ['https://a.school.example/', false],
    ['https://school.example/', false],
    ['https://hook.lessons.svc.cluster.local/', false],
    ['https://10.0.0.7/', false],
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
