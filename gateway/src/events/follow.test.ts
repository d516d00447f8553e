import { createKubeClient, type KubeClient, resources } from '@trtc-recorder/kube'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { failure, page, reset, type ScriptedApi, scriptedApi, watch } from '../../../kube/src/testing/scripted-api.ts'
import { follow, growingPause } from './follow.ts'

let api: ScriptedApi
let client: KubeClient
let stop: AbortController
let following: Promise<void> | undefined
let lines: { level: number; msg: string }[]

beforeEach(async () => {
  api = await scriptedApi()
  client = createKubeClient(api.kubeConfig)
  stop = new AbortController()
  lines = []
})
afterEach(async () => {
  stop.abort()
  await following
  await client.close()
  await api.close()
})

const policy = (name: string, resourceVersion: string) => ({
  metadata: { name, namespace: 'lessons', uid: name, resourceVersion },
})
const modified = (name: string, resourceVersion: string) => ({ type: 'MODIFIED', object: policy(name, resourceVersion) })

/** What was heard, with the failures in a row after which there was a pause. */
function start() {
  const heard: string[] = []
  const pauses: number[] = []
  following = follow(
    {
      ...{ client, resource: resources.recordingPolicies, scope: { namespace: 'lessons' } },
      isNews: ({ object }) => object.metadata.name !== 'dull',
      onNews: () => void heard.push('news'),
      log: pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) }),
      pauseMillis: (failures) => {
        pauses.push(failures)
        return 5
      },
    },
    stop.signal,
  )
  const hears = (times: number) => expect.poll(() => heard.length, { interval: 2, timeout: 5000 }).toBe(times)
  return { hears, pauses }
}

test('what changes is heard of at once, and a watch that the server ended goes on where it was', async () => {
  api.answer(
    page([], '10'),
    watch([modified('lessons', '11'), modified('dull', '12')], 'end'),
    watch([modified('lessons', '13')]),
  )
  const { hears, pauses } = start()
  await hears(3)
  expect(api.requests.map(({ query }) => query.get('resourceVersion'))).toEqual([null, '10', '12'])
  expect(pauses).toEqual([])
  expect(lines).toEqual([])
})

test('a version that is too old, or a connection that breaks, is everyday life, after which something may have been missed', async () => {
  api.answer(page([], '10'), failure(410, 'Expired'), page([], '20'), reset, page([], '30'), watch([modified('lessons', '31')]))
  const { hears, pauses } = start()
  await hears(4)
  expect(pauses).toEqual([1, 2])
  expect(lines.map(({ level }) => level)).toEqual([30, 30])
})

test('where it may not watch, it looks all the same, less and less often', async () => {
  for (let round = 0; round < 3; round += 1) api.answer(page([], '10'), failure(403, 'Forbidden'))
  const { hears, pauses } = start()
  await hears(3)
  await expect.poll(() => pauses).toEqual([1, 2, 3])
  expect(lines.map(({ level }) => level)).toEqual([40, 40, 40])
})

test('pauses grow from a second to five minutes', () => {
  const least = [1, 2, 3, 9, 50].map((failures) => Math.min(...Array.from({ length: 100 }, () => growingPause(failures))))
  for (const [index, seconds] of [1, 2, 4, 256, 300].entries()) {
    expect(least[index]! / 1000).toBeGreaterThanOrEqual(seconds)
    expect(least[index]! / 1000).toBeLessThan(seconds * 1.5)
  }
})
