import { clusterBinaries, ensureBinaries, judges } from '../../sandbox/src/cluster/binaries.ts'
import { builtFfmpeg } from '../../sandbox/src/images/index.ts'
import { onScreen } from '../../sandbox/src/progress.ts'

/**
 * Once for all integration tests: etcd, Kubernetes, Helm, kstatus and Prometheus' engine are there. Built the first time, which takes minutes and no test's
 * own time. The recorder runs its image's ffmpeg where that has been built: Debian's takes longer to start than most of what is asked of it.
 */
export default async function setup(): Promise<void> {
  const ffmpeg = builtFfmpeg()
  if (ffmpeg !== undefined) process.env.FFMPEG_BIN ??= ffmpeg
  // scripts/test.ts has them built beside tests that need none of them.
  if (process.env.BUILT_MEANWHILE) return
  await ensureBinaries([...clusterBinaries, ...judges], onScreen)
}
