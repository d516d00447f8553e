import { setImmediate as tick } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createLog } from '../telemetry/log.ts'
import { Controller, type ControllerOptions, type Reconcile, TerminalError } from './controller.ts'
import { Store } from './store.ts'

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
    const answers = [new Error('changed meanwhile'), Object.assign(new Error('too many'), { retryAfterMillis: 30_000 })]
    const [outdated] = answers
    const { made, outcomes, lines } = controller(
      async () => {
        const answer = answers.shift()
        if (answer) throw answer
        return undefined
      },
      { isOutdated: (error) => error === outdated },
    )
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

it('does what is urgent before what is not, whatever brings a key', async () => {
  const seen: string[] = []
  const release = Promise.withResolvers<void>()
  const { made } = controller(
    async (key) => {
      seen.push(key)
      if (seen.length > 1) return undefined
      await release.promise
      return { requeueAfterMillis: 0, priority: 'low' as const }
    },
    { workers: 1 },
  )
  made.start()
  made.enqueue('first')
  await tick()
  made.queue.add('told', 'low')
  made.queue.add('made')
  release.resolve()
  await tick()
  expect(seen).toEqual(['first', 'made', 'told', 'first'])
  await made.stop(0)
})

describe('a controller of a store', () => {
  interface Thing {
    metadata: { namespace: string; name: string; uid: string; resourceVersion: string }
    owner?: string
  }
  let version = 0
  const thing = (namespace: string, name: string, owner?: string): Thing => ({
    metadata: { namespace, name, uid: `${namespace}-${name}`, resourceVersion: String(++version) },
    ...(owner === undefined ? {} : { owner }),
  })
  const owner = ({ metadata, owner }: Thing) => owner && `${metadata.namespace}/${owner}`

  function world(concerns?: (object: Thing) => boolean) {
    const [recordings, pods] = [new Store<Thing>(), new Store<Thing>()]
    const seen: string[] = []
    const made = Controller.for(recordings, {
      name: 'test',
      log: createLog('error', { write() {} }),
      reconcile: async (key) => void seen.push(key) as undefined,
      ...(concerns && { concerns }),
    }).owns(owner, pods)
    const sync = (namespace: string, objects: Thing[] = [], owned: Thing[] = []) => {
      recordings.replace(objects, { namespace, resourceVersion: String(++version) })
      pods.replace(owned, { namespace, resourceVersion: String(++version) })
    }
    /** What was reconciled since the last call. */
    const reconciled = async () => {
      await tick()
      return seen.splice(0)
    }
    return { recordings, pods, made, sync, reconciled }
  }

  it('begins when it is started, with everything there is', async () => {
    const { made, sync, reconciled } = world()
    sync('lessons', [thing('lessons', 'math'), thing('lessons', 'art')], [thing('lessons', 'math-1', 'math')])
    expect(await reconciled()).toEqual([])
    expect(made.queue.depth).toBe(0)
    made.start()
    expect(await reconciled()).toEqual(['lessons/math', 'lessons/art'])
    await made.stop(0)
  })

  it('does not begin in a namespace before all kinds have been read there, and waits for no other namespace', async () => {
    const { made, sync, recordings, pods, reconciled } = world()
    made.start()
    recordings.replace([thing('lessons', 'math')], { namespace: 'lessons', resourceVersion: String(++version) })
    recordings.apply({ type: 'ADDED', object: thing('lessons', 'art') })
    expect(await reconciled()).toEqual([])
    pods.replace([], { namespace: 'lessons', resourceVersion: String(++version) })
    expect(await reconciled()).toEqual(['lessons/math', 'lessons/art'])
    sync('music', [thing('music', 'piano')])
    expect(await reconciled()).toEqual(['music/piano'])
    await made.stop(0)
  })

  it('looks at the owner when what it owns changes, also when it goes', async () => {
    const { made, sync, pods, reconciled } = world()
    made.start()
    sync('lessons')
    const pod = thing('lessons', 'math-1', 'math')
    pods.apply({ type: 'ADDED', object: pod })
    expect(await reconciled()).toEqual(['lessons/math'])
    pods.apply({ type: 'DELETED', object: pod })
    expect(await reconciled()).toEqual(['lessons/math'])
    pods.apply({ type: 'ADDED', object: thing('lessons', 'foreign') })
    expect(await reconciled()).toEqual([])
    await made.stop(0)
  })

  it('takes its own writes for what it knows, and looks again only to make sure', async () => {
    const { made, sync, recordings, pods, reconciled } = world()
    made.start()
    sync('lessons', [thing('lessons', 'math')])
    expect(await reconciled()).toEqual(['lessons/math'])
    recordings.wrote(thing('lessons', 'math'), 'test')
    pods.wrote(thing('lessons', 'math-1', 'math'), 'test')
    expect(await reconciled()).toEqual([])
    vi.advanceTimersByTime(5000)
    expect(await reconciled()).toEqual(['lessons/math'])
    recordings.wrote(thing('lessons', 'math'), 'another controller')
    expect(await reconciled()).toEqual(['lessons/math'])
    pods.apply({ type: 'MODIFIED', object: thing('lessons', 'math-1', 'math') })
    expect(await reconciled()).toEqual(['lessons/math'])
    await made.stop(0)
  })

  it('leaves alone what does not concern it, and what is gone', async () => {
    const { made, sync, recordings, reconciled } = world(({ metadata }) => metadata.name !== 'done')
    made.start()
    const math = thing('lessons', 'math')
    sync('lessons', [thing('lessons', 'done'), math])
    expect(await reconciled()).toEqual(['lessons/math'])
    recordings.apply({ type: 'DELETED', object: math })
    expect(await reconciled()).toEqual([])
    await made.stop(0)
  })

  describe('a controller that works in some namespaces only', () => {
    function territory() {
      const inside = new Set<string>()
      const wanted = new Set<string>()
      const handlers: ((namespace: string | undefined) => void)[] = []
      const set = (namespace: string, isInside: boolean) => {
        if (isInside) inside.add(namespace)
        else inside.delete(namespace)
        for (const handler of handlers) handler(namespace)
      }
      return {
        ...{ wanted, set },
        has: (namespace: string) => inside.has(namespace),
        wants: (namespace: string) => void wanted.add(namespace),
        onChange: (handler: (namespace: string | undefined) => void) => void handlers.push(handler),
      }
    }

    it('begins nothing elsewhere, says that it wants to, and does it all once it may', async () => {
      const { made, sync, recordings, pods, reconciled } = world()
      const land = territory()
      made.worksIn(land).start()
      sync('lessons', [thing('lessons', 'math')])
      sync('music', [thing('music', 'piano')])
      recordings.apply({ type: 'ADDED', object: thing('lessons', 'art') })
      pods.apply({ type: 'ADDED', object: thing('lessons', 'math-1', 'math') })
      expect(await reconciled()).toEqual([])
      expect([...land.wanted]).toEqual(['lessons', 'music'])
      land.set('lessons', true)
      expect((await reconciled()).sort()).toEqual(['lessons/art', 'lessons/math'])
      recordings.apply({ type: 'MODIFIED', object: thing('lessons', 'art') })
      expect(await reconciled()).toEqual(['lessons/art'])
      await made.stop(0)
    })

    it('looks at all of a namespace that it comes back to', async () => {
      const { made, sync, recordings, reconciled } = world()
      const land = territory()
      land.set('lessons', true)
      made.worksIn(land).start()
      sync('lessons', [thing('lessons', 'math'), thing('lessons', 'art')])
      expect((await reconciled()).sort()).toEqual(['lessons/art', 'lessons/math'])
      land.set('lessons', false)
      made.enqueue('lessons/math')
      recordings.apply({ type: 'MODIFIED', object: thing('lessons', 'math') })
      expect(await reconciled()).toEqual([])
      land.set('lessons', true)
      expect((await reconciled()).sort()).toEqual(['lessons/art', 'lessons/math'])
      await made.stop(0)
    })

    it('cuts off what is under way in a namespace that it loses, and only there', async () => {
      const signals = new Map<string, AbortSignal>()
      const { made, lines, outcomes } = controller((key, { signal }) => {
        signals.set(key, signal)
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      })
      const land = territory()
      land.set('lessons', true)
      land.set('music', true)
      made.worksIn(land).start()
      made.enqueue('lessons/math')
      made.enqueue('music/piano')
      await tick()
      land.set('lessons', false)
      await tick()
      expect([...signals].map(([key, { aborted }]) => [key, aborted])).toEqual([
        ['lessons/math', true],
        ['music/piano', false],
      ])
      expect(outcomes).toEqual(['requeue'])
      expect(lines.filter(({ level }) => level === 'warn')).toEqual([])
      vi.advanceTimersByTime(60_000)
      await made.stop(0)
    })
  })
})
