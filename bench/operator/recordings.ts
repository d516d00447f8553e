import { fileURLToPath } from 'node:url'
import type { Recording } from '@trtc-recorder/api'
import type { ApiServer } from '../../e2e/operator/api-server.ts'
import { newRecording } from '../../e2e/operator/recordings.ts'
import { resources } from '../../kube/src/index.ts'
import { listWatch } from '../../operator/src/kube/list-watch.ts'
import { Reflector } from '../../operator/src/runtime/reflector.ts'
import { Store } from '../../operator/src/runtime/store.ts'
import { createLog } from '../../operator/src/telemetry/log.ts'
import { quantiles } from '../statistics.ts'
import { createAll, waitFor } from './load.ts'
import { freePort, MeasuredProcess } from './measured-process.ts'
import { Pods } from './pods.ts'

const main = fileURLToPath(new URL('../../operator/src/main.ts', import.meta.url))

export interface Operator {
  process: MeasuredProcess
  /** Requests to the API server so far, by method. */
  requests(): Promise<Record<string, number>>
  metric(name: string): Promise<number>
}

export async function startOperator(api: ApiServer, namespace: string, identity: string, workers: number): Promise<Operator> {
  const [health, metrics] = [await freePort(), await freePort()]
  const profile = process.env.PROFILE === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${process.env.PROFILE}`]
  const started = new MeasuredProcess(process.execPath, [...profile, main], {
    PATH: process.env.PATH,
    ...(await api.asInPod()),
    // As the chart says it, and what V8 takes for its limit in a container of 512 MB.
    NODE_OPTIONS: '--max-semi-space-size=4 --max-old-space-size=256',
    TRTC_RECORDER_RECORDER_IMAGE: 'recorder:bench',
    TRTC_RECORDER_LEASE_NAMESPACE: namespace,
    TRTC_RECORDER_IDENTITY: identity,
    TRTC_RECORDER_HEALTH_PORT: String(health),
    TRTC_RECORDER_METRICS_PORT: String(metrics),
    TRTC_RECORDER_WORKERS: String(workers),
    TRTC_RECORDER_LOG_LEVEL: process.env.OPERATOR_LOG ?? 'warn',
  })
  const text = async () => (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text()
  await waitFor('the operator is ready', () =>
    fetch(`http://127.0.0.1:${health}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    ),
  )
  return {
    process: started,
    async requests() {
      const lines = (await text()).matchAll(/^rest_client_requests_total\{.*method="(\w+)".*\} (\d+)$/gm)
      const sums: Record<string, number> = {}
      for (const [, method = '', count] of lines) sums[method] = (sums[method] ?? 0) + Number(count)
      return sums
    },
    async metric(name) {
      const found = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(await text())
      return Number(found?.[1] ?? Number.NaN)
    },
  }
}

const sum = (requests: Record<string, number>) => Object.values(requests).reduce((total, count) => total + count, 0)
const writes = ({ GET = 0, ...rest }: Record<string, number>) => sum(rest)

