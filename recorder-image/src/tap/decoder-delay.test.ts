import { describe, expect, test } from 'vitest'
import { DecoderDelay, decoderDelayMillis } from './decoder-delay.ts'

describe('pictures on their way to the decoder', () => {
  test('the first key frame of a subscription goes at once, what follows waits in its order', () => {
    const delay = new DecoderDelay<string>()
    expect(delay.push('key', { ssrc: 1, key: true }, 0)).toEqual(['key'])
    expect(delay.push('delta', { ssrc: 1, key: false }, 33)).toEqual([])
    expect(delay.push('key 2', { ssrc: 1, key: true }, 66)).toEqual([])
    expect(delay.push('late delta', { ssrc: 1, key: false }, 99)).toEqual([])
    expect(delay.due(33 + decoderDelayMillis - 1)).toEqual([])
    expect(delay.due(66 + decoderDelayMillis)).toEqual(['delta', 'key 2'])
    expect(delay.due(10_000)).toEqual(['late delta'])
    expect(delay.isHolding).toBe(false)
  })

  test('the next subscription waits for nothing of the one before', () => {
    const delay = new DecoderDelay<string>()
    delay.push('key', { ssrc: 1, key: true }, 0)
    delay.push('delta', { ssrc: 1, key: false }, 33)
    expect(delay.push('other key', { ssrc: 2, key: true }, 66)).toEqual(['delta', 'other key'])
    expect(delay.isHolding).toBe(false)
  })
})
