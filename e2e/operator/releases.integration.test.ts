import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type Lease, resources } from '../../kube/src/index.ts'
import { type ApiServer, startApiServer } from './api-server.ts'
import { messages, type Operator, runOperator, says } from './operator-process.ts'
import { newRecording } from './recordings.ts'

let api: ApiServer
beforeAll(async () => {
  api = await startApiServer()
})
afterAll(() => api?.stop())

const ready = { timeout: 30_000 }

/** A release: a namespace of its own with its leader's Lease, and what it serves. */
async function install(name: string, serves: readonly string[], identity = name): Promise<Operator & { release: string }> {
  const own = await ownNamespace(name)
  const operator = await runOperator(api, own, identity, {
    TRTC_RECORDER_WATCH_NAMESPACES: serves.join(','),
    TRTC_RECORDER_LEASE_NAME: name,
    TRTC_RECORDER_CLAIM_PATIENCE_SECONDS: '3',
  })
  onTestFinished(() => end(operator, 'SIGKILL'))
  return { ...operator, release: `${own}/${name}` }
}

const namespaces = new Map<string, Promise<string>>()
function ownNamespace(name: string): Promise<string> {
  const made = namespaces.get(name) ?? api.namespace()
  namespaces.set(name, made)
  return made
}

async function end({ child, exit }: Operator, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal)
  await exit
}

/** What comes in, by the key of its delivery. */
async function receiver(): Promise<{ url: string; received: string[] }> {
  const received: string[] = []
  const sink = createServer((request, response) => {
    received.push(request.headers['idempotency-key'] as string)
    request.resume().on('end', () => response.end())
  })
  await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void sink.close())
  return { url: `http://127.0.0.1:${(sink.address() as AddressInfo).port}/`, received }
}

/** A Recording that was to be stopped before it began: it is over without a recorder, and its callback is due. Gives the callback's key. */
async function neverStarted(namespace: string, name: string, url: string): Promise<string> {
  const spec = { desiredState: 'Stopped', callback: { url } }
  const { metadata } = await api.client.create(resources.recordings, newRecording(namespace, name, spec))
  return `${metadata.uid}/result`
}

const claim = (namespace: string): Promise<Lease> => api.client.get(resources.leases, { namespace, name: 'trtc-recorder.dev' })
const holder = async (namespace: string) => (await claim(namespace).catch(() => undefined))?.spec?.holderIdentity
const podsIn = async (namespace: string) =>
  (await api.client.list(resources.pods, { namespace })).items.map(({ metadata }) => metadata.name).toSorted()
const claimsOf = async (operator: Operator) => {
  const metrics = await operator.probe('/metrics', 'metrics')
  return [...metrics.matchAll(/trtc_recorder_claims\{state="(\w+)"\} (\d+)/g)].map(([, state, count]) => `${state} ${count}`)
}
const eventsAbout = async (namespace: string) => {
  const { items } = await api.client.list(resources.events, { namespace })
  return (items as unknown as { reason: string; note: string }[]).map(({ reason, note }) => `${reason}: ${note}`)
}

test('of two releases that serve all namespaces the second says so and does nothing, until the first is gone', async () => {
  const lessons = await api.namespace()
  const { url, received } = await receiver()
  const first = await install('first', [])
  await says(first, 'Became the leader')
  const told = await neverStarted(lessons, 'told', url)
  await expect.poll(() => received, ready).toEqual([told])
  expect(await holder(lessons)).toBe(first.release)

  const second = await install('second', [])
  await says(second, 'Cluster is served by another release, and left alone')
  await expect
    .poll(() => second.probe('/readyz'), ready)
    .toBe(`503 claims: release ${first.release} holds kube-system/all.trtc-recorder.dev\n`)
  expect(await claimsOf(second)).toEqual(['held 0', 'other 1', 'unguarded 0'])
  await expect
    .poll(() => eventsAbout('kube-system'), ready)
    .toContainEqual(expect.stringContaining(`ServedByAnotherRelease: This cluster is served by release ${first.release}`))

  // Each is done once, whoever else would.
  const more = await neverStarted(lessons, 'more', url)
  await api.client.create(resources.recordings, newRecording(lessons, 'math'))
  await expect.poll(() => received.at(1), ready).toBe(more)
  await expect.poll(() => podsIn(lessons), ready).toEqual(['math-a1'])
  const isAnswered = async () => {
    const { metadata } = await api.client.get(resources.leases, { namespace: 'kube-system', name: 'all.trtc-recorder.dev' })
    return metadata.annotations?.['trtc-recorder.dev/asked-by'] ?? 'answered'
  }
  await expect.poll(isAnswered, ready).toBe('answered')
  expect(messages(second)).not.toContain('Callback delivered')

  // Another process of the same release is the same release.
  await end(first, 'SIGTERM')
  const upgraded = await install('first', [], 'first-upgraded')
  await says(upgraded, 'Became the leader')
  await api.client.create(resources.recordings, newRecording(lessons, 'art'))
  await expect.poll(() => podsIn(lessons), ready).toEqual(['art-a1', 'math-a1'])
  expect(messages(upgraded)).not.toContain('Cluster is served by another release, and left alone')

  await end(upgraded, 'SIGKILL')
  await api.client.create(resources.recordings, newRecording(lessons, 'music'))
  await expect.poll(() => podsIn(lessons), { timeout: 40_000 }).toEqual(['art-a1', 'math-a1', 'music-a1'])
  expect(await holder(lessons)).toBe(second.release)
  await expect.poll(() => second.probe('/readyz'), ready).toBe('200 ok\n')
  expect(received).toHaveLength(2)
  await end(second, 'SIGTERM')
})

test('releases whose namespaces overlap keep to what each had first, and hand over when a person says so', async () => {
  const [lessons, exams] = [await api.namespace(), await api.namespace()]
  const { url, received } = await receiver()
  const everywhere = await install('everywhere', [])
  await says(everywhere, 'Became the leader')
  await api.client.create(resources.recordings, newRecording(lessons, 'algebra'))
  await expect.poll(() => podsIn(lessons), { timeout: 40_000 }).toEqual(['algebra-a1'])

  const some = await install('some', [lessons, exams])
  await says(some, 'Namespace is served by another release, and left alone')
  await expect.poll(() => holder(exams), ready).toBe(some.release)
  expect(await some.probe('/readyz')).toBe('200 ok\n')
  await expect.poll(() => claimsOf(some), ready).toEqual(['held 1', 'other 1', 'unguarded 0'])
  const exam = await neverStarted(exams, 'exam', url)
  await expect.poll(() => received, ready).toEqual([exam])
  await says(some, 'Callback delivered')
  expect(messages(everywhere)).not.toContain('Callback delivered')
  await says(everywhere, 'Namespace is served by another release, and left alone')

  await api.client.patch(
    resources.leases,
    { namespace: lessons, name: 'trtc-recorder.dev' },
    { type: 'merge', body: { spec: { holderIdentity: some.release } } },
  )
  await expect.poll(() => claimsOf(some), ready).toEqual(['held 2', 'other 0', 'unguarded 0'])
  const lesson = await neverStarted(lessons, 'lesson', url)
  await expect.poll(() => received.at(1), ready).toBe(lesson)
  await expect.poll(() => messages(some).filter((message) => message === 'Callback delivered').length, ready).toBe(2)
  expect(messages(everywhere)).not.toContain('Callback delivered')
  expect(await podsIn(lessons)).toEqual(['algebra-a1'])
})
