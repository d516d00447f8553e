import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiServer } from '../../e2e/operator/api-server.ts'
import { newRecording } from '../../e2e/operator/recordings.ts'
import { resources } from '../../kube/src/index.ts'
import { quantiles } from '../statistics.ts'
import { createAll, waitFor } from './load.ts'
import { cpuMillisOf } from './measured-process.ts'
import { startOperator } from './operator-process.ts'
import { Pods } from './pods.ts'
import { oneInFickle, Recorders } from './recorders.ts'
import type { OperatorRun, Quantiles } from './results.ts'
import { isOver, isStarted, WatchedRecordings } from './watched-recordings.ts'

const podsAndVolumesEach = 2
/** How long some recorders have not answered when the next are stopped: by then they are being asked, in vain. */
const silentMillis = 20_000

/** The life of n Recordings: made at once, in the room, some stopped while the rest records, then all of them. */
export async function measureRecordings(
  api: ApiServer,
  n: number,
  workers: number,
  say: (text: string) => void,
): Promise<{ run: Omit<OperatorRun, 'jobs'>; takeOverSeconds: number }> {
  const namespace = await api.namespace()
  const recorders = new Recorders()
  await recorders.start()
  const operator = await startOperator(api, namespace, 'first', workers)
  const pods = new Pods(api.client, namespace)
  const recordings = new WatchedRecordings(api.client, namespace)
  const podOf = (recording: string) => `${recording}-a1`
  const stop = (index: number) =>
    api.client.patch(
      resources.recordings,
      { namespace, name: `r${index}` },
      { type: 'merge', body: { spec: { desiredState: 'Stopped' } } },
    )

  /** Stops some, one after the other, and says how long each took to be told to its recorder. */
  async function stopSome(from: number, count: number): Promise<Quantiles> {
    const asked = await createAll(count, (index) => stop(from + index), 1)
    const told = (index: number) => pods.deleted.get(podOf(`r${from + index}`))
    await waitFor('the stopped ones are to end', () => asked.every((_, index) => told(index) !== undefined))
    return quantiles(asked.map((at, index) => told(index)! - at))
  }

  try {
    await api.client.create(resources.recordings, newRecording(namespace, 'warm'))
    await waitFor('the operator works', () => pods.size === 1)

    // Made.
    const [cpuBefore, serverBefore] = [operator.process.cpuMillis, cpuMillisOf(api.pids())]
    const before = await operator.requests()
    const created = await createAll(n, (index) => api.client.create(resources.recordings, newRecording(namespace, `r${index}`)))
    await waitFor('every Recording has its Pod', () => pods.size === n + 1)
    const createToPodMs = quantiles(created.map((at, index) => pods.made.get(podOf(`r${index}`))! - at))
    const cpuMsEach = (operator.process.cpuMillis - cpuBefore) / n
    const serverCpuMsEach = (cpuMillisOf(api.pids()) - serverBefore) / n
    const made = await operator.requests()
    say(`  made: p50 ${createToPodMs.p50} ms, p99 ${createToPodMs.p99} ms, ${cpuMsEach.toFixed(2)} ms of CPU each`)

    // Recording.
    pods.play()
    await waitFor('all record', () => recordings.count(isStarted) === n + 1)
    const live = operator.process.memoryMB
    say(`  all record: ${Math.round(live.now)} MB now, ${Math.round(live.most)} MB at most`)

    // Some stop while the others record; then some more, while of the others one in so many does not answer.
    const some = Math.min(250, Math.floor(n / 8))
    const stopToDeletedMs = await stopSome(0, some)
    say(`  stop request to Pod told, of ${some}: p50 ${stopToDeletedMs.p50} ms, p99 ${stopToDeletedMs.p99} ms`)
    recorders.fickleAnswer = false
    await sleep(silentMillis)
    const unreachable = { share: 1 / oneInFickle, stopToDeletedMs: await stopSome(some, some) }
    const { p50, p99 } = unreachable.stopToDeletedMs
    say(`  the same while 1 in ${oneInFickle} does not answer: p50 ${p50} ms, p99 ${p99} ms`)

    // All stop.
    const began = performance.now()
    await createAll(n - 2 * some, (index) => stop(2 * some + index))
    await waitFor('all are over', () => recordings.count(isOver) === n)
    const after = await operator.requests()
    const lifeCpuMsEach = (operator.process.cpuMillis - cpuBefore) / n
    const { progressWrites } = recordings
    const writes = after.writes - before.writes - progressWrites
    say(`  all over after ${Math.round((performance.now() - began) / 1000)} s: ${(writes / n).toFixed(2)} writes each`)

    // The second replica takes over.
    const second = await startOperator(api, namespace, 'second', workers)
    const killed = performance.now()
    await operator.process.end(process.env.PROFILE === undefined ? 'SIGKILL' : 'SIGTERM')
    await api.client.create(resources.recordings, newRecording(namespace, 'after'))
    await waitFor('the second operator works', () => pods.made.has(podOf('after')))
    const takeOverSeconds = rounded((performance.now() - killed) / 1000)
    await second.process.end('SIGKILL')

    return {
      takeOverSeconds,
      run: {
        n,
        createToPodMs,
        cpuMsEach: rounded(cpuMsEach),
        serverCpuMsEach: rounded(serverCpuMsEach),
        createToPodRequestsEach: rounded((made.all - before.all) / n),
        lifeCpuMsEach: rounded(lifeCpuMsEach),
        requestsEach: rounded((after.all - before.all) / n),
        writesEach: rounded(writes / n),
        progressWritesEach: rounded(progressWrites / n),
        ofThem: {
          beforeStarted: rounded(recordings.writesBeforeStarted / n),
          events: rounded((after.made - before.made) / n - podsAndVolumesEach),
        },
        memoryMB: Math.round(live.now),
        mostMemoryMB: Math.round(live.most),
        stopToDeletedMs,
        unreachable,
      },
    }
  } finally {
    await operator.process.end('SIGKILL')
    await pods.stop()
    await recordings.stop()
    recorders.stop()
  }
}

const rounded = (value: number) => Math.round(value * 100) / 100
