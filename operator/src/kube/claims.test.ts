import type { KubeClient, Lease } from '@trtc-recorder/kube'
import { ApiError } from '@trtc-recorder/kube'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { Controller } from '../runtime/controller.ts'
import { createLog } from '../telemetry/log.ts'
import {
  askedByAnnotation,
  type Claimant,
  Claims,
  claimName,
  holderOf,
  judgeClaim,
  leaseAfter,
  type Memory,
  servesAllAnnotation,
  wholeClusterClaim,
} from './claims.ts'

const patienceMillis = 120_000
const me: Claimant = { release: 'team-b/recorder', servesAll: false, hasWholeCluster: false, patienceMillis }
const other = 'team-a/recorder'

function aLease(holder: string, annotations: Record<string, string> = {}, resourceVersion = '7'): Lease {
  const metadata = {
    ...{ name: claimName, namespace: 'lessons', uid: 'u', generation: 1, creationTimestamp: '' },
    resourceVersion,
    annotations,
  }
  return { metadata, spec: { holderIdentity: holder } } as unknown as Lease
}
const asks = (who: string) => ({ [askedByAnnotation]: who })
const all = (who: string) => ({ [servesAllAnnotation]: who })
const seenFor = (millis: number, over: Partial<Memory> = {}): Memory => ({
  ...{ holder: other, seen: { resourceVersion: '7', at: 1_000_000 - millis }, answers: 0, notBefore: 0 },
  ...over,
})
const judge = (lease: Lease | undefined, memory?: Memory, claimant: Partial<Claimant> = {}) =>
  judgeClaim(lease, { ...me, ...claimant }, memory, 1_000_000)

describe('a claim', () => {
  test.each<[string, Lease | undefined, Memory | undefined, Partial<Claimant>, object]>([
    ['nobody has made', undefined, undefined, {}, { do: 'claim' }],
    ['somebody has emptied by hand', aLease(''), undefined, {}, { do: 'claim' }],
    ['of ours', aLease(me.release), undefined, {}, { do: 'nothing' }],
    ['of ours, of another replica or before an upgrade', aLease(me.release), seenFor(0), {}, { do: 'nothing' }],
    ['of ours that somebody asks about', aLease(me.release, asks(other)), undefined, {}, { do: 'answer' }],
    ['of ours from when this release served all', aLease(me.release, all(me.release)), undefined, {}, { do: 'answer' }],
    ['of ours from before this release served all', aLease(me.release), undefined, { servesAll: true }, { do: 'answer' }],
    ['of another, seen for the first time', aLease(other), undefined, {}, { do: 'ask' }],
    [
      'of another that has answered',
      aLease(other),
      seenFor(0, { answers: 1, notBefore: 1_060_000 }),
      {},
      { do: 'wait', millis: 60_000 },
    ],
    ['of another that answered long ago', aLease(other), seenFor(0, { answers: 1, notBefore: 1_000_000 }), {}, { do: 'ask' }],
    ['of another that we have just asked', aLease(other, asks(me.release)), seenFor(0), {}, { do: 'wait', millis: 120_000 }],
    ['of another that has not answered for long', aLease(other, asks(me.release)), seenFor(120_000), {}, { do: 'takeOver' }],
    [
      'that was asked about by the process before us',
      aLease(other, asks(me.release)),
      undefined,
      {},
      { do: 'wait', millis: 120_000 },
    ],
    ['that a third one asks about', aLease(other, asks('c')), seenFor(0), {}, { do: 'wait', millis: 240_000 }],
    ['that a third one has asked about, and is gone', aLease(other, asks('c')), seenFor(240_000), {}, { do: 'ask' }],
    ['that has gone to a third one', aLease('c'), seenFor(0, { answers: 5, notBefore: 9_000_000 }), {}, { do: 'ask' }],
    [
      'of one that served all, once we do',
      aLease(other, all(other)),
      undefined,
      { servesAll: true, hasWholeCluster: true },
      { do: 'takeOver' },
    ],
    ['of one that serves all, while we serve some', aLease(other, all(other)), undefined, {}, { do: 'ask' }],
    [
      'that a person has given from us, who serve all, to one that serves some',
      aLease(other, all(me.release)),
      undefined,
      { servesAll: true, hasWholeCluster: true },
      { do: 'ask' },
    ],
    [
      'of one that serves some, while we serve all',
      aLease(other),
      undefined,
      { servesAll: true, hasWholeCluster: true },
      { do: 'ask' },
    ],
  ])('%s', (_, lease, memory, claimant, step) => {
    expect(judge(lease, memory, claimant).step).toEqual(step)
  })

  test('is asked about less and less often as long as its holder answers', () => {
    let memory = judge(aLease(other)).memory
    const waits = [1, 2, 3, 4, 5, 6].map((n) => {
      memory = judge(aLease(other, asks(me.release), `${2 * n}a`), memory).memory
      const { step, memory: after } = judge(aLease(other, {}, `${2 * n}b`), memory)
      memory = after
      return step.do === 'wait' ? step.millis / 1000 : step
    })
    expect(waits).toEqual([60, 120, 240, 480, 600, 600])
  })

  test('is written so that others’ words stay, and a question goes with the answer', () => {
    const theirs = aLease(other, { ...asks('c'), ...all(other), 'example.com/note': 'x' })
    const taken = leaseAfter('takeOver', theirs, me, 'now')
    expect(taken.metadata.annotations).toEqual({ 'example.com/note': 'x' })
    expect(taken.spec).toMatchObject({ holderIdentity: me.release, acquireTime: 'now', leaseTransitions: 0 })
    expect(taken.metadata.resourceVersion).toBe('7')
    expect(leaseAfter('ask', theirs, me, 'now')).toMatchObject({
      metadata: { annotations: { ...all(other), ...asks(me.release) } },
      spec: { holderIdentity: other },
    })
    const answered = leaseAfter('answer', aLease(me.release, asks(other)), { ...me, servesAll: true }, 'now')
    expect(answered.metadata.annotations).toEqual(all(me.release))
    expect(answered.spec).toEqual({ holderIdentity: me.release, renewTime: 'now' })
  })
})

