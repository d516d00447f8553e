import { describe, expect, test } from 'vitest'
import { Crc64, combineCrc64 } from './crc64.ts'

const crc64 = (bytes: Uint8Array) => new Crc64().update(bytes).digest()
const text = Buffer.from('123456789')
const noise = Uint8Array.from({ length: 1000 }, (_, i) => (i * 7919 + (i >> 3)) & 0xff)

describe('CRC-64/XZ', () => {
  test('gives the check value of the catalogue', () => expect(crc64(text)).toBe(0x995dc9bbdf1939fan))

  test('of nothing is zero', () => expect(crc64(Buffer.alloc(0))).toBe(0n))

  test('is the same in one go, byte by byte, and in slices of any length and alignment', () => {
    const whole = crc64(noise)
    const bytewise = new Crc64()
    for (const byte of noise) bytewise.update(Uint8Array.of(byte))
    expect(bytewise.digest()).toBe(whole)
    for (const size of [1, 3, 8, 13, 64, 999]) {
      const sliced = new Crc64()
      for (let i = 0; i < noise.length; i += size) sliced.update(noise.subarray(i, i + size))
      expect(sliced.digest()).toBe(whole)
    }
  })

  test.each([0, 1, 8, 500, 999, 1000])('two combine to the one of both together, split at %i', (at) => {
    const [first, second] = [noise.subarray(0, at), noise.subarray(at)]
    expect(combineCrc64(crc64(first), crc64(second), second.length)).toBe(crc64(noise))
  })

  test('combining is associative over many parts of unlike sizes', () => {
    let combined = crc64(noise.subarray(0, 10))
    for (let at = 10, size = 1; at < noise.length; at += size, size += 17) {
      const part = noise.subarray(at, at + size)
      combined = combineCrc64(combined, crc64(part), part.length)
    }
    expect(combined).toBe(crc64(noise))
  })
})
