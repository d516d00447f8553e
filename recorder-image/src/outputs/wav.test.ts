import { expect, test } from 'vitest'
import { wavHead } from './wav.ts'

test('16-bit PCM with sizes in 32 bits', () => {
  const head = wavHead({ channels: 2, rate: 8000 }, 64_000)
  expect(head.subarray(0, 4).toString()).toBe('RIFF')
  expect(head.readUInt32LE(4)).toBe(64_036)
  expect([head.readUInt16LE(20), head.readUInt16LE(22), head.readUInt32LE(24), head.readUInt32LE(28)]).toEqual([
    1, 2, 8000, 32_000,
  ])
  expect([head.readUInt16LE(32), head.readUInt16LE(34), head.readUInt32LE(40), head.length]).toEqual([4, 16, 64_000, 44])
})

test('the last that 32 bits can say is RIFF, one sample more is RF64 with its sizes in ds64', () => {
  const most = 2 ** 32 - 1 - 36 - 1
  expect(wavHead({ channels: 1, rate: 16_000 }, most).subarray(0, 4).toString()).toBe('RIFF')
  const head = wavHead({ channels: 1, rate: 16_000 }, most + 2)
  expect(head.subarray(0, 4).toString()).toBe('RF64')
  expect(head.subarray(12, 16).toString()).toBe('ds64')
  expect(Number(head.readBigUInt64LE(20))).toBe(head.length + most + 2 - 8)
  expect(Number(head.readBigUInt64LE(28))).toBe(most + 2)
  expect(Number(head.readBigUInt64LE(36))).toBe((most + 2) / 2)
  expect(head.readUInt32LE(head.length - 4)).toBe(0xffff_ffff)
})
