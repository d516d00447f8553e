import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiServer } from '../../e2e/operator/api-server.ts'
import { newRecording } from '../../e2e/operator/recordings.ts'
import { resources } from '../../kube/src/index.ts'
import { median } from '../statistics.ts'
import { createAll, waitFor } from './load.ts'
import { startOperator } from './operator-process.ts'
import { Pods } from './pods.ts'
import { oneInFickle, Recorders } from './recorders.ts'
import type { Measures, Unreachable } from './results.ts'
import { isStarted, WatchedRecordings } from './watched-recordings.ts'

/** Phases of each kind. They alternate, so that what else changes with time does not count for one of them. */
const phasesEach = 4
/** How long a phase goes on before anything is measured: by then recorders that do not answer are being asked, in vain, or have answered again. */
const settleMillis = 20_000
/** What the operator asks the API server, and computes, is counted for so long while nobody wants anything. */
const idleMillis = 15_000
/** Recordings that are stopped, and that are made, in each phase. */
const each = 60

/** Whether n Recordings are served otherwise while the recorders of some cannot be reached: what is measured of phases with and without. */
export async function measureUnreachable(
  api: ApiServer,
  n: number,
  workers: number,
  say: (text: string) => void,
): Promise<Unreachable> {
  const namespace = await api.namespace()
  const recorders = new Recorders()
  await recorders.start()
  const operator = await startOperator(api, namespace, 'unreachable', workers)
  const pods = new Pods(api.client, namespace)
  const recordings = new WatchedRecordings(api.client, namespace)
  const podOf = (index: number) => `r${index}-a1`
  let [stopped, made] = [0, 0]
  const create = (count: number, atOnce?: number) =>
    createAll(count, () => api.client.create(resources.recordings, newRecording(namespace, `r${made++}`)), atOnce)
  const haveStarted = () => waitFor('all record', () => recordings.count(isStarted) === made)

  /** From each request, one after the other, to what the Pod shows of it. */
  async function timeOf(first: number, ask: () => Promise<number[]>, seen: Map<string, number>): Promise<number> {
    const asked = await ask()
    const of = (index: number) => seen.get(podOf(first + index))
    await waitFor('all are done', () => asked.every((_, index) => of(index) !== undefined))
    return median(asked.map((at, index) => of(index)! - at))
  }

  async function measurePhase(): Promise<Measures> {
    await sleep(settleMillis)
    const [cpu, requests] = [operator.process.cpuMillis, await operator.requests()]
    await sleep(idleMillis)
    const idle = {
      idleCpuMs: Math.round(operator.process.cpuMillis - cpu),
      idleRequests: (await operator.requests()).all - requests.all,
    }
    const body = { spec: { desiredState: 'Stopped' } }
    const stop = () => api.client.patch(resources.recordings, { namespace, name: `r${stopped++}` }, { type: 'merge', body })
    const stopToToldMs = await timeOf(stopped, () => createAll(each, stop, 1), pods.deleted)
    const createToPodMs = await timeOf(made, () => create(each, 1), pods.made)
    await haveStarted()
    return { ...idle, stopToToldMs: Math.round(stopToToldMs), createToPodMs: Math.round(createToPodMs) }
  }

  try {
    pods.play()
    await create(n)
    await haveStarted()
    const phases: Record<'reached' | 'unreached', Measures[]> = { reached: [], unreached: [] }
    for (let phase = 0; phase < 2 * phasesEach; phase += 1) {
      // One, the other, the other, the one: neither is always the later one.
      const kind = [0, 3].includes(phase % 4) ? 'reached' : 'unreached'
      recorders.fickleAnswer = kind === 'reached'
      const measured = await measurePhase()
      phases[kind].push(measured)
      const { stopToToldMs, createToPodMs, idleCpuMs, idleRequests } = measured
      const isAnswered = kind === 'reached' ? 'all answer' : `1 in ${oneInFickle} does not answer`
      say(
        `  ${isAnswered}: stop to told ${stopToToldMs} ms, create to Pod ${createToPodMs} ms, idle ${idleCpuMs} ms of CPU and ${idleRequests} requests`,
      )
    }
    const [reached, unreached] = [mediansOf(phases.reached), mediansOf(phases.unreached)]
    const ratios = Object.fromEntries(
      measures.map((name) => [name, Math.round((unreached[name] / reached[name]) * 100) / 100]),
    ) as unknown as Measures
    say(`  times: ${measures.map((name) => `${name} ${ratios[name]}`).join(', ')}`)
    return { n, share: 1 / oneInFickle, phasesEach, reached, unreached, ratios }
  } finally {
    await operator.process.end('SIGKILL')
    await pods.stop()
    await recordings.stop()
    recorders.stop()
  }
}

const measures = ['stopToToldMs', 'createToPodMs', 'idleCpuMs', 'idleRequests'] as const

const mediansOf = (phases: readonly Measures[]): Measures =>
  Object.fromEntries(measures.map((name) => [name, median(phases.map((phase) => phase[name]))])) as unknown as Measures
