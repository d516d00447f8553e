import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createKubeClient } from '@trtc-recorder/kube'
import { expect, test } from 'vitest'
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
  return {
    clock,
    warned,
    seconds: () => (time.now().getTime() - start) / 1000,
    isAnswered: (answer: { date?: string; seconds?: number; code?: string } = {}) =>
      time.hears({ date: new Date(start + clock.passed * 1000).toUTCString(), seconds: 0.01, code: '200', ...answer }),
  }
}

test.each([-86_400, -130, 130, 86_400])('of a node whose clock is %i s ahead is that of the API server', (ahead) => {
  const node = aNode(ahead)
  expect(node.seconds()).toBe(ahead)
  node.clock.passed = 10.9
  node.isAnswered()
  expect(node.seconds()).toBe(10)
  node.clock.passed = 70.9
  expect(node.seconds()).toBe(70)
  expect(node.warned).toEqual([{ aheadSeconds: expect.closeTo(ahead, -1) }])
})

test.each([-4, 0, 4])('of a node whose clock is %i s ahead is its own', (ahead) => {
  const node = aNode(ahead)
  node.isAnswered()
  node.clock.passed = 10.5
  expect(node.seconds()).toBe(10.5 + ahead)
  expect(node.warned).toEqual([])
})

test('goes on where the clock of the node is set meanwhile', () => {
  const node = aNode(0)
  node.isAnswered()
  node.clock.passed = 600
  node.clock.aheadSeconds = -3600
  expect(node.seconds()).toBe(600)
})

test('does not go back by what an answer does not say of its second, nor by how long it took', () => {
  const node = aNode(130)
  let before = Number.NEGATIVE_INFINITY
  for (let tenth = 0; tenth < 600; tenth += 1) {
    node.clock.passed = tenth / 10
    if (tenth % 3 === 0) node.isAnswered({ date: new Date(start + (node.clock.passed - 1.5) * 1000).toUTCString(), seconds: 1.6 })
    if (tenth % 7 === 0) node.isAnswered()
    expect(node.seconds()).toBeGreaterThanOrEqual(before)
    before = node.seconds()
  }
  expect(before).toBeCloseTo(node.clock.passed, 0)
})

test('goes back where the clock of the API server is set back', () => {
  const node = aNode(130)
  node.isAnswered()
  node.clock.passed = 10
  node.isAnswered({ date: new Date(start - 3_600_000).toUTCString() })
  expect(node.seconds()).toBeCloseTo(-3599, 1)
})

test.each([
  ['took longer than it could be right by', { seconds: 2.1 }],
  ['says no time', { date: undefined }],
  ['says no time that can be read', { date: 'soon' }],
  ['is of somebody between', { code: '503' }],
])('is not taken from an answer that %s', (_, answer) => {
  const node = aNode(0)
  node.isAnswered({ date: new Date(start + 3_600_000).toUTCString(), ...(answer as object) })
  expect(node.seconds()).toBe(0)
})

test('is told by each answer of a server', async () => {
  const server = createServer((_, response) => {
    response.setHeader('date', new Date(start).toUTCString()).end('ok')
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const time = new ServerTime({ log: { warn: () => {} } as never })
  const access = {
    server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials: async () => ({ headers: {}, tls: {}, dispatcher: async () => undefined }),
  }
  const client = createKubeClient(access, { observer: time.hears })
  try {
    await client.text('GET', '/readyz')
    expect(time.now().getTime()).toBeGreaterThanOrEqual(start)
    expect(time.now().getTime()).toBeLessThan(start + 60_000)
  } finally {
    await client.close()
    server.close()
  }
})
