import { expect, it } from 'vitest'
import { clockText, hashOf, placeOf } from './link.ts'
import { relativePath } from './recording.ts'

it.each([
  ['#t=83.5&u=alice', { seconds: 83.5, userId: 'alice' }],
  ['#t=1:30', { seconds: 90, userId: undefined }],
  ['#t=1:02:03', { seconds: 3723, userId: undefined }],
  ['#u=a%26b', { seconds: undefined, userId: 'a&b' }],
  ['#t=-1&u=', { seconds: undefined, userId: undefined }],
  ['#t=1e9', { seconds: undefined, userId: undefined }],
  ['', { seconds: undefined, userId: undefined }],
  ['#u=alice&s=aux', { seconds: undefined, userId: 'alice', isScreen: true }],
])('%s is a place', (hash, place) => expect(placeOf(hash)).toEqual({ isScreen: false, ...place }))

it('a place becomes a link that leads back', () => {
  for (const isScreen of [false, true]) {
    const place = { seconds: 83.5, userId: '李 & 王', isScreen }
    expect(placeOf(hashOf(place))).toEqual(place)
  }
})

it.each([
  [0, '0:00'],
  [75.9, '1:15'],
  [3723, '1:02:03'],
])('%s seconds are told as %s', (seconds, text) => expect(clockText(seconds)).toBe(text))

it.each([
  ['lessons/math/a b.mp4', 'lessons/math/', 'a%20b.mp4'],
  ['lessons/math/1/a.mp4', 'lessons/math/', '1/a.mp4'],
  ['lessons/a.mp4', 'lessons/math/', '../a.mp4'],
  ['a.mp4', '', 'a.mp4'],
  ['lessons/#1.mp4', 'lessons/', '%231.mp4'],
])('%s seen from %s is %s', (path, folder, expected) => expect(relativePath(path, folder)).toBe(expected))
