import { describe, expect, test, vi } from 'vitest'
import { createLimiter } from './limiter.ts'
import { backoffMillis, defaultBackoff, retrying, Wake } from './retry.ts'
import { StoreError } from './upload.ts'

const unavailable = (code = 'SlowDown') => new StoreError('unavailable', code, `COS failed: ${code}.`)
const options = (overrides: object = {}) => ({
  ...{ backoff: { baseMillis: 1, maxMillis: 1 }, signal: new AbortController().signal, wake: new Wake() },
  ...{ onFailure: () => undefined, ...overrides },
})

describe('back-off', () => {
  test('doubles to half a minute and keeps at least half of that', () => {
    const ceilings = [1, 2, 3, 7, 100].map((failures) => backoffMillis(defaultBackoff, failures, 1))
    expect(ceilings).toEqual([500, 1000, 2000, 30_000, 30_000])
    expect(backoffMillis(defaultBackoff, 7, 0)).toBe(15_000)
  })
})

describe('trying again', () => {
  test('goes on while COS is unavailable', async () => {
    let tries = 0
    const result = await retrying(async () => {
      if (++tries < 4) throw unavailable()
      return 'done'
    }, options())
    expect([result, tries]).toEqual(['done', 4])
  })

  test.each([
    ['a refusal', new StoreError('refused', 'AccessDenied', 'no')],
    ['a defect of ours', new TypeError('x is not a function')],
  ])('ends at %s', async (_what, error) => {
    let tries = 0
    const attempt = retrying(() => {
      tries += 1
      return Promise.reject(error)
    }, options())
    await expect(attempt).rejects.toBe(error)
    expect(tries).toBe(1)
  })

  test('ends when the time is over, with the last failure that says something', async () => {
    const stop = new AbortController()
    const backoff = { baseMillis: 60_000, maxMillis: 60_000 }
    const attempt = retrying(() => Promise.reject(unavailable()), options({ signal: stop.signal, backoff }))
    setTimeout(() => stop.abort(), 5)
    await expect(attempt).rejects.toMatchObject({ code: 'SlowDown', message: expect.stringContaining('Gave up') })
  })

  test('an hour without COS costs a request every half a minute, and is over within one', async () => {
    vi.useFakeTimers()
    try {
      const start = Date.now()
      let tries = 0
      const result = retrying(
        async () => {
          tries += 1
          if (Date.now() - start < 3600_000) throw unavailable('ECONNREFUSED')
          return Date.now() - start
        },
        options({ backoff: defaultBackoff }),
      )
      await vi.advanceTimersByTimeAsync(3630_000)
      expect(await result).toBeLessThanOrEqual(3630_000)
      expect(tries).toBeGreaterThan(120)
      expect(tries).toBeLessThan(260)
    } finally {
      vi.useRealTimers()
    }
  })

  test('a pause ends early when waiting has become dear', async () => {
    const wake = new Wake()
    let tries = 0
    const result = retrying(
      async () => {
        if (++tries === 1) throw unavailable()
        return 'done'
      },
      options({ wake, backoff: { baseMillis: 60_000, maxMillis: 60_000 }, onFailure: () => setTimeout(() => wake.now(), 1) }),
    )
    await expect(result).resolves.toBe('done')
  })
})

describe('the limiter', () => {
  test('runs no more than its number at once, in order, and goes on after a failure', async () => {
    const limiter = createLimiter(2)
    let running = 0
    let most = 0
    const order: number[] = []
    const task = (i: number) =>
      limiter(async () => {
        most = Math.max(most, ++running)
        order.push(i)
        await new Promise((resolve) => setTimeout(resolve, 1))
        running -= 1
        if (i === 1) throw new Error('failed')
      })
    const results = await Promise.allSettled([0, 1, 2, 3, 4].map(task))
    expect(most).toBe(2)
    expect(order).toEqual([0, 1, 2, 3, 4])
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(1)
  })
})
