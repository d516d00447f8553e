import { kubectl } from './kubectl.ts'
import { operatorNamespace, release } from './operator.ts'

const selector = `app.kubernetes.io/instance=${release},app.kubernetes.io/component=operator`

/** Kills the operator's Pod as a lost node would: no time to tidy up. Another one is started by its Deployment. */
export const killOperator = () =>
  kubectl('delete', 'pods', '-n', operatorNamespace, '-l', selector, '--force', '--grace-period=0', '--wait=true')

/** Waits until an operator is there and has read everything. It works once it has the lease, up to 15 s after one that was killed. */
export const operatorReady = () => kubectl('rollout', 'status', `deployment/${release}`, '-n', operatorNamespace, '--timeout=90s')

/** What it has logged since it started. */
export const operatorLog = () => kubectl('logs', '-n', operatorNamespace, '-l', selector, '--tail=-1')
