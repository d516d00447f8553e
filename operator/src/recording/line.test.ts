import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { inOrder, type Limits, Line, type Waiting } from './line.ts'

const one = (uid: string, over: Partial<Waiting> = {}): Waiting => ({
  uid,
  name: uid,
  namespace: 'lessons',
  priority: 0,
  creationTimestamp: `2026-03-01T10:00:0${uid.length}Z`,
  ...over,
})

function aLine(limits: Partial<Limits>) {
  const called: string[] = []
  const moved: string[] = []
  const line = new Line({
    limits: { perNamespace: undefined, perCluster: undefined, ...limits },
    onCall: ({ uid }) => called.push(uid),
    onMove: ({ uid }) => moved.push(uid),
  })
  const [wait, take, leave] = [line.wait.bind(line), line.take.bind(line), line.leave.bind(line)]
  const thenCall =
    <T>(change: (one: T) => void) =>
    (one: T) => {
      change(one)
      line.call()
    }
  Object.assign(line, { wait: thenCall(wait), take: thenCall(take), leave: thenCall(leave) })
  return { line, called, moved }
}

describe('the line', () => {
  test('calls as many as there are places, and for each that leaves the next', () => {
    const { line, called } = aLine({ perNamespace: 2 })
    const all = ['a', 'b', 'c', 'd'].map((uid, index) => one(uid, { creationTimestamp: `2026-03-01T10:00:0${index}Z` }))
    for (const waiting of all) line.wait(waiting)
    expect(called).toEqual(['a', 'b'])
    for (const waiting of all.slice(0, 2)) line.take(waiting)
    expect(line.placeOf('c')).toEqual({ is: 'waits', at: 1, of: 2, within: 'namespace', limit: 2 })
    expect(line.placeOf('d')).toMatchObject({ at: 2, of: 2 })
    line.leave('a')
    expect(called).toEqual(['a', 'b', 'c'])
  })

  test('is in the order of priorities, then of creation, then of UIDs', () => {
    const { line, called } = aLine({ perCluster: 1 })
    line.take(one('first'))
    line.wait(one('z', { creationTimestamp: '2026-03-01T10:00:01Z' }))
    line.wait(one('a', { creationTimestamp: '2026-03-01T10:00:02Z' }))
    line.wait(one('b', { creationTimestamp: '2026-03-01T10:00:02Z' }))
    line.wait(one('exam', { creationTimestamp: '2026-03-01T10:00:09Z', priority: 1000 }))
    for (const uid of ['first', 'exam', 'z', 'a']) {
      line.take(one(uid))
      line.leave(uid)
    }
    expect(called).toEqual(['exam', 'z', 'a', 'b'])
  })

  test('of a namespace that has its share keeps nobody of another waiting', () => {
    const { line, called } = aLine({ perNamespace: 1, perCluster: 3 })
    for (const uid of ['a', 'b', 'c']) line.wait(one(uid))
    line.wait(one('late', { namespace: 'other', creationTimestamp: '2026-03-01T11:00:00Z' }))
    expect(called).toEqual(['a', 'late'])
  })

  test('says the place of what waits for the cluster among all that wait', () => {
    const { line } = aLine({ perCluster: 1 })
    line.take(one('first'))
    line.wait(one('a'))
    line.wait(one('bb', { namespace: 'other' }))
    expect(line.placeOf('bb')).toEqual({ is: 'waits', at: 2, of: 2, within: 'cluster', limit: 1 })
  })

  test('counts before one of another namespace no more than may begin before it', () => {
    const { line } = aLine({ perNamespace: 2, perCluster: 3 })
    for (const uid of ['x1', 'x2']) line.take(one(uid))
    line.take(one('y1', { namespace: 'other' }))
    for (let index = 0; index < 50; index += 1) line.wait(one(`x${index + 10}`))
    line.wait(one('y2', { namespace: 'other', creationTimestamp: '2026-03-01T11:00:00Z' }))
    expect(line.placeOf('y2')).toEqual({ is: 'waits', at: 1, of: 51, within: 'cluster', limit: 3 })
    line.leave('x1')
    line.call()
    line.take(one('x10'))
    line.leave('y1')
    line.call()
    expect(line.placeOf('y2')).toEqual({ is: 'free' })
  })

  test('counts nobody who is called, whether or not it has begun, and tells the first three of that at once', () => {
    const { line, moved } = aLine({ perCluster: 1 })
    const all = ['a', 'b', 'c', 'd'].map((uid, index) => one(uid, { creationTimestamp: `2026-03-01T10:00:0${index}Z` }))
    for (const waiting of all) line.wait(waiting)
    expect(line.placeOf('d')).toEqual({ is: 'waits', at: 3, of: 3, within: 'cluster', limit: 1 })
    line.take(all[0]!)
    expect(line.placeOf('d')).toMatchObject({ at: 3, of: 3 })
    expect(moved).toEqual([])
    line.leave('a')
    expect(moved).toEqual(['c', 'd'])
    expect(line.placeOf('d')).toMatchObject({ at: 2, of: 2 })
    expect(line.waiting).toBe(2)
    // It does not begin after all.
    line.leave('b')
    expect(line.placeOf('d')).toMatchObject({ at: 1, of: 1 })
  })

  test('tells the first three when they move, and nobody else', () => {
    const { line, moved } = aLine({ perNamespace: 1 })
    line.take(one('x'))
    for (let index = 0; index < 6; index += 1) line.wait(one(`w${index}`, { creationTimestamp: `2026-03-01T10:00:1${index}Z` }))
    line.leave('x')
    line.take(one('w0'))
    expect(moved).toEqual(['w1', 'w2', 'w3'])
  })

  test('calls nobody before it has heard of those that have a place', () => {
    const called: string[] = []
    const line = new Line({ limits: { perNamespace: 1, perCluster: undefined }, onCall: ({ uid }) => called.push(uid) })
    line.wait(one('a'))
    line.take(one('bb'))
    line.call()
    expect(called).toEqual([])
  })

  test('passes over one that was called and cannot begin', () => {
    const { line, called } = aLine({ perCluster: 1 })
    line.wait(one('a'))
    line.wait(one('bb'))
    line.leave('a')
    expect(called).toEqual(['a', 'bb'])
  })

  test('keeps those that had a place when limits were lowered, and calls nobody until they are fewer', () => {
    const { line, called } = aLine({ perCluster: 1 })
    for (const uid of ['a', 'bb', 'ccc']) line.take(one(uid))
    line.wait(one('dddd'))
    line.leave('a')
    line.leave('bb')
    expect(called).toEqual([])
    line.leave('ccc')
    expect(called).toEqual(['dddd'])
  })
})

