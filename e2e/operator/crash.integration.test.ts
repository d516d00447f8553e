import { setTimeout as sleep } from 'node:timers/promises'
import type { Recording } from '@trtc-recorder/api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isNotFound, type KubeClient, type KubeObject, type New, type Resource, resources } from '../../kube/src/index.ts'
import { aFile, aRecording, aResult } from '../../operator/src/recording/testing.ts'
import { type ApiServer, startApiServer, until } from './api-server.ts'
import { startSink } from './scripted-sink.ts'
import { ToyKubelet } from './toy-kubelet.ts'
import { clientThatDies, clientThatFails, type RunningOperator, runOperator } from './toy-operator.ts'

/**
 * Whole lives of Recordings on a real API server, with operators of which none outlives a write, or with every other write answered wrongly.
 * Each single write and each way in which it can go wrong: operator/src/lives.test.ts.
 */
let api: ApiServer
beforeAll(async () => {
  api = await startApiServer()
})
afterAll(() => api?.stop())

interface Scene {
  namespace: string
  kubelet: ToyKubelet
  isInRoom(pod: string): Promise<void>
}

const startedAt = new Date().toISOString()
const ends = (stopReason: 'RemovedByApi' | 'RoomLost' | 'Terminated', attempt: number) =>
  aResult({
    attempt,
    stopReason,
    outcome: stopReason === 'RoomLost' ? 'Interrupted' : 'Completed',
    startedAt,
    // What an earlier attempt had to say may have been lost with its Pod, so a recorder says again all that is on the volume.
    files: Array.from({ length: attempt }, (_, index) => aFile('alice', { attempt: index + 1, path: `file-${index + 1}` })),
  })

const lives: Record<string, { files: string[]; live(scene: Scene): Promise<unknown> }> = {
  recorded: {
    files: ['file-1'],
    live: async ({ kubelet, isInRoom }) => {
      await isInRoom('math-a1')
      kubelet.onRunning = () => ends('RemovedByApi', 1)
    },
  },
  stopped: {
    files: ['file-1'],
    live: async ({ namespace, isInRoom }) => {
      await isInRoom('math-a1')
      const body = { spec: { desiredState: 'Stopped' } }
      await api.client.patch(resources.recordings, { namespace, name: 'math' }, { type: 'merge', body })
    },
  },
  deleted: {
    files: ['file-1'],
    live: async ({ namespace, isInRoom }) => {
      await isInRoom('math-a1')
      await api.client.delete(resources.recordings, { namespace, name: 'math' })
    },
  },
  retried: {
    files: ['file-1', 'file-2'],
    live: async ({ kubelet, isInRoom }) => {
      kubelet.onRunning = ({ metadata }) => (metadata.name === 'math-a1' ? ends('RoomLost', 1) : undefined)
      await isInRoom('math-a2')
      kubelet.onRunning = () => ends('RemovedByApi', 2)
    },
  },
  drained: {
    files: ['file-1', 'file-2'],
    live: async ({ namespace, kubelet, isInRoom }) => {
      await isInRoom('math-a1')
      await api.client.delete(resources.pods, { namespace, name: 'math-a1' })
      await isInRoom('math-a2')
      kubelet.onRunning = () => ends('RemovedByApi', 2)
    },
  },
}

type MakeClient = () => { client: KubeClient; death: Promise<void> }
const untilTheEnd = new Promise<void>(() => {})
const ways: Record<string, MakeClient> = {
  'whose operators die after each write': () => clientThatDies(api.client, 1, 'after'),
  'whose operators die before every other write': () => clientThatDies(api.client, 2, 'before'),
  'whose every other write is answered wrongly': () => ({ client: clientThatFails(api.client), death: untilTheEnd }),
}

describe.concurrent.each(Object.keys(lives))('a Recording that is %s', (life) => {
  test.concurrent.each(Object.keys(ways))('and %s comes to its end, and its result to whoever wants it', async (way) => {
    const { files, live } = lives[life]!
    const namespace = await api.namespace()
    const sink = await startSink()
    const kubelet = new ToyKubelet(api.client, namespace, (pod) => ends('Terminated', Number(pod.metadata.name.slice(-1))))
    const operators = keepAnOperator(namespace, ways[way]!)
    try {
      const { apiVersion, kind, spec } = aRecording({ callback: { url: sink.url, format: 'Result' } })
      const applied = { apiVersion, kind, metadata: { namespace, name: 'math' }, spec } as New<Recording>
      await api.client.create(resources.recordings, applied)
      const isInRoom = (pod: string) => until(`${pod} is in the room`, () => isReady(namespace, pod), 40_000)
      await live({ namespace, kubelet, isInRoom })
      if (life !== 'deleted') {
        await until('it is over, and told', async () => (await read(namespace))?.status?.callback?.state === 'Delivered')
        const { status } = (await read(namespace))!
        expect(status?.conditions).toContainEqual(
          expect.objectContaining({ type: 'Succeeded', status: 'True', reason: 'Completed' }),
        )
        expect(status?.files?.map(({ path }) => path)).toEqual(files)
        expect(status?.attempts?.map(({ reason, exitCode }) => [reason, exitCode]).at(-1)).toEqual(['Completed', 0])
        await api.client.delete(resources.recordings, { namespace, name: 'math' })
      }
      await until('nothing is left', async () => (await everythingIn(namespace)).length === 0, 40_000)
    } finally {
      await operators.stop()
      await kubelet.stop()
      await sink.stop()
    }
    expect(kubelet.mostAtOnce).toBe(1)
    const told = sink.received.map(({ headers, body }) => `${headers['idempotency-key']} ${body}`)
    expect(new Set(told).size).toBe(1)
    expect(JSON.parse(sink.received[0]!.body).Files).toHaveLength(files.length)
    // One that dies between the receiver's answer and its own note cannot know that it was told; the key says so to the receiver.
    if (way === 'whose every other write is answered wrongly') expect(told).toHaveLength(1)
  })
})

/** When one has died the next one starts, as a Deployment would have it. */
function keepAnOperator(namespace: string, makeClient: MakeClient): { stop(): Promise<void> } {
  const end = Promise.withResolvers<void>()
  let isOver = false
  // A killed process drains nothing; what it still hears it does nothing about, so all are taken down together.
  const operators: RunningOperator[] = []
  const running = (async () => {
    while (!isOver) {
      const { client, death } = makeClient()
      const operator = await runOperator(client, namespace)
      operators.push(operator)
      await Promise.race([death, end.promise])
      await sleep(20)
    }
  })()
  return {
    async stop() {
      isOver = true
      end.resolve()
      await running
      await Promise.all(operators.map((operator) => operator.stop()))
    },
  }
}

const read = (namespace: string) =>
  api.client.get(resources.recordings, { namespace, name: 'math' }).catch((error) => {
    if (isNotFound(error)) return undefined
    throw error
  })

async function isReady(namespace: string, name: string): Promise<boolean> {
  const { items } = await api.client.list(resources.pods, { namespace })
  const status = (await read(namespace))?.status
  const isKnown = status?.attempts?.some(({ pod, startTime }) => pod === name && startTime !== undefined) ?? false
  return isKnown && items.some((pod) => pod.metadata.name === name && pod.status?.containerStatuses?.[0]?.ready === true)
}

async function everythingIn(namespace: string): Promise<KubeObject[]> {
  const kinds = [resources.recordings, resources.pods, resources.persistentVolumeClaims] as Resource[]
  return (await Promise.all(kinds.map(async (kind) => (await api.client.list(kind, { namespace })).items))).flat()
}
