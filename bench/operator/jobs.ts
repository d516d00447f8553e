import type { ApiServer } from '../../e2e/operator/api-server.ts'
import type { KubeObject, New, Resource } from '../../kube/src/index.ts'
import { ensureBinaries } from '../../sandbox/src/cluster/binaries.ts'
import { quantiles } from '../statistics.ts'
import { createAll, waitFor } from './load.ts'
import { cpuMillisOf, freePort, MeasuredProcess } from './measured-process.ts'
import { Pods } from './pods.ts'
import type { OperatorRun } from './results.ts'

const jobs: Resource = { group: 'batch', version: 'v1', plural: 'jobs', kind: 'Job', namespaced: true }

/** As many Kubernetes Jobs of one Pod each, by the Job controller with the limits of its client lifted and as many workers as ours has. */
export async function measureJobs(api: ApiServer, n: number, workers: number): Promise<OperatorRun['jobs']> {
  const { 'kube-controller-manager': binary } = await ensureBinaries(['kube-controller-manager'])
  const namespace = await api.namespace()
  const controller = new MeasuredProcess(binary, [
    ...['--kubeconfig', api.kubeconfigPath, '--controllers', 'job-controller', '--leader-elect=false'],
    ...['--kube-api-qps', '100000', '--kube-api-burst', '100000', '--concurrent-job-syncs', String(workers)],
    ...['--secure-port', String(await freePort()), '--authentication-skip-lookup=true'],
    ...['--authentication-kubeconfig', api.kubeconfigPath, '--authorization-kubeconfig', api.kubeconfigPath],
  ])
  const pods = new Pods(api.client, namespace)
  try {
    // Until one Job has a Pod the controller is not at work.
    await api.client.create(jobs, job(namespace, 'warm'))
    await waitFor('the Job controller works', () => pods.size === 1)
    const [before, serverBefore] = [controller.cpuMillis, cpuMillisOf(api.pids())]
    const created = await createAll(n, (index) => api.client.create(jobs, job(namespace, `job-${index}`)))
    await waitFor('every Job has its Pod', () => pods.size === n + 1)
    const byJob = new Map([...pods.made].map(([pod, at]) => [pod.slice(0, pod.lastIndexOf('-')), at]))
    return {
      createToPodMs: quantiles(created.map((at, index) => byJob.get(`job-${index}`)! - at)),
      cpuMsEach: rounded((controller.cpuMillis - before) / n),
      serverCpuMsEach: rounded((cpuMillisOf(api.pids()) - serverBefore) / n),
      memoryMB: Math.round(controller.memoryMB.now),
    }
  } finally {
    await controller.end()
    await pods.stop()
  }
}

const job = (namespace: string, name: string) =>
  ({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { namespace, name },
    spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'recorder', image: 'recorder' }] } } },
  }) as unknown as New<KubeObject>

const rounded = (value: number) => Math.round(value * 100) / 100