const seed = Number(process.env.SEED)

/** Recordings that come, wait, are called, begin at once or later or not at all, end, and change their priority. */
const turns = fc.array(
  fc.record({
    what: fc.constantFrom('come', 'come', 'come', 'begin', 'begin', 'end', 'give up', 'change'),
    who: fc.nat(29),
    priority: fc.constantFrom(0, 0, 0, 10),
  }),
  { minLength: 1, maxLength: 150, size: 'max' },
)

test(`never more than the limits are let in, nobody overtakes, and everybody's turn comes (SEED=${seed})`, () => {
  const limit = fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined })
  fc.assert(
    fc.property(limit, limit, turns, (perNamespace, perCluster, story) => {
      const waiting = new Map<string, Waiting>()
      const called = new Map<string, Waiting>()
      const taken = new Map<string, Waiting>()
      const used = (namespace?: string) =>
        [...called.values(), ...taken.values()].filter((item) => namespace === undefined || item.namespace === namespace).length
      const line = new Line({
        limits: { perNamespace, perCluster },
        onCall(item) {
          const ahead = [...waiting.values()].filter(
            (other) => other.uid !== item.uid && inOrder(other, item) < 0 && used(other.namespace) < (perNamespace ?? 1e9),
          )
          if (ahead.length > 0) throw new Error(`${item.uid} overtakes ${ahead.map(({ uid }) => uid)}`)
          waiting.delete(item.uid)
          called.set(item.uid, item)
        },
      })
      const begin = (item: Waiting) => {
        called.delete(item.uid)
        taken.set(item.uid, item)
        line.take(item)
      }
      const end = (item: Waiting) => {
        for (const group of [waiting, called, taken]) group.delete(item.uid)
        line.leave(item.uid)
      }
      /** By UID, the place that it was told when it came, or when it was said to have another one. */
      const told = new Map<string, string>()
      const placeOf = ({ uid }: Waiting) => {
        const place = line.placeOf(uid)
        return place.is === 'waits' ? `${place.at} ${place.within}` : place.is
      }
      const check = () => {
        line.call()
        for (const item of line.takeMoved()) told.set(item.uid, placeOf(item))
        for (const item of waiting.values()) {
          if (!told.has(item.uid)) told.set(item.uid, placeOf(item))
          if (told.get(item.uid) !== placeOf(item))
            throw new Error(`${item.uid} is ${placeOf(item)}, and was told ${told.get(item.uid)}`)
        }
        if (used() > (perCluster ?? 1e9)) throw new Error('more than the cluster may have are let in')
        const isOver = ['n0', 'n1', 'n2'].some((namespace) => used(namespace) > (perNamespace ?? 1e9))
        if (isOver) throw new Error('more than a namespace may have are let in')
        for (const uid of waiting.keys()) if (line.placeOf(uid).is !== 'waits') throw new Error(`${uid} has a place unasked`)
      }
      for (const { what, who, priority } of story) {
        const uid = `u${who}`
        const item = { uid, name: uid, namespace: `n${who % 3}`, priority, creationTimestamp: `t${who % 7}` }
        const isThere = [waiting, called, taken].some((group) => group.has(uid))
        if (what === 'come' && !isThere) {
          waiting.set(uid, item)
          told.delete(uid)
          line.wait(item)
        } else if (what === 'change' && waiting.has(uid)) {
          waiting.set(uid, item)
          line.wait(item)
        } else if (what === 'begin' && called.has(uid)) begin(called.get(uid)!)
        else if (what === 'end' && taken.has(uid)) end(item)
        else if (what === 'give up' && isThere) end(item)
        check()
      }
      for (let round = 0; waiting.size + called.size > 0; round += 1) {
        if (round > 100) throw new Error('somebody waits for ever')
        for (const item of [...called.values()]) begin(item)
        for (const item of [...taken.values()].slice(0, 1)) end(item)
        check()
      }
    }),
    { seed, numRuns: 300 },
  )
})
