import { expect, test } from 'vitest'
import { filledAddress, shownAddress } from './address.ts'

const template = 'wss://asr.example/rooms/{room}/{stream}/{userId}?user={userId}&token=s3cret'
const filled = (userId: string, room = '1') =>
  new URL(filledAddress(template, { userId, room, stream: 'main', recording: 'call' }))

test.each(['alice', '../x', 'a/b', '%2F', 'a b&c=d#e?f', '👩‍🏫', 'x'.repeat(64), '王老师', '{room}', '__proto__', '$&'])(
  'the user %s is one part of the path and one of the query',
  (userId) => {
    const { host, pathname, searchParams } = filled(userId)
    expect(host).toBe('asr.example')
    expect(pathname.split('/').map(decodeURIComponent)).toEqual(['', 'rooms', '1', 'main', userId])
    expect([...searchParams]).toEqual([
      ['user', userId],
      ['token', 's3cret'],
    ])
  },
)

test('an id of dots alone leads to no other path, and half a character to none', () => {
  for (const dots of ['.', '..']) {
    const { pathname, searchParams } = filled(dots, dots)
    expect(pathname).toBe(`/rooms/${'%252E'.repeat(dots.length)}/main/${'%252E'.repeat(dots.length)}`)
    expect(searchParams.get('user')).toBe(dots)
  }
  expect(filled('a\ud800b').searchParams.get('user')).toBe('a\ufffdb')
})

test('what is told of an address has neither its path nor its query', () => {
  const address = filledAddress('wss://asr.example:8443/k3y/{userId}?token=s3cret', {
    ...{ userId: 'bob', room: '1', stream: 'main', recording: 'call' },
  })
  expect(shownAddress(address)).toBe('wss://asr.example:8443')
})
