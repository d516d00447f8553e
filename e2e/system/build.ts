import { clusterBinaries, ensureBinaries, judges } from '../../sandbox/src/cluster/binaries.ts'
import { onScreen } from '../../sandbox/src/progress.ts'

/** Once for all integration tests: etcd, Kubernetes, Helm, kstatus and Prometheus' engine are there. Built the first time, which takes minutes and no test's own time. */
export default async function setup(): Promise<void> {
  // scripts/test.ts has them built beside tests that need none of them.
  if (process.env.BUILT_MEANWHILE) return
  await ensureBinaries([...clusterBinaries, ...judges], onScreen)
}
