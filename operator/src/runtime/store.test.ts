import { describe, expect, it, vi } from 'vitest'
import { isNewer, Store, type StoreEvent } from './store.ts'

interface StoredObject {
  metadata: Record<'namespace' | 'name' | 'uid' | 'resourceVersion', string> &
    Partial<Record<'labels' | 'annotations', Record<string, string>>>
}

function object(name: string, resourceVersion: string, more: Partial<StoredObject['metadata']> = {}): StoredObject {
  const metadata = { name, namespace: 'lessons', uid: `uid-${name}`, resourceVersion }
  return { metadata: { ...metadata, ...more } }
}

function observed(store: Store<StoredObject>) {
  const seen: string[] = []
  store.subscribe((event: StoreEvent<StoredObject>) => {
    seen.push(`${event.type} ${event.object.metadata.uid}@${event.object.metadata.resourceVersion}`)
  })
  return seen
}

describe('Store', () => {
  it('reports what a list adds, changes, leaves and takes away', () => {
    const store = new Store<StoredObject>()
    const seen = observed(store)
    store.replace([object('a', '1'), object('b', '2'), object('c', '3')], { resourceVersion: '3' })
    store.replace([object('a', '1'), object('b', '5')], { resourceVersion: '6' })
    expect(seen).toEqual([
      'added uid-a@1',
      'added uid-b@2',
      'added uid-c@3',
      'deleted uid-c@3',
      'resynced uid-a@1',
      'updated uid-b@5',
    ])
    expect(store.size).toBe(2)
  })

  it('treats delete and create under one name as two objects', () => {
    const store = new Store<StoredObject>()
    store.apply({ type: 'ADDED', object: object('a', '1', { uid: 'first' }) })
    const seen = observed(store)
    store.apply({ type: 'MODIFIED', object: object('a', '9', { uid: 'second' }) })
    expect(seen).toEqual(['added first@1', 'deleted first@1', 'added second@9'])
  })

  it('never goes back to an older version', () => {
    const store = new Store<StoredObject>()
    store.wrote(object('a', '12'))
    store.apply({ type: 'MODIFIED', object: object('a', '9') })
    store.replace([object('a', '9')], { resourceVersion: '10' })
    expect(store.get('lessons/a')?.metadata.resourceVersion).toBe('12')
  })

  it('trims what was written, and leaves the writer’s own object alone', () => {
    const store = new Store<StoredObject>({ trim: (each) => ({ ...each, metadata: { ...each.metadata, annotations: {} } }) })
    const written = object('a', '1', { annotations: { long: 'text' } })
    store.wrote(written)
    expect(store.get('lessons/a')?.metadata.annotations).toEqual({})
    expect(written.metadata.annotations).toEqual({ long: 'text' })
  })

  it('keeps what was written after a list was made', () => {
    const store = new Store<StoredObject>()
    store.wrote(object('new', '20'))
    store.replace([], { resourceVersion: '15' })
    expect(store.size).toBe(1)
    store.replace([], { resourceVersion: '21' })
    expect(store.size).toBe(0)
  })

  it('believes the list after the server went back in its history', () => {
    const store = new Store<StoredObject>()
    store.wrote(object('a', '500'))
    store.wrote(object('b', '501'))
    store.replace([object('a', '40')], { resourceVersion: '41', rewound: true })
    expect(store.list().map((each) => each.metadata.resourceVersion)).toEqual(['40'])
  })

  it('does not let the late answer of a write bring a deleted object back', () => {
    const store = new Store<StoredObject>()
    store.wrote(object('a', '1'))
    store.apply({ type: 'DELETED', object: object('a', '3') })
    store.wrote(object('a', '2'))
    expect(store.size).toBe(0)
  })

  it('does not let the deletion of a former object take its successor away', () => {
    const store = new Store<StoredObject>()
    store.wrote(object('a', '5', { uid: 'second' }))
    store.apply({ type: 'DELETED', object: object('a', '4', { uid: 'first' }) })
    expect(store.get('lessons/a')?.metadata.uid).toBe('second')
  })

  it('replaces one namespace without touching the others', () => {
    const store = new Store<StoredObject>()
    store.replace([object('a', '1')], { resourceVersion: '1', namespace: 'lessons' })
    store.replace([object('a', '2', { namespace: 'exams' })], { resourceVersion: '2', namespace: 'exams' })
    store.replace([], { resourceVersion: '3', namespace: 'lessons' })
    expect(store.list().map((each) => each.metadata.namespace)).toEqual(['exams'])
  })

  it('keeps its indexes right through changes and deletions', () => {
    const store = new Store({ indexers: { node: (each: StoredObject) => each.metadata.labels?.node?.split(',') ?? [] } })
    store.apply({ type: 'ADDED', object: object('a', '1', { labels: { node: 'n1,n2' } }) })
    store.apply({ type: 'ADDED', object: object('b', '2', { labels: { node: 'n1' } }) })
    const names = (node: string) => store.byIndex('node', node).map((each) => each.metadata.name)
    expect([names('n1'), names('n2'), names('n3')]).toEqual([['a', 'b'], ['a'], []])
    store.apply({ type: 'MODIFIED', object: object('a', '3', { labels: { node: 'n3' } }) })
    store.apply({ type: 'DELETED', object: object('b', '4') })
    expect([names('n1'), names('n2'), names('n3')]).toEqual([[], [], ['a']])
  })

  it('tells a late subscriber of what is there, and none after it left', () => {
    const store = new Store<StoredObject>()
    store.wrote(object('a', '1'))
    const handler = vi.fn()
    const unsubscribe = store.subscribe(handler)
    expect(handler).toHaveBeenCalledWith({ type: 'added', object: object('a', '1') })
    unsubscribe()
    store.wrote(object('b', '2'))
    expect(handler).toHaveBeenCalledOnce()
  })

  it('reports a handler that throws and goes on with the next one', () => {
    const onHandlerError = vi.fn()
    const store = new Store({ onHandlerError })
    store.subscribe(() => {
      throw new Error('a defect')
    })
    const seen = observed(store)
    store.wrote(object('a', '1'))
    expect(seen).toEqual(['added uid-a@1'])
    expect(onHandlerError).toHaveBeenCalledOnce()
  })
})

describe('isNewer', () => {
  it.each([
    ['10', '9', true],
    ['9', '10', false],
    ['18446744073709551616', '18446744073709551615', true],
    ['7', '7', false],
    ['opaque', '7', true],
  ])('%s after %s: %s', (a, b, newer) => expect(isNewer(a, b)).toBe(newer))
})

it('says which namespaces have been read, and when', () => {
  const store = new Store<StoredObject>()
  const read: (string | undefined)[] = []
  store.onSynced((namespace) => read.push(namespace))
  store.apply({ type: 'ADDED', object: object('a', '1') })
  expect(store.hasSynced('lessons')).toBe(false)
  store.replace([], { resourceVersion: '2', namespace: 'lessons' })
  store.replace([], { resourceVersion: '3', namespace: 'lessons' })
  expect([store.hasSynced('lessons'), store.hasSynced('music')]).toEqual([true, false])
  store.replace([], { resourceVersion: '4' })
  expect(store.hasSynced('music')).toBe(true)
  expect(read).toEqual(['lessons', undefined])
})
