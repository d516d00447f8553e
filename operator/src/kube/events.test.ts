import { createKubeClient, type KubeClient } from '@trtc-recorder/kube'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { failure, json, type ScriptedApi, scriptedApi } from '../../../kube/src/testing/scripted-api.ts'
import { createLog } from '../telemetry/log.ts'
import { createEventRecorder, cutBytes } from './events.ts'

let api: ScriptedApi
let client: KubeClient
beforeEach(async () => {
  api = await scriptedApi()
  api.fallback = json({ metadata: {} })
  client = createKubeClient(api.kubeConfig)
})
afterEach(async () => {
  await client.close()
  await api.close()
})

const metadata = { name: 'math', namespace: 'lessons', uid: 'u', resourceVersion: '7', generation: 1, creationTimestamp: '' }
const regarding = { apiVersion: 'trtc-recorder.dev/v1alpha1', kind: 'Recording', metadata }
const event = (reason: string) => ({ type: 'Normal' as const, reason, action: 'Test', note: 'what happened' })

function recorder(limit = 10) {
  let lost = 0
  const lines: Record<string, unknown>[] = []
  const log = createLog('debug', { write: (line) => void lines.push(JSON.parse(line)) })
  const made = createEventRecorder({
    client,
    log,
    reportingController: 'c',
    reportingInstance: 'i',
    limit,
    onLost: () => (lost += 1),
  })
  return { made, lines, lost: () => lost }
}

describe('EventRecorder', () => {
  it('writes Events in the order in which things happened', async () => {
    const { made } = recorder()
    for (const reason of ['First', 'Second', 'Third']) made.record(regarding, event(reason))
    await made.flush()
    expect(api.requests.map(({ body }) => (body as { reason: string }).reason)).toEqual(['First', 'Second', 'Third'])
    // kubectl shows them by name.
    const names = api.requests.map(({ body }) => (body as { metadata: { name: string } }).metadata.name)
    expect([...new Set(names)].sort()).toEqual(names)
    expect(api.requests[0]?.path).toBe('/apis/events.k8s.io/v1/namespaces/lessons/events')
    expect(api.requests[0]?.body).toMatchObject({ regarding: { kind: 'Recording', name: 'math', uid: 'u' }, type: 'Normal' })
  })

  it('says when it happened by the time that it is given', async () => {
    const now = () => new Date('2026-03-01T10:00:00.007Z')
    const made = createEventRecorder({ client, log: createLog('error'), reportingController: 'c', reportingInstance: 'i', now })
    made.record(regarding, event('First'))
    await made.flush()
    expect(api.requests[0]?.body).toMatchObject({ eventTime: '2026-03-01T10:00:00.007000Z' })
  })

  it('writes about several objects at once, and about each in order', async () => {
    const release = Promise.withResolvers<void>()
    const asked: string[] = []
    const uids = [...'abcdefghi']
    let [most, now] = [0, 0]
    const slow = {
      create: async (_: unknown, { reason }: { reason: string }) => {
        asked.push(reason)
        most = Math.max(most, ++now)
        await release.promise
        now -= 1
      },
    } as unknown as KubeClient
    const log = createLog('error', { write() {} })
    const made = createEventRecorder({ client: slow, log, reportingController: 'c', reportingInstance: 'i' })
    for (const round of [1, 2]) {
      for (const uid of uids) made.record({ ...regarding, metadata: { ...metadata, uid } }, event(`${uid}${round}`))
    }
    expect(asked, 'one more than are sent at once').toEqual(uids.slice(0, -1).map((uid) => `${uid}1`))
    release.resolve()
    await made.flush()
    expect(most).toBe(8)
    expect(asked).toHaveLength(18)
    for (const uid of uids) expect(asked.indexOf(`${uid}1`)).toBeLessThan(asked.indexOf(`${uid}2`))
  })

  it('goes on after one that cannot be written, and says so once', async () => {
    api.answer(failure(403, 'Forbidden'))
    const { made, lines } = recorder()
    made.record(regarding, event('Refused'))
    made.record(regarding, event('Accepted'))
    await made.flush()
    expect(api.requests).toHaveLength(2)
    expect(lines.map(({ msg, reason }) => `${msg}: ${reason}`)).toEqual(['Event could not be written: Refused'])
  })

  it('does not warn of a namespace that goes away', async () => {
    const message =
      'events "math.1" is forbidden: unable to create new content in namespace lessons because it is being terminated'
    api.answer(json({ kind: 'Status', code: 403, reason: 'Forbidden', message }, 403))
    const { made, lines } = recorder()
    made.record(regarding, event('Deleted'))
    await made.flush()
    expect(lines.map(({ level, msg }) => `${level}: ${msg}`)).toEqual(['debug: Event could not be written'])
  })

  it('drops what is too much rather than growing without bound', async () => {
    const { made, lines, lost } = recorder(2)
    for (const reason of ['First', 'Second', 'Third']) made.record(regarding, event(reason))
    await made.flush()
    expect(api.requests).toHaveLength(2)
    expect(lines).toHaveLength(1)
    expect(lost()).toBe(1)
  })
})

describe('cutBytes', () => {
  it('leaves short text alone and never cuts a character in half', () => {
    expect(cutBytes('short', 1024)).toBe('short')
    for (let limit = 10; limit < 20; limit += 1) {
      const cut = cutBytes('直播间录制'.repeat(10), limit)
      expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(limit)
      expect(cut).not.toContain('�')
      expect(cut.endsWith('…')).toBe(true)
    }
  })
})
