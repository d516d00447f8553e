import { expect, test, vi } from 'vitest'
import { unlessOver } from './unless-over.ts'

test('what is awaited one after the other leaves nothing with a connection that goes on for hours', async () => {
  const over = new Promise<string>(() => {})
  const then = vi.spyOn(over, 'then')
  const awaited = unlessOver(over)
  for (let n = 0; n < 100; n++) expect(await awaited(Promise.resolve(n))).toBe(n)
  expect(then).toHaveBeenCalledTimes(1)
})

test('what is awaited when the connection is over, and what is awaited after that, rejects with why', async () => {
  const over = Promise.withResolvers<string>()
  const awaited = unlessOver(over.promise)
  const first = awaited(new Promise(() => {}))
  over.resolve('the receiver closed the connection (1001)')
  await expect(first).rejects.toThrow('the receiver closed the connection (1001)')
  await expect(awaited(Promise.resolve())).rejects.toThrow('(1001)')
})

test('what fails by itself says so', async () => {
  await expect(unlessOver(new Promise(() => {}))(Promise.reject(new Error('no decoder')))).rejects.toThrow('no decoder')
})
