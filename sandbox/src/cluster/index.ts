import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { logTail, runFile, runningDaemon } from '../daemon.ts'
import { ensurePause } from '../images/pause.ts'
import { withLock } from '../lock.ts'
import { onScreen, type Report, unseen } from '../progress.ts'
import { type ClusterNode, firstNode, network, nodes } from './addresses.ts'
import { type ClusterApi, clusterApi } from './api.ts'
import { type Binary, clusterBinaries, ensureBinaries } from './binaries.ts'
import { writeCertificates } from './certificates.ts'
import { removeGroups } from './cgroups.ts'
import { configurationFiles, nodeDirectory } from './configuration.ts'
import { isConnected, startNamespaces, stopNamespaces, until } from './namespaces.ts'
import { containerdRoot, projectDirectory, snapshotter, stateDirectory } from './paths.ts'
import { storageClass } from './volumes/decide.ts'

/** Kubeconfig of the running cluster, for kubectl, Helm and tests on this machine. */
export const kubeconfigFile = join(stateDirectory, 'kubeconfig')

/** One process starts or stops the cluster at a time. */
const lockName = 'cluster'
/** Whether this process is starting the cluster. */
let starting = false
const clusterDirectory = join(stateDirectory, 'cluster')
const logDirectories = [`logs/${firstNode.name}`, 'logs/pods'].map((name) => join(stateDirectory, name))

export type ClusterStatus = { state: 'down' } | { state: 'starting' | 'up'; pid: number; kubeconfig: string }

/**
 * Starts the cluster, or says that it is up already. What an earlier run that was killed has left is removed first.
 * Returns when the node is Ready, a Pod can start and a volume can be had.
 */
export async function clusterUp(report: Report = onScreen): Promise<{ kubeconfig: string; started: boolean }> {
  const binaries = await ensureBinaries(clusterBinaries, report)
  return withLock(lockName, () => start(binaries, report))
}

async function start(binaries: Record<Binary, string>, report: Report): Promise<{ kubeconfig: string; started: boolean }> {
  if ((await clusterStatus()).state === 'up') {
    report('Cluster').done('is up already')
    return { kubeconfig: kubeconfigFile, started: false }
  }
  await stop(unseen)
  refuseForeignCluster()

  const step = report('Starting the cluster')
  starting = true
  try {
    await prepareFiles()
    const daemon = await startNamespaces([
      stateDirectory,
      containerdRoot(),
      projectDirectory,
      dirname(binaries.kubelet),
      dirname(binaries.etcd),
    ])
    const admin = join(clusterDirectory, 'pki/admin.kubeconfig')
    const api = clusterApi(admin)
    const there = (path: string) => until(path, () => api.get(path).then(() => true), daemon)
    step.update('waiting for the API server')
    await there('/api/v1/namespaces/default')
    await until(
      'the StorageClass',
      () => api.create('/apis/storage.k8s.io/v1/storageclasses', storageClass).then(() => true),
      daemon,
    )
    step.update('waiting for the node to be Ready')
    await until('the node to be Ready', async () => (await nodeReady(api)) || undefined, daemon)
    await there('/api/v1/namespaces/default/serviceaccounts/default')
    await ensurePause(binaries.pause, unseen)
    copyFileSync(admin, kubeconfigFile)
    step.done('node Ready')
  } catch (error) {
    step.failed('it did not start')
    const said = [logTail(firstNode.daemon), ...endedParts()].join('\n')
    await stop(unseen)
    throw new Error(
      `The cluster did not start: ${(error as Error).message}\n${said}\nThe logs of its parts are in ${logDirectories[0]}.`,
    )
  } finally {
    starting = false
  }
  return { kubeconfig: kubeconfigFile, started: true }
}

/** Ends the cluster with all its containers, network and mounts, and removes its state. Logs and images stay. Nothing to end is fine. */
export async function clusterDown(report: Report = onScreen): Promise<void> {
  // Called while this process is still starting it (Ctrl-C): the start fails at once instead of being waited for.
  if (starting) await stopNamespaces()
  return withLock(lockName, () => stop(report))
}

async function stop(report: Report): Promise<void> {
  const step = report('Stopping the cluster')
  const wasUp = await stopNamespaces()
  // A network that is still there belongs to another checkout's sandbox, and so do the groups.
  if (!isConnected()) for (const { cgroup } of nodes) await removeGroups(cgroup)
  for (const path of [kubeconfigFile, clusterDirectory, ...nodes.map(({ daemon }) => runFile(daemon))]) {
    rmSync(path, { recursive: true, force: true })
  }
  step.done(wasUp ? undefined : 'it was not running')
}

/** `starting` also stands for a cluster whose API server does not answer or whose node is not Ready. */
export async function clusterStatus(): Promise<ClusterStatus> {
  const daemon = runningDaemon(firstNode.daemon)
  if (daemon === undefined) return { state: 'down' }
  const ready = existsSync(kubeconfigFile) && (await nodeReady(clusterApi(kubeconfigFile)).catch(() => false))
  return { state: ready ? 'up' : 'starting', pid: daemon.pid, kubeconfig: kubeconfigFile }
}

/** For each part of the cluster that has ended although it should run: its last words. */
function endedParts(): string[] {
  const directory = logDirectories[0]!
  return (existsSync(directory) ? readdirSync(directory) : []).flatMap((name) => {
    const lines = readFileSync(join(directory, name), 'utf8').trimEnd().split('\n')
    const end = lines.findLastIndex((line) => line.startsWith('ended with exit code'))
    return end === -1 ? [] : [`${name}:`, ...lines.slice(Math.max(0, end - 3), end + 1)]
  })
}

/** Fails where the sandbox of another checkout runs: there is one network of these addresses on a machine. */
export function refuseForeignCluster(): void {
  if (!isConnected() || runningDaemon(firstNode.daemon) !== undefined) return
  throw new Error(
    `Interface ${network.hostInterface} exists: the sandbox of another checkout is running on this machine. ` +
      'Stop it there first: make sandbox-down',
  )
}

async function prepareFiles(): Promise<void> {
  for (const path of logDirectories) rmSync(path, { recursive: true, force: true })
  for (const folder of ['etcd', 'volumes']) mkdirSync(join(clusterDirectory, folder), { recursive: true, mode: 0o700 })
  prepareNode(firstNode)
  await writeCertificates(join(clusterDirectory, 'pki'))
}

/** Folders and configuration of a node. */
export function prepareNode(node: ClusterNode): void {
  const directory = join(stateDirectory, nodeDirectory(node))
  mkdirSync(join(directory, 'kubelet'), { recursive: true, mode: 0o700 })
  mkdirSync(containerdRoot(node), { recursive: true, mode: 0o700 })
  for (const [name, text] of Object.entries(configurationFiles(node, snapshotter()))) {
    const path = join(directory, 'etc', name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
}

export async function nodeReady(api: ClusterApi, { name }: ClusterNode = firstNode): Promise<boolean> {
  interface Node {
    status?: { conditions?: { type: string; status: string }[] }
  }
  const node = await api.get<Node>(`/api/v1/nodes/${name}`)
  return node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
}