/** The life of n Recordings: made at once, in the room, some stopped while the rest records, then all of them. */
export async function measureRecordings(api: ApiServer, n: number, workers: number, say: (text: string) => void) {
  const namespace = await api.namespace()
  const operator = await startOperator(api, namespace, 'first', workers)
  const pods = new Pods(api.client, namespace)
  const recordings = new Store<Recording>()
  const stop = new AbortController()
  const source = listWatch(api.client, resources.recordings, { namespace })
  const watching = new Reflector({ name: 'recordings', source, store: recordings, namespace, log: createLog('error') }).run(
    stop.signal,
  )
  const count = (matches: (recording: Recording) => boolean) => [...recordings.values()].filter(matches).length
  const isStarted = ({ status }: Recording) => status?.startTime !== undefined
  const isOver = ({ status, metadata }: Recording) => status?.completionTime !== undefined && !metadata.finalizers?.length
  try {
    await api.client.create(resources.recordings, newRecording(namespace, 'warm'))
    await waitFor('the operator works', () => pods.size === 1)

    // Made.
    const cpuBefore = operator.process.cpuMillis
    const requestsBefore = await operator.requests()
    const created = await createAll(n, (index) =>
      api.client.create(resources.recordings, newRecording(namespace, `r${index}`, { callback: undefined })),
    )
    await waitFor('every Recording has its Pod', () => pods.size === n + 1)
    const byRecording = new Map([...pods.made].map(([pod, at]) => [pod.replace(/-a\d+$/, ''), at]))
    const createToPodMs = quantiles(created.map((at, index) => byRecording.get(`r${index}`)! - at))
    const made = { cpu: operator.process.cpuMillis - cpuBefore, memoryMB: operator.process.memoryMB }
    const createToPodRequests = await operator.requests()
    say(`  made: p50 ${createToPodMs.p50} ms, p99 ${createToPodMs.p99} ms, ${(made.cpu / n).toFixed(2)} ms of CPU each`)

    // Recording.
    pods.play()
    await waitFor('all record', () => count(isStarted) === n + 1)
    const live = operator.process.memoryMB
    say(`  all record: ${Math.round(live.now)} MB now, ${Math.round(live.most)} MB at most`)

    // Some stop while the others record.
    const stopped = Math.min(500, Math.floor(n / 4))
    const asked: number[] = []
    for (let index = 0; index < stopped; index += 1) {
      asked[index] = performance.now()
      await api.client.patch(
        resources.recordings,
        { namespace, name: `r${index}` },
        { type: 'merge', body: { spec: { desiredState: 'Stopped' } } },
      )
    }
    const podOf = new Map([...pods.made.keys()].map((pod) => [pod.replace(/-a\d+$/, ''), pod]))
    await waitFor('the stopped ones are to end', () => asked.every((_, index) => pods.deleted.has(podOf.get(`r${index}`)!)))
    const stopToDeletedMs = quantiles(asked.map((at, index) => pods.deleted.get(podOf.get(`r${index}`)!)! - at))
    say(`  stop request to Pod deleted, of ${stopped}: p50 ${stopToDeletedMs.p50} ms, p99 ${stopToDeletedMs.p99} ms`)

    // All stop.
    const began = performance.now()
    await createAll(n - stopped, (index) =>
      api.client.patch(
        resources.recordings,
        { namespace, name: `r${index + stopped}` },
        { type: 'merge', body: { spec: { desiredState: 'Stopped' } } },
      ),
    )
    await waitFor('all are over', () => count(isOver) === n)
    const requests = await operator.requests()
    const lifeCpu = operator.process.cpuMillis - cpuBefore
    const life = { requests: sum(requests) - sum(requestsBefore), writes: writes(requests) - writes(requestsBefore) }
    say(`  all over after ${Math.round((performance.now() - began) / 1000)} s: ${life.writes / n} writes each`)

    // The second replica takes over.
    const second = await startOperator(api, namespace, 'second', workers)
    await operator.process.end('SIGKILL')
    const killed = performance.now()
    await api.client.create(resources.recordings, newRecording(namespace, 'after'))
    await waitFor('the second operator works', () => [...pods.made.keys()].some((pod) => pod.startsWith('after-')))
    const takeOverSeconds = rounded((performance.now() - killed) / 1000)
    await second.process.end()

    return {
      takeOverSeconds,
      run: {
        createToPodMs,
        cpuMsEach: rounded(made.cpu / n),
        createToPodRequestsEach: rounded((sum(createToPodRequests) - sum(requestsBefore)) / n),
        lifeCpuMsEach: rounded(lifeCpu / n),
        requestsEach: rounded(life.requests / n),
        writesEach: rounded(life.writes / n),
        memoryMB: Math.round(live.now),
        mostMemoryMB: Math.round(live.most),
        stopToDeletedMs,
      },
    }
  } finally {
    stop.abort()
    await operator.process.end('SIGKILL')
    await pods.stop()
    await watching
  }
}

const rounded = (value: number) => Math.round(value * 100) / 100
