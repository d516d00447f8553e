import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { clusterBinaries, ensureBinaries, judges } from './cluster/binaries.ts'
import { type ClusterStatus, clusterDown, clusterStatus, clusterUp, refuseForeignCluster } from './cluster/index.ts'
import { stateDirectory } from './cluster/paths.ts'
import { runningDaemon } from './daemon.ts'
import { ensureFfmpeg, type Images, images } from './images/index.ts'
import { onScreen, type Report } from './progress.ts'
import { cosDirectory, recordState, type Service, sandboxFile, serviceNames, startService, stopService } from './services.ts'

export type Part = Service | 'cluster'
export const parts: readonly Part[] = ['cluster', ...serviceNames]

export interface UpOptions {
  report?: Report
  /** Called with each part that this call is about to start, so that a caller who is interrupted knows what to stop. */
  starting?: (part: Part) => void
}

/** Builds what is not built yet of all that the sandbox and its tests run. */
export async function build(report: Report = onScreen): Promise<void> {
  // Compiling Kubernetes and unpacking Debian wait for different things most of the time.
  await Promise.all([ensureBinaries([...clusterBinaries, ...judges], report), images(report).then(() => ensureFfmpeg(report))])
}

/** Starts everything: what is built already or runs already is left alone. Returns the images for the chart's values. */
export async function up({ report = onScreen, starting = () => {} }: UpOptions = {}): Promise<Images> {
  mkdirSync(join(stateDirectory, 'run'), { recursive: true })
  refuseForeignCluster()
  // Compiling Kubernetes and unpacking Debian wait for different things most of the time.
  await Promise.all([ensureBinaries(clusterBinaries, report), images(report)])
  await startPart('cluster', { report, starting })
  const [references] = await Promise.all([images(report), ...serviceNames.map((name) => startPart(name, { report, starting }))])
  recordState({ images: references })
  return references
}

/** Ends everything of this checkout's sandbox, with what was stored in its COS. Logs and caches stay. Nothing to end is fine. */
export async function down(report: Report = onScreen): Promise<void> {
  await Promise.all(serviceNames.map((name) => stopService(name, report)))
  await stopPart('cluster', report)
  for (const path of [cosDirectory, sandboxFile]) rmSync(path, { recursive: true, force: true })
}

export async function startPart(part: Part, { report = onScreen, starting = () => {} }: UpOptions = {}): Promise<void> {
  if (!(await isUp(part))) starting(part)
  if (part !== 'cluster') {
    await startService(part, report)
    return
  }
  const { kubeconfig } = await clusterUp(report)
  recordState({ cluster: { kubeconfig } })
}

export async function stopPart(part: Part, report: Report = onScreen): Promise<void> {
  if (part !== 'cluster') return stopService(part, report)
  await clusterDown(report)
  recordState({ cluster: undefined })
}

export interface SandboxStatus {
  cluster: ClusterStatus
  services: Record<Service, { state: 'up' | 'down'; pid?: number }>
}

export async function status(): Promise<SandboxStatus> {
  const services = {} as SandboxStatus['services']
  for (const name of serviceNames) {
    const daemon = runningDaemon(name)
    services[name] = daemon ? { state: 'up', pid: daemon.pid } : { state: 'down' }
  }
  return { cluster: await clusterStatus(), services }
}

async function isUp(part: Part): Promise<boolean> {
  return part === 'cluster' ? (await clusterStatus()).state === 'up' : runningDaemon(part) !== undefined
}
