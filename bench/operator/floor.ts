import { fileURLToPath } from 'node:url'
import type { ApiServer } from '../../e2e/operator/api-server.ts'
import { newRecording } from '../../e2e/operator/recordings.ts'
import { resources } from '../../kube/src/index.ts'
import { quantiles } from '../statistics.ts'
import { createAll, waitFor } from './load.ts'
import { cpuMillisOf, MeasuredProcess } from './measured-process.ts'
import { operatorEnvironment } from './operator-process.ts'
import { Pods } from './pods.ts'
import type { Floor } from './results.ts'

const bareClient = fileURLToPath(new URL('bare-client.ts', import.meta.url))

/** As many Recordings whose Pods a client makes that decides nothing: what the writes before a Pod take by themselves. */
export async function measureFloor(api: ApiServer, n: number, workers: number): Promise<Floor> {
  const namespace = await api.namespace()
  const client = new MeasuredProcess(process.execPath, [bareClient], await operatorEnvironment(api, namespace, 'bare', workers))
  const pods = new Pods(api.client, namespace)
  const create = (name: string) => api.client.create(resources.recordings, newRecording(namespace, name))
  try {
    await create('warm')
    await waitFor('the bare client works', () => pods.size === 1)
    const [before, serverBefore] = [client.cpuMillis, cpuMillisOf(api.pids())]
    const created = await createAll(n, (index) => create(`r${index}`))
    await waitFor('every Recording has its Pod', () => pods.size === n + 1)
    return {
      createToPodMs: quantiles(created.map((at, index) => pods.made.get(`r${index}-a1`)! - at)),
      cpuMsEach: rounded((client.cpuMillis - before) / n),
      serverCpuMsEach: rounded((cpuMillisOf(api.pids()) - serverBefore) / n),
    }
  } finally {
    await client.end('SIGKILL')
    await pods.stop()
  }
}

const rounded = (value: number) => Math.round(value * 100) / 100
