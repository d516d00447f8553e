import { setImmediate as tick } from 'node:timers/promises'
import type { KubeClient, Lease } from '@trtc-recorder/kube'
import { ApiError, ConnectionError } from '@trtc-recorder/kube'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createLog } from '../telemetry/log.ts'
import { LeaderElection } from './lease.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** One Lease, kept as the API server keeps it. */
function leases() {
  let stored: Lease | undefined
  let version = 0
  const reachable = new Set(['a', 'b'])
  const store = (lease: Lease): Lease => {
    version += 1
    stored = structuredClone({ ...lease, metadata: { ...lease.metadata, resourceVersion: String(version) } })
    return structuredClone(stored)
  }
  const client = (who: string) => {
    const answer = async <T>(answer: () => T): Promise<T> => {
      if (!reachable.has(who)) throw new ConnectionError('no network')
      return answer()
    }
    return {
      get: () =>
        answer(() => {
          if (stored === undefined) throw new ApiError('get', 404, { reason: 'NotFound' })
          return structuredClone(stored)
        }),
      create: (_: unknown, lease: Lease) =>
        answer(() => {
          if (stored !== undefined) throw new ApiError('create', 409, { reason: 'AlreadyExists' })
          return store(lease)
        }),
      replace: (_: unknown, lease: Lease) =>
        answer(() => {
          if (stored === undefined) throw new ApiError('replace', 404, { reason: 'NotFound' })
          if (stored.metadata.resourceVersion !== lease.metadata.resourceVersion) {
            throw new ApiError('replace', 409, { reason: 'Conflict' })
          }
          return store(lease)
        }),
    } as unknown as KubeClient
  }
  return {
    elector: (identity: string) =>
      new LeaderElection({
        client: client(identity),
        log: createLog('error', { write() {} }),
        namespace: 'n',
        name: 'l',
        identity,
      }),
    reachable,
    lease: () => stored,
    remove: () => {
      stored = undefined
    },
    touch: (spec: Lease['spec']) => stored && store({ ...stored, spec: { ...stored.spec, ...spec } }),
  }
}

async function pass(seconds: number) {
  for (let millis = 0; millis < seconds * 1000; millis += 100) {
    vi.advanceTimersByTime(100)
    await tick()
  }
}

const never = new AbortController().signal

/** How things stand with a promise. */
function state(promise: Promise<unknown>) {
  const view = { settled: false }
  promise.then(() => {
    view.settled = true
  })
  return view
}

describe('LeaderElection', () => {
  it('makes the Lease and leads, and renews it every two seconds', async () => {
    const world = leases()
    const a = world.elector('a')
    expect(await a.acquire(never)).toBe(true)
    const first = world.lease()
    expect(first?.spec).toMatchObject({ holderIdentity: 'a', leaseDurationSeconds: 15, leaseTransitions: 0 })
    expect(first?.spec?.renewTime).toMatch(/\.\d{6}Z$/)
    await pass(10)
    expect(Number(world.lease()?.metadata.resourceVersion)).toBeGreaterThanOrEqual(5)
    expect(a.isLeader).toBe(true)
  })

  it('lets one lead at a time; the next follows at once when the lease is given back', async () => {
    const world = leases()
    const [a, b] = [world.elector('a'), world.elector('b')]
    await a.acquire(never)
    const waiting = state(b.acquire(never))
    await pass(60)
    expect(waiting.settled).toBe(false)
    await a.release()
    expect(world.lease()?.spec?.holderIdentity).toBe('')
    await pass(5)
    expect(waiting.settled).toBe(true)
    expect(world.lease()?.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 })
    expect(a.isLeader).toBe(false)
  })

  it('ends leading after ten seconds without renewal, before another one may begin', async () => {
    const world = leases()
    const [a, b] = [world.elector('a'), world.elector('b')]
    await a.acquire(never)
    const waiting = state(b.acquire(never))
    await pass(5)
    const lost = state(a.lost)
    world.reachable.delete('a')
    await pass(8)
    expect(lost.settled).toBe(false)
    await pass(5)
    expect(lost.settled).toBe(true)
    expect(a.isLeader).toBe(false)
    expect(waiting.settled).toBe(false)
    await pass(10)
    expect(waiting.settled).toBe(true)
  })

  it('is in force while nobody else can lead, by a clock that stood still and by one that did not', async () => {
    const world = leases()
    const [a, b] = [world.elector('a'), world.elector('b')]
    expect(a.isInForce).toBe(false)
    await a.acquire(never)
    expect(a.isInForce).toBe(true)
    const waiting = state(b.acquire(never))
    world.reachable.delete('a')
    await pass(5)
    expect(a.isInForce).toBe(true)
    // What comes first when it wakes up may be a write, before any timer.
    vi.setSystemTime(Date.now() + 9000)
    expect(a.isInForce).toBe(false)
    world.reachable.add('a')
    await pass(3)
    expect([a.isInForce, waiting.settled]).toEqual([true, false])

    world.reachable.delete('a')
    vi.setSystemTime(Date.now() - 3_600_000)
    await pass(11)
    expect([a.isInForce, waiting.settled]).toEqual([false, false])
    await a.release()
    expect(a.isInForce).toBe(false)
  })

  it('rides out a short outage', async () => {
    const world = leases()
    const a = world.elector('a')
    await a.acquire(never)
    const lost = state(a.lost)
    world.reachable.delete('a')
    await pass(7)
    world.reachable.add('a')
    await pass(60)
    expect(lost.settled).toBe(false)
    expect(a.isLeader).toBe(true)
  })

  it('counts from what it saw itself, not from the times in the Lease', async () => {
    const world = leases()
    const [a, b] = [world.elector('a'), world.elector('b')]
    await a.acquire(never)
    world.reachable.delete('a')
    // A holder whose clock is an hour slow renews: to a reader of its times it would have expired long ago.
    world.touch({ renewTime: '2000-01-01T00:00:00.000000Z' })
    const waiting = state(b.acquire(never))
    await pass(14)
    expect(waiting.settled).toBe(false)
    await pass(7)
    expect(waiting.settled).toBe(true)
  })

  it('ends at once when another one holds the Lease', async () => {
    const world = leases()
    const a = world.elector('a')
    await a.acquire(never)
    const lost = state(a.lost)
    world.touch({ holderIdentity: 'b' })
    await pass(5)
    expect(lost.settled).toBe(true)
  })

  it('makes a Lease again that somebody deleted', async () => {
    const world = leases()
    const a = world.elector('a')
    await a.acquire(never)
    const lost = state(a.lost)
    world.remove()
    await pass(20)
    expect(lost.settled).toBe(false)
    expect(world.lease()?.spec?.holderIdentity).toBe('a')
  })

  it('stops waiting when told to', async () => {
    const world = leases()
    await world.elector('a').acquire(never)
    const stop = new AbortController()
    const waiting = world.elector('b').acquire(stop.signal)
    await pass(3)
    stop.abort()
    expect(await waiting).toBe(false)
  })
})
