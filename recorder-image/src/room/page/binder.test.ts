import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Binder, type Owner } from './binder.ts'

const alice: Owner = { userId: 'alice', stream: 'main' }
const bob: Owner = { userId: 'bob', stream: 'main' }
let sdk: Map<number, Owner>
let bound: string[]
let binder: Binder
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  sdk = new Map()
  bound = []
  binder = new Binder(
    () => sdk,
    ({ slot, ssrc }, { userId }) => bound.push(`${slot}/${ssrc} ${userId}`),
  )
})
afterEach(() => {
  vi.useRealTimers()
})

test('who chose the SSRC owns what comes with it', () => {
  sdk.set(100, alice).set(200, bob)
  binder.bind({ slot: 3, kind: 'audio', ssrc: 200 })
  expect(bound).toEqual(['3/200 bob'])
})

test('an owner who is not known yet is asked for again, and the former user of the receiver is not taken for him', () => {
  sdk.set(100, alice)
  binder.bind({ slot: 3, kind: 'audio', ssrc: 100 })
  sdk.clear()
  binder.bind({ slot: 3, kind: 'audio', ssrc: 200 })
  vi.advanceTimersByTime(3000)
  expect(bound).toEqual(['3/100 alice'])
  sdk.set(200, bob)
  vi.advanceTimersByTime(60)
  expect(bound).toEqual(['3/100 alice', '3/200 bob'])
})

test('a user whom the SDK has forgotten meanwhile is remembered', () => {
  sdk.set(100, alice)
  binder.remember()
  sdk.clear()
  binder.bind({ slot: 3, kind: 'audio', ssrc: 100 })
  expect(bound).toEqual(['3/100 alice'])
})

test('what nobody owns is given up after 10 s', () => {
  binder.bind({ slot: 3, kind: 'audio', ssrc: 300 })
  vi.advanceTimersByTime(11_000)
  expect(vi.getTimerCount()).toBe(0)
  sdk.set(300, alice)
  vi.advanceTimersByTime(1000)
  expect(bound).toEqual([])
})
