import type { KubeObject } from '@trtc-recorder/kube'
import { expect, test } from 'vitest'
import { Store } from '../runtime/store.ts'
import { ServerTime } from './server-time.ts'

const start = Date.parse('2026-03-01T10:00:00Z')

/** An API server whose clock is right, and a node whose clock is ahead of it by so many seconds. */
function aNode(aheadSeconds: number) {
  const clock = { passed: 0, aheadSeconds }
  const warned: unknown[] = []
  const time = new ServerTime({
    log: { warn: (line: unknown) => void warned.push(line) } as never,
    wall: () => start + (clock.passed + clock.aheadSeconds) * 1000,
    monotonic: () => clock.passed * 1000,
  })
  const store = new Store<KubeObject>()
  time.hears(store)
  let made = 0
  const make = (atSecond = clock.passed): KubeObject => {
    const creationTimestamp = new Date(start + Math.floor(atSecond) * 1000).toISOString()
    made += 1
    return {
      metadata: {
        namespace: 'lessons',
        name: `r${made}`,
        uid: `${made}`,
        resourceVersion: `${made}`,
        generation: 1,
        creationTimestamp,
      },
    }
  }
  return {
    clock,
    warned,
    seconds: () => (time.now().getTime() - start) / 1000,
    isFilled: (...items: KubeObject[]) => store.replace(items, { resourceVersion: '1' }),
    isMade: (atSecond?: number) => store.apply({ type: 'ADDED', object: make(atSecond) }),
    make,
  }
}

test.each([-86_400, -130, 130, 86_400])(
  'of a node whose clock is %i s ahead is that of the API server, as soon as something is made',
  (ahead) => {
    const node = aNode(ahead)
    node.isFilled(node.make(-3600))
    expect(node.seconds()).toBe(ahead)
    node.clock.passed = 10.9
    node.isMade()
    expect(node.seconds()).toBe(10)
    node.clock.passed = 70.9
    expect(node.seconds()).toBe(70)
    expect(node.warned).toEqual([{ aheadSeconds: expect.closeTo(ahead, -1) }])
  },
)

test.each([-4, 0, 4])('of a node whose clock is %i s ahead is its own', (ahead) => {
  const node = aNode(ahead)
  node.isFilled()
  node.isMade()
  node.clock.passed = 10.5
  expect(node.seconds()).toBe(10.5 + ahead)
  expect(node.warned).toEqual([])
})

test('goes on where the clock of the node is set meanwhile, or something is heard of late', () => {
  const node = aNode(0)
  node.isFilled()
  node.isMade()
  node.clock.passed = 600
  node.isMade(20)
  node.clock.aheadSeconds = -3600
  expect(node.seconds()).toBe(600)
})