/** The longest that a process which lives and reaches the API server may not hear of something; then its watch is known to be half-open. */
const deafMillis = 100_000
const keys = ['whole', 'lessons', 'exams'] as const
type Key = (typeof keys)[number]

/** Releases, of which each process knows what it has heard, and the Leases as the API server has them. */
class Model {
  now = 0
  #version = 0
  readonly leases = new Map<Key, Lease>()
  readonly processes: Process[]

  constructor(kinds: readonly ('all' | Key[])[]) {
    this.processes = kinds.map((serves, index) => new Process(this, `r${index}`, serves))
  }

  write(key: Key, before: Lease | undefined, after: Lease): void {
    if (this.leases.get(key)?.metadata.resourceVersion !== before?.metadata.resourceVersion) return
    this.#version += 1
    this.leases.set(key, { ...after, metadata: { ...after.metadata, resourceVersion: String(this.#version) } })
  }

  after(millis: number): void {
    for (let rest = millis; rest > 0; rest -= 10_000) {
      this.now += 10_000
      for (const process of this.processes) process.time()
      this.check()
    }
  }

  check(): void {
    for (const key of ['lessons', 'exams'] as const) {
      const working = this.processes.filter((process) => process.works(key)).map(({ release }) => release)
      if (working.length > 1) throw new Error(`at ${this.now / 1000} s ${working.join(' and ')} work in ${key}`)
    }
  }
}

class Process {
  is: 'well' | 'cut off' | 'dead' = 'well'
  #cutOffAt = 0
  #heardAt = 0
  #view = new Map<Key, Lease>()
  #memories = new Map<Key, Memory>()
  readonly #model: Model
  readonly release: string
  readonly serves: 'all' | Key[]

  constructor(model: Model, release: string, serves: 'all' | Key[]) {
    this.#model = model
    this.release = release
    this.serves = serves
  }

  works = (key: Key) => this.is !== 'dead' && this.#has(key) && (this.serves !== 'all' || this.#has('whole'))
  #has = (key: Key) => holderOf(this.#view.get(key)) === this.release
  get concerns(): readonly Key[] {
    return this.serves === 'all' ? keys : this.serves
  }

  hears(): void {
    if (this.is !== 'well') return
    this.#heardAt = this.#model.now
    for (const key of this.concerns) {
      const lease = this.#model.leases.get(key)
      if (lease === undefined) this.#view.delete(key)
      else this.#view.set(key, lease)
    }
  }

  looks(): void {
    if (this.is !== 'well') return
    for (const key of this.concerns) {
      const isAll = this.serves === 'all'
      if (isAll && key !== 'whole' && !this.#has('whole')) continue
      const claimant = { release: this.release, servesAll: isAll, hasWholeCluster: isAll && key !== 'whole', patienceMillis }
      const lease = this.#view.get(key)
      const { step, memory } = judgeClaim(lease, claimant, this.#memories.get(key), this.#model.now)
      if (memory === undefined) this.#memories.delete(key)
      else this.#memories.set(key, memory)
      if (step.do === 'nothing' || step.do === 'wait') continue
      this.#model.write(key, lease, leaseAfter(step.do, lease ?? aLease('', {}, ''), claimant, ''))
      // The answer to one's own write.
      this.#view.set(key, this.#model.leases.get(key)!)
    }
  }

  time(): void {
    if (this.is === 'cut off' && this.#model.now - this.#cutOffAt >= 10_000) this.is = 'dead'
    if (this.#model.now - this.#heardAt >= deafMillis) this.hears()
    this.looks()
  }

  isCutOff(): void {
    if (this.is !== 'well') return
    this.is = 'cut off'
    this.#cutOffAt = this.#model.now
  }

  /** Another process of the release, or the same one anew: it reads, and looks at what it has read, before it works. */
  begins(): void {
    this.is = 'well'
    this.#memories = new Map()
    this.#view = new Map()
    this.hears()
    this.looks()
  }
}

const kinds = fc.array(fc.constantFrom<'all' | Key[]>('all', ['lessons'], ['lessons', 'exams'], ['exams']), {
  minLength: 2,
  maxLength: 3,
})
const moves = {
  hears: (process: Process) => process.hears(),
  looks: (process: Process) => process.looks(),
  'hears and looks': (process: Process) => {
    process.hears()
    process.looks()
  },
  'is cut off': (process: Process) => process.isCutOff(),
  'begins anew': (process: Process) => process.begins(),
}
type Move = keyof typeof moves
const steps = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        who: fc.nat(2),
        what: fc.constantFrom<Move>('hears', 'looks', 'hears and looks', 'hears and looks'),
      }),
    },
    { weight: 2, arbitrary: fc.record({ who: fc.nat(2), what: fc.constantFrom<Move>('is cut off', 'begins anew') }) },
    { weight: 4, arbitrary: fc.record({ seconds: fc.constantFrom(10, 60, 130, 700) }) },
  ),
  { minLength: 5, maxLength: 60, size: 'max' },
)
const runs = Number(process.env.SEQUENCES ?? 1000)
const seed = Number(process.env.SEED)

test(`whatever happens, one release at most works in a namespace, and one does in the end (${runs} sequences, SEED=${seed})`, {
  timeout: 600_000,
}, () => {
  fc.assert(
    fc.property(kinds, steps, fc.nat(2), (kinds, steps, last) => {
      const model = new Model(kinds)
      for (const step of steps) {
        if ('seconds' in step) model.after(step.seconds * 1000)
        else moves[step.what](model.processes[step.who % kinds.length]!)
        model.check()
      }
      const survivor = model.processes[last % kinds.length]!
      for (const process of model.processes) if (process !== survivor) process.isCutOff()
      survivor.begins()
      // Ten minutes and the patience, once for the cluster and once for what others have of it, and who asked and is gone.
      model.after(2 * (600_000 + 3 * patienceMillis + 2 * deafMillis))
      for (const key of survivor.serves === 'all' ? (['lessons', 'exams'] as const) : survivor.serves) {
        if (!survivor.works(key)) throw new Error(`${survivor.release} never works in ${key}`)
      }
    }),
    { numRuns: runs, seed },
  )
})

/** An API server that has Leases, as far as it lets anybody have them. */
function server(refuses: (verb: 'list' | 'create', key: string) => string | undefined) {
  const made: string[] = []
  const watched: { times: number; brings(event: object): void } = { times: 0, brings() {} }
  const refuse = (verb: 'list' | 'create', key: string) => {
    const why = refuses(verb, key)
    if (why !== undefined)
      throw new ApiError(verb, why === 'no such namespace' ? 404 : 403, { reason: 'Forbidden', message: why })
  }
  const client = {
    list: async (_: unknown, { namespace = '' }: { namespace?: string }) => {
      refuse('list', namespace)
      return { metadata: { resourceVersion: '1' }, items: [] }
    },
    async *watch(_: unknown, { signal }: { signal: AbortSignal }) {
      watched.times++
      while (!signal.aborted) {
        const event = await new Promise<object | undefined>((resolve) => {
          watched.brings = resolve
          signal.addEventListener('abort', () => resolve(undefined))
        })
        if (event === undefined) return
        yield event
      }
    },
    create: async (_: unknown, lease: Lease) => {
      const key = `${lease.metadata.namespace}/${lease.metadata.name}`
      refuse('create', key)
      made.push(key)
      return { ...lease, metadata: { ...lease.metadata, uid: key, resourceVersion: '2' } }
    },
  } as unknown as KubeClient
  return { client, made, watched }
}

function begin(client: KubeClient, namespaces: string[] = []) {
  const lines: Record<string, unknown>[] = []
  const claims = new Claims({
    ...{ client, namespaces, patienceMillis, resyncMillis: 600_000, release: me.release },
    events: { record() {}, flush: async () => {} },
    log: createLog('info', { write: (line: string) => void lines.push(JSON.parse(line)) }),
    metrics: { controller: () => ({ observer: {}, queue: {}, watchQueue() {} }), reflector: () => ({}) },
  })
  const stop = new AbortController()
  const reading = claims.run(stop.signal)
  claims.controller.start()
  onTestFinished(async () => {
    stop.abort()
    await Promise.all([reading, claims.controller.stop(1000)])
  })
  return { claims, lines }
}

describe('claims', () => {
  test('of a release that serves all namespaces are made one by one as there is something to do, after that to the cluster', async () => {
    const { client, made } = server(() => undefined)
    const { claims } = begin(client)
    expect(claims.has('lessons')).toBe(false)
    claims.wants('lessons')
    await expect.poll(() => claims.has('lessons')).toBe(true)
    expect(made).toEqual([`kube-system/${wholeClusterClaim.name}`, `lessons/${claimName}`])
    expect(claims.has('exams')).toBe(false)
    expect(claims.count()).toEqual({ held: 2, other: 0, unguarded: 0 })
  })

  test.each([
    ['read', 'list'],
    ['made', 'create'],
  ] as const)('that may not be %s keep nobody from being served, and are told of', async (_, verb) => {
    const { client, made } = server((asked) => (asked === verb ? 'leases is forbidden' : undefined))
    const { claims, lines } = begin(client, ['lessons'])
    await expect.poll(() => claims.has('lessons')).toBe(true)
    expect(made).toEqual([])
    expect(claims.count()).toEqual({ held: 0, other: 0, unguarded: 1 })
    expect(lines.filter(({ msg }) => String(msg).startsWith('Served without a claim'))).toHaveLength(1)
  })

  test('are not needed in a namespace that is being deleted', async () => {
    const { client } = server((verb) => (verb === 'create' ? 'namespace lessons because it is being terminated' : undefined))
    const { claims, lines } = begin(client, ['lessons'])
    await expect.poll(() => claims.has('lessons')).toBe(true)
    expect(lines.filter(({ level }) => level === 'error')).toEqual([])
  })

  test('that go with their namespace cut off what is under way there, which begins anew, and may not have been in vain', async () => {
    let isTerminating = false
    const { client, made, watched } = server((verb) =>
      verb === 'create' && isTerminating ? 'namespace lessons because it is being terminated' : undefined,
    )
    const { claims } = begin(client, ['lessons'])
    const runs: { signal: AbortSignal; end(): void }[] = []
    const controller = new Controller({
      name: 'callbacks',
      log: createLog('error', { write() {} }),
      reconcile: (_, { signal }) => new Promise((_, reject) => runs.push({ signal, end: () => reject(new Error('cut off')) })),
    }).worksIn(claims)
    controller.start()
    onTestFinished(async () => {
      for (const { end } of runs) end()
      await controller.stop(1000)
    })
    await expect.poll(() => claims.has('lessons')).toBe(true)
    controller.enqueue('lessons/math')
    await expect.poll(() => runs.length).toBe(1)

    isTerminating = true
    const metadata = { namespace: 'lessons', name: claimName, uid: made[0], resourceVersion: '3' }
    watched.brings({ type: 'DELETED', object: { ...aLease(me.release, {}, '3'), metadata } })
    await expect.poll(() => runs[0]?.signal.aborted).toBe(true)
    // It sees to it itself whether what it has sent may be cut off.
    expect(runs).toHaveLength(1)
    runs[0]?.end()
    await expect.poll(() => runs.length).toBe(2)
    expect(runs[1]?.signal.aborted).toBe(false)
    expect(claims.count()).toEqual({ held: 0, other: 0, unguarded: 1 })
  })

  test('to a namespace that is not there are made once there is something to do in it', async () => {
    let isThere = false
    const { client } = server((verb) => (verb === 'create' && !isThere ? 'no such namespace' : undefined))
    const { claims } = begin(client, ['lessons'])
    await expect.poll(() => claims.count().held + claims.standsAside().claims.length).toBe(0)
    isThere = true
    await expect
      .poll(() => {
        claims.wants('lessons')
        return claims.has('lessons')
      })
      .toBe(true)
  })

  test('are watched anew each time that a question could have been missed, however long it is quiet', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const { client, watched } = server(() => undefined)
    begin(client, ['lessons'])
    await vi.advanceTimersByTimeAsync(0)
    // Until the list that comes each ten minutes.
    for (let passed = 0; passed + patienceMillis < 600_000; passed += patienceMillis) {
      const before = watched.times
      await vi.advanceTimersByTimeAsync(patienceMillis)
      expect(watched.times).toBeGreaterThan(before)
    }
  })
})
