import { setImmediate as tick } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ApiError } from '../kube/errors.ts'
import { createLog } from '../telemetry/log.ts'
import { Controller, type ControllerOptions, type Reconcile, TerminalError } from './controller.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

function controller(reconcile: Reconcile, options: Partial<ControllerOptions> = {}) {
  const lines: Record<string, unknown>[] = []
  const log = createLog('debug', { write: (line) => void lines.push(JSON.parse(line)) })
  const outcomes: string[] = []
  const made = new Controller({
    name: 'test',
    reconcile,
    log,
    workers: 2,
    observer: { reconciled: (outcome) => outcomes.push(outcome) },
    ...options,
  })
  return { made, lines, outcomes }
}

describe('Controller', () => {
  it('reconciles what is enqueued, different keys side by side, one key never', async () => {
    const running = new Set<string>()
    const most: number[] = []
    const release = Promise.withResolvers<void>()
    const { made } = controller(async (key) => {
      expect(running.has(key)).toBe(false)
      running.add(key)
      most.push(running.size)
      await release.promise
      running.delete(key)
      return undefined
    })
    made.start()
    for (const key of ['a', 'b', 'a', 'c']) made.enqueue(key)
    await tick()
    made.enqueue('a')
    expect([...running]).toEqual(['a', 'b'])
    release.resolve()
    await tick()
    expect(most.length).toBe(4)
    expect(await made.stop(1000)).toBe(true)
  })

  it('comes back when asked to', async () => {
    const reconcile = vi.fn(async () => ({ requeueAfterMillis: 5000 }))
    const { made, outcomes } = controller(reconcile)
    made.start()
    made.enqueue('a')
    await tick()
    vi.advanceTimersByTime(4999)
    await tick()
    expect(reconcile).toHaveBeenCalledTimes(1)
    vi.advanceTimersByTime(1)
    await tick()
    expect(reconcile).toHaveBeenCalledTimes(2)
    expect(outcomes).toEqual(['requeue_after', 'requeue_after'])
  })

  it('tries again after a failure, with back-off, and says which run of which key it was', async () => {
    let failures = 2
    const { made, lines, outcomes } = controller(
      async () => {
        if (failures-- > 0) throw new Error('no luck')
        return undefined
      },
      { queue: { failureInitialMillis: 100, failureJitter: 0 } },
    )
    made.start()
    made.enqueue('lessons/a')
    await tick()
    vi.advanceTimersByTime(100)
    await tick()
    vi.advanceTimersByTime(199)
    await tick()
    expect(outcomes).toEqual(['error', 'error'])
    vi.advanceTimersByTime(1)
    await tick()
    expect(outcomes).toEqual(['error', 'error', 'success'])
    expect(made.queue.failures('lessons/a')).toBe(0)
    const failed = lines.filter((line) => line.level === 'warn')
    expect(failed.map((line) => line.key)).toEqual(['lessons/a', 'lessons/a'])
    expect(new Set(failed.map((line) => line.reconcileId)).size).toBe(2)
  })

  it('leaves a conflict out of the errors and honours Retry-After', async () => {
    const answers = [
      new ApiError('patch', 409, { reason: 'Conflict' }),
      new ApiError('patch', 429, { reason: 'TooManyRequests' }, 30_000),
    ]
    const { made, outcomes, lines } = controller(async () => {
      const answer = answers.shift()
      if (answer) throw answer
      return undefined
    })
    made.start()
    made.enqueue('a')
    await tick()
    vi.advanceTimersByTime(50)
    await tick()
    vi.advanceTimersByTime(29_999)
    await tick()
    expect(outcomes).toEqual(['requeue', 'error'])
    vi.advanceTimersByTime(100)
    await tick()
    expect(outcomes).toEqual(['requeue', 'error', 'success'])
    expect(lines.filter((line) => line.level === 'warn')).toHaveLength(1)
  })

  it('does not repeat what cannot succeed, until the object changes', async () => {
    const reconcile = vi.fn(async () => {
      throw new TerminalError('never')
    })
    const { made } = controller(reconcile)
    made.start()
    made.enqueue('a')
    await tick()
    vi.advanceTimersByTime(3_600_000)
    await tick()
    expect(reconcile).toHaveBeenCalledTimes(1)
    made.enqueue('a')
    await tick()
    expect(reconcile).toHaveBeenCalledTimes(2)
  })

  it('aborts a run that takes too long, counts it, and tries again', async () => {
    const timedOut = vi.fn()
    const reconcile = vi.fn(
      (_: string, { signal }: { signal: AbortSignal }) =>
        new Promise<undefined>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    )
    const { made, lines } = controller(reconcile, { reconcileTimeoutMillis: 30_000, observer: { timedOut } })
    made.start()
    made.enqueue('lessons/a')
    await tick()
    vi.advanceTimersByTime(30_000)
    await tick()
    expect(timedOut).toHaveBeenCalledOnce()
    expect(JSON.stringify(lines)).toContain('reconcile of lessons/a took longer than 30 s')
    vi.advanceTimersByTime(100)
    await tick()
    expect(reconcile).toHaveBeenCalledTimes(2)
  })

  it('survives a defect that throws something that is no error', async () => {
    const reconcile = vi.fn(async (key: string) => {
      if (key === 'bad') throw null
      return undefined
    })
    const { made } = controller(reconcile, { workers: 1 })
    made.start()
    made.enqueue('bad')
    made.enqueue('good')
    await tick()
    expect(reconcile.mock.calls.map(([key]) => key)).toEqual(['bad', 'good'])
  })

  it('waits for what is under way when it stops, and aborts it after the deadline', async () => {
    const aborted = vi.fn()
    const { made } = controller(async (_, { signal }) => {
      signal.addEventListener('abort', aborted)
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      return undefined
    })
    made.start()
    made.enqueue('a')
    await tick()
    const stopped = made.stop(2000)
    made.enqueue('b')
    await tick()
    expect(aborted).not.toHaveBeenCalled()
    vi.advanceTimersByTime(2000)
    expect(await stopped).toBe(false)
    expect(aborted).toHaveBeenCalledOnce()
  })
})
