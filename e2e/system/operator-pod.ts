import { getJson, kubectl } from './kubectl.ts'
import { operatorNamespace, release } from './operator.ts'
import { mainProcessOf } from './processes.ts'

const here = ['-n', operatorNamespace]
const selector = `app.kubernetes.io/instance=${release},app.kubernetes.io/component=operator`

interface OperatorPod {
  metadata: { name: string; uid: string; deletionTimestamp?: string }
  status: { containerStatuses: { restartCount: number }[] }
}

/** Deletes the operator's Pod and waits until its successor has read everything. */
export async function replaceOperator(): Promise<void> {
  await kubectl('delete', 'pods', ...here, '-l', selector, '--timeout=60s')
  await kubectl('rollout', 'status', `deployment/${release}`, ...here, '--timeout=90s')
}

/** Kills the operator's process: no time for it to tidy up. Its container is started again; `restarted` waits until it has read everything. */
export async function killOperator(): Promise<{ restarted: () => Promise<void> }> {
  const { items } = await getJson<{ items: OperatorPod[] }>('pods', ...here, '-l', selector)
  const { metadata, status } = items.find((pod) => pod.metadata.deletionTimestamp === undefined)!
  const restarts = status.containerStatuses[0]!.restartCount + 1
  process.kill(mainProcessOf(metadata.uid), 'SIGKILL')
  const until = (condition: string) => kubectl('wait', `pod/${metadata.name}`, ...here, `--for=${condition}`, '--timeout=60s')
  return {
    async restarted() {
      await until(`jsonpath={.status.containerStatuses[0].restartCount}=${restarts}`)
      await until('condition=Ready')
    },
  }
}

/** What it has logged since it started. */
export const operatorLog = () => kubectl('logs', ...here, '-l', selector, '--tail=-1')
