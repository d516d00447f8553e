import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Backoff, backoffMillis, KeyedBackoff, TokenBucket } from './backoff.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('backoffMillis', () => {
  it('doubles from the first wait to the longest', () => {
    const waits = [1, 2, 3, 4, 5].map((failures) => backoffMillis(failures, { initialMillis: 100, maxMillis: 1000 }))
    expect(waits).toEqual([100, 200, 400, 800, 1000])
  })

  it('adds jitter on top, never less than the plain wait', () => {
    const options = { initialMillis: 800, maxMillis: 30_000, jitter: 1 }
    expect(backoffMillis(1, { ...options, random: () => 0 })).toBe(800)
    expect(backoffMillis(1, { ...options, random: () => 0.5 })).toBe(1200)
  })

  it('stays finite after very many failures', () => {
    expect(backoffMillis(5000, { initialMillis: 5, maxMillis: 1_000_000 })).toBe(1_000_000)
  })
})

describe('Backoff', () => {
  it('starts over after being healthy for long enough, counted from the end of the wait', () => {
    const backoff = new Backoff({ initialMillis: 100, maxMillis: 10_000, resetAfterMillis: 1000 })
    expect([backoff.next(), backoff.next()]).toEqual([100, 200])
    vi.advanceTimersByTime(1100)
    expect(backoff.next()).toBe(400)
    vi.advanceTimersByTime(1400)
    expect(backoff.next()).toBe(100)
  })
})

describe('KeyedBackoff', () => {
  it('counts each key for itself until it is forgotten', () => {
    const backoff = new KeyedBackoff({ initialMillis: 5, maxMillis: 1000 })
    expect([backoff.next('a'), backoff.next('a'), backoff.next('b')]).toEqual([5, 10, 5])
    backoff.forget('a')
    expect([backoff.next('a'), backoff.next('b')]).toEqual([5, 10])
  })
})

describe('TokenBucket', () => {
  it('lets a burst through and then one at a time', () => {
    const bucket = new TokenBucket(10, 3)
    expect([1, 2, 3, 4, 5].map(() => bucket.take())).toEqual([0, 0, 0, 100, 200])
    vi.advanceTimersByTime(10_000)
    expect(bucket.take()).toBe(0)
  })
})
