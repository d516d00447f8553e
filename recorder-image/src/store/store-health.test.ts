import { expect, test } from 'vitest'
import { StoreHealth } from './store-context.ts'
import { StoreError } from './upload.ts'

test('COS is in trouble when nothing has worked for five seconds, and no more once something has', () => {
  let now = 0
  const health = new StoreHealth(() => now)
  health.failed(new StoreError('unavailable', 'SlowDown', 'slow down'))
  expect(health.trouble).toBeUndefined()
  now = 6_000
  health.failed(new StoreError('unavailable', 'ECONNREFUSED', 'refused'))
  expect(health.trouble).toMatchObject({ code: 'ECONNREFUSED' })
  health.worked()
  expect(health.trouble).toBeUndefined()
})
