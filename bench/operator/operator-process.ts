import { fileURLToPath } from 'node:url'
import type { ApiServer } from '../../e2e/operator/api-server.ts'
import { waitFor } from './load.ts'
import { freePort, MeasuredProcess } from './measured-process.ts'

const main = fileURLToPath(new URL('../../operator/src/main.ts', import.meta.url))

export interface Operator {
  process: MeasuredProcess
  /** Requests to the API server so far, and those of them that write. */
  /** `made`: objects of any kind. */
  requests(): Promise<{ all: number; writes: number; made: number }>
}

/** What a process is told that works as an operator does, but for the ports it listens on. */
export async function operatorEnvironment(api: ApiServer, namespace: string, identity: string, workers: number) {
  return {
    PATH: process.env.PATH,
    ...(await api.asInPod()),
    // As the chart says it, and what V8 takes for its limit in a container of 512 MB.
    NODE_OPTIONS: '--max-semi-space-size=4 --max-old-space-size=256',
    TRTC_RECORDER_RECORDER_IMAGE: 'recorder:bench',
    TRTC_RECORDER_LEASE_NAMESPACE: namespace,
    // One after another; none waits until another is taken for gone.
    TRTC_RECORDER_RELEASE: 'bench',
    TRTC_RECORDER_IDENTITY: identity,
    TRTC_RECORDER_WORKERS: String(workers),
    TRTC_RECORDER_LOG_LEVEL: process.env.OPERATOR_LOG ?? 'warn',
  }
}

export async function startOperator(
  api: ApiServer,
  namespace: string,
  identity: string,
  workers: number,
  settings: Record<string, string> = {},
): Promise<Operator> {
  const [health, metrics] = [await freePort(), await freePort()]
  const profile = process.env.PROFILE === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${process.env.PROFILE}`]
  const started = new MeasuredProcess(process.execPath, [...profile, main], {
    ...(await operatorEnvironment(api, namespace, identity, workers)),
    TRTC_RECORDER_HEALTH_PORT: String(health),
    TRTC_RECORDER_METRICS_PORT: String(metrics),
    ...settings,
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
      const lines = [...(await text()).matchAll(/^rest_client_requests_total\{(.*)\} (\d+)$/gm)]
      const sum = (which: (labels: string) => boolean) =>
        lines.reduce((total, [, labels = '', count]) => total + (which(labels) ? Number(count) : 0), 0)
      if (process.env.SHOW_LOG) console.log(lines.map(([line]) => line).join('\n'))
      const made = sum((labels) => labels.includes('method="POST"'))
      return { all: sum(() => true), writes: sum((labels) => !labels.includes('method="GET"')), made }
    },
  }
}
