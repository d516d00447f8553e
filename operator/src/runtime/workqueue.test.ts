import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { WorkQueue } from './workqueue.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** Whether a promise has settled by now. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  const open = Symbol()
  return (await Promise.race([promise, Promise.resolve().then(() => open)])) !== open
}

describe('WorkQueue', () => {
  it('hands keys out in the order they came, each once', async () => {
    const queue = new WorkQueue()
    for (const key of ['a', 'b', 'a']) queue.add(key)
    expect(queue.depth).toBe(2)
    expect([await queue.get(), await queue.get()]).toEqual(['a', 'b'])
  })

  it('lets namespaces take turns, so that one with many keys does not hold up another', async () => {
    const queue = new WorkQueue()
    for (let n = 0; n < 1000; n += 1) queue.add(`busy/${n}`)
    for (const key of ['calm/a', 'orphan:calm/b']) queue.add(key)
    const first = await Promise.all(Array.from({ length: 5 }, () => queue.get()))
    expect(first).toEqual(['busy/0', 'calm/a', 'busy/1', 'orphan:calm/b', 'busy/2'])
    expect(queue.depth).toBe(997)
  })

  it('leaves workers free for namespaces that have few, where it is to', async () => {
    const queue = new WorkQueue({ leavesWorkersFree: true })
    const handedOut: string[] = []
    const work = () => void queue.get().then((key) => key !== undefined && handedOut.push(key))
    for (let n = 0; n < 8; n += 1) work()
    const take = async () => {
      await vi.advanceTimersByTimeAsync(0)
      return handedOut.splice(0)
    }
    for (let n = 0; n < 100; n += 1) queue.add(`busy/${n}`)
    expect(await take()).toEqual(['busy/0', 'busy/1', 'busy/2', 'busy/3'])
    // Also to one that comes later, has as much, and is of low priority.
    for (let n = 0; n < 100; n += 1) queue.add(`second/${n}`, 'low')
    expect(await take()).toEqual(['second/0', 'second/1'])
    queue.add('calm/a')
    expect(await take()).toEqual(['calm/a'])
    queue.add('calm/b')
    expect(await take()).toEqual([])
    queue.add('other/a')
    expect(await take()).toEqual(['other/a'])
    // The last one that is free is for whoever has none.
    queue.done('busy/0')
    work()
    expect(await take()).toEqual([])
    queue.add('new/a')
    expect(await take()).toEqual(['new/a'])
    // Nobody waits for ever.
    for (const key of ['second/0', 'second/1', 'other/a', 'new/a']) {
      queue.done(key)
      work()
    }
    expect(await take()).toContain('calm/b')
  })

  it('hands out first what is of high priority, and every tenth time what is of low', async () => {
    const queue = new WorkQueue()
    for (let n = 0; n < 3; n += 1) queue.add(`lessons/low-${n}`, 'low')
    for (let n = 0; n < 20; n += 1) queue.add(`lessons/${n}`)
    expect(queue.depth).toBe(23)
    const taken = await Promise.all(Array.from({ length: 23 }, () => queue.get()))
    const places = taken.flatMap((key, place) => (key?.startsWith('lessons/low') ? [place] : []))
    expect(places).toEqual([9, 19, 22])
  })

  it('takes the higher of two priorities, while a key waits and while it is worked on', async () => {
    const queue = new WorkQueue()
    for (const key of ['a', 'b', 'c']) queue.add(key, 'low')
    queue.add('c', 'high')
    queue.add('c', 'low')
    expect(queue.depth).toBe(3)
    expect(await queue.get()).toBe('c')
    queue.add('c', 'low')
    queue.add('c', 'high')
    queue.add('d')
    queue.done('c')
    expect([await queue.get(), await queue.get(), await queue.get(), await queue.get()]).toEqual(['d', 'c', 'a', 'b'])
  })

  it('wakes a waiting worker', async () => {
    const queue = new WorkQueue()
    const next = queue.get()
    queue.add('a')
    expect(await next).toBe('a')
  })

  it('does not hand out a key that is being worked on, and hands it out again afterwards', async () => {
    const queue = new WorkQueue()
    queue.add('a')
    await queue.get()
    queue.add('a')
    queue.add('a')
    const next = queue.get()
    expect(await settled(next)).toBe(false)
    queue.done('a')
    expect(await next).toBe('a')
    queue.done('a')
    expect(queue.depth).toBe(0)
  })

  it('does not let a busy key hold up others', async () => {
    const queue = new WorkQueue()
    queue.add('a')
    await queue.get()
    queue.add('a')
    queue.add('b')
    expect(await queue.get()).toBe('b')
  })

  it('adds later, at the earliest of several times', async () => {
    const queue = new WorkQueue()
    queue.addAfter('a', 5000)
    queue.addAfter('a', 1000)
    queue.addAfter('a', 3000)
    vi.advanceTimersByTime(999)
    expect(queue.depth).toBe(0)
    vi.advanceTimersByTime(1)
    expect(queue.depth).toBe(1)
    await queue.get()
    queue.done('a')
    vi.advanceTimersByTime(10_000)
    expect(queue.depth).toBe(0)
  })

  it('waits longer than setTimeout can', () => {
    const queue = new WorkQueue()
    const thirtyDays = 30 * 86_400_000
    queue.addAfter('a', thirtyDays)
    vi.advanceTimersByTime(thirtyDays - 1000)
    expect(queue.depth).toBe(0)
    vi.advanceTimersByTime(1000)
    expect(queue.depth).toBe(1)
  })

  it('waits twice as long after each failure of a key, until it is forgotten', () => {
    const queue = new WorkQueue({ failureInitialMillis: 100, failureJitter: 0 })
    queue.addRateLimited('a')
    vi.advanceTimersByTime(100)
    expect(queue.depth).toBe(1)
    queue.addRateLimited('b')
    queue.addRateLimited('b')
    expect(queue.failures('b')).toBe(2)
    queue.forget('b')
    expect(queue.failures('b')).toBe(0)
  })

  it('comes back no sooner than the server asked', () => {
    const queue = new WorkQueue()
    queue.addRateLimited('a', 7000)
    vi.advanceTimersByTime(6999)
    expect(queue.depth).toBe(0)
    vi.advanceTimersByTime(1)
    expect(queue.depth).toBe(1)
  })

  it('limits retries over all keys', () => {
    const queue = new WorkQueue({ failureInitialMillis: 1, failureJitter: 0, retriesPerSecond: 10, retriesBurst: 5 })
    for (let n = 0; n < 25; n += 1) queue.addRateLimited(`key-${n}`)
    vi.advanceTimersByTime(5)
    expect(queue.depth).toBe(5)
    vi.advanceTimersByTime(1000)
    expect(queue.depth).toBe(15)
  })

  it('drains: hands out nothing more and waits for what is under way', async () => {
    const queue = new WorkQueue()
    queue.add('a')
    queue.add('b')
    queue.addAfter('c', 10)
    expect(await queue.get()).toBe('a')
    const waiting = new WorkQueue()
    const idle = waiting.get()
    waiting.shutDown()
    expect(await idle).toBeUndefined()

    queue.shutDown()
    vi.advanceTimersByTime(20)
    expect(await queue.get()).toBeUndefined()
    expect(await settled(queue.drained)).toBe(false)
    queue.add('a')
    queue.done('a')
    await queue.drained
    expect(queue.depth).toBe(0)
  })

  it('tells its observer what a dashboard needs', async () => {
    const observer = { added: vi.fn(), retried: vi.fn(), depth: vi.fn(), waited: vi.fn(), worked: vi.fn() }
    const queue = new WorkQueue({ observer })
    queue.add('a')
    vi.advanceTimersByTime(2000)
    await queue.get()
    vi.advanceTimersByTime(3000)
    queue.done('a')
    expect(observer.added).toHaveBeenCalledOnce()
    expect(observer.depth.mock.calls).toEqual([[1], [0]])
    expect(observer.waited).toHaveBeenCalledWith(2)
    expect(observer.worked).toHaveBeenCalledWith(3)
  })
})
