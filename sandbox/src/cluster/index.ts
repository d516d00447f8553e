import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, readlinkSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gone, isAlive, kill, logTail, recordedDaemon, runningDaemon, startDaemon, startTicksOf } from '../daemon.ts'
import { onScreen, type Report, unseen } from '../progress.ts'
import { network, nodeName } from './addresses.ts'
import { clusterApi } from './api.ts'
import { allBinaries, ensureBinaries } from './binaries.ts'
import { writeCertificates } from './certificates.ts'
import { enterGroup, moveToLeaf, removeGroups } from './cgroups.ts'
import { configurationFiles } from './configuration.ts'
import { cacheDirectory, projectDirectory, stateDirectory } from './paths.ts'
import { storageClass } from './volumes/decide.ts'

const run = promisify(execFile)

/** Kubeconfig of the running cluster, for kubectl, Helm and tests on this machine. */
export const kubeconfigFile = join(stateDirectory, 'kubeconfig')
const clusterDirectory = join(stateDirectory, 'cluster')
const daemonName = 'cluster'
const startTimeoutSeconds = 90
const stopTimeoutSeconds = 20

export type ClusterStatus = { state: 'down' } | { state: 'starting' | 'up'; pid: number; kubeconfig: string }

/**
 * Starts the cluster, or says that it is up already. What an earlier run that was killed has left is removed first.
 * Returns when the node is Ready and volumes can be had.
 */
export async function clusterUp(report: Report = onScreen): Promise<{ kubeconfig: string; started: boolean }> {
  const status = await clusterStatus()
  if (status.state === 'up') {
    report('Cluster').done('is up already')
    return { kubeconfig: kubeconfigFile, started: false }
  }
  const binaries = await ensureBinaries(allBinaries, report)
  await clusterDown(unseen)
  await refuseForeignCluster()

  const step = report('Starting the cluster')
  try {
    await prepareFiles()
    await startNamespaces(dirname(binaries.kubelet), binaries.etcd)
    step.update('waiting for the API server')
    await becomeReady((what) => step.update(what))
    step.done('node Ready')
  } catch (error) {
    step.failed('it did not start')
    const logs = join(stateDirectory, 'logs/cluster')
    await clusterDown(unseen)
    throw new Error(
      `The cluster did not start: ${(error as Error).message}\n${logTail(daemonName)}\nIts parts' logs are in ${logs}.`,
    )
  }
  return { kubeconfig: kubeconfigFile, started: true }
}

/** Ends the cluster with all its containers, network and mounts, and removes its state. Logs and images stay. Nothing to end is fine. */
export async function clusterDown(report: Report = onScreen): Promise<void> {
  const step = report('Stopping the cluster')
  const daemon = recordedDaemon(daemonName)
  const wasUp = daemon !== undefined && isAlive(daemon)
  if (daemon && wasUp) {
    // Process 1 of the namespaces takes all others with it; the kernel then removes mounts, interfaces and rules.
    const init = processOne(daemon.pid)
    kill(init ?? daemon.pid, 'SIGKILL')
    if (!(await gone(daemon, stopTimeoutSeconds))) kill(daemon.pid, 'SIGKILL')
    if (!(await gone(daemon, stopTimeoutSeconds))) throw new Error(`Process ${daemon.pid} of the cluster does not end.`)
  }
  await networkGone()
  await removeGroups()
  for (const path of [kubeconfigFile, clusterDirectory, join(stateDirectory, 'run', `${daemonName}.json`)]) {
    rmSync(path, { recursive: true, force: true })
  }
  step.done(wasUp ? undefined : 'it was not running')
}

/** `starting` also stands for a cluster whose API server does not answer. */
export async function clusterStatus(): Promise<ClusterStatus> {
  const daemon = runningDaemon(daemonName)
  if (daemon === undefined) return { state: 'down' }
  const ready = existsSync(kubeconfigFile) && (await nodeReady().catch(() => false))
  return { state: ready ? 'up' : 'starting', pid: daemon.pid, kubeconfig: kubeconfigFile }
}

/** Command line that runs a command inside the running cluster's namespaces. */
export function insideCluster(command: readonly string[]): string[] {
  const daemon = runningDaemon(daemonName)
  const init = daemon && processOne(daemon.pid)
  if (init === undefined) throw new Error('The cluster is not up. Start it: make sandbox-up')
  return ['nsenter', '--target', String(init), '--mount', '--pid', '--net', '--uts', '--ipc', '--', ...command]
}

async function refuseForeignCluster(): Promise<void> {
  if (!(network.hostInterface in networkInterfaces())) return
  throw new Error(
    `Interface ${network.hostInterface} exists: the sandbox of another checkout is running on this machine. ` +
      'Stop it there first (make sandbox-down).',
  )
}

async function prepareFiles(): Promise<void> {
  for (const folder of ['etcd', 'kubelet', 'volumes']) mkdirSync(join(clusterDirectory, folder), { recursive: true, mode: 0o700 })
  const containerd = containerdRoot()
  mkdirSync(containerd, { recursive: true, mode: 0o700 })
  for (const [name, text] of Object.entries(configurationFiles(snapshotterFor(containerd)))) {
    const path = join(clusterDirectory, 'etc', name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  rmSync(join(stateDirectory, 'logs/cluster'), { recursive: true, force: true })
  rmSync(join(stateDirectory, 'logs/pods'), { recursive: true, force: true })
  await writeCertificates(join(clusterDirectory, 'pki'))
}

/** Where images live, across clusters and checkouts. */
export function containerdRoot(): string {
  return join(cacheDirectory(), 'containerd')
}

/** Overlay mounts do not stack: inside a container whose own root is an overlay, layers are copied instead. */
export function snapshotterFor(directory: string): 'overlayfs' | 'native' {
  const overlayMagic = 0x794c7630
  return statfsSync(directory).type === overlayMagic ? 'native' : 'overlayfs'
}

async function startNamespaces(kubernetes: string, etcd: string): Promise<void> {
  const namespaces = ['--mount', '--pid', '--net', '--uts', '--ipc', '--cgroup', '--fork', '--kill-child', '--mount-proc']
  const script = join(import.meta.dirname, 'node.sh')
  const args = [stateDirectory, containerdRoot(), projectDirectory, kubernetes, etcd]
  // The first line lets it go on in its own cgroup, the second one when it has been given its network.
  const { daemon, stdin } = startDaemon(
    daemonName,
    'sh',
    ['-c', 'read -r _ && exec "$@"', 'sh', 'unshare', ...namespaces, '--propagation', 'private', 'bash', script, ...args],
    { ...process.env, SERVICES: network.services },
  )
  enterGroup(daemon.pid)
  stdin?.write('\n')
  const init = await until('its namespaces', () => processOne(daemon.pid), daemon)
  await until(
    'its network namespace',
    () => readlinkSync(`/proc/${init}/ns/net`) !== readlinkSync('/proc/self/ns/net') || undefined,
    daemon,
  )
  moveToLeaf([daemon.pid, init])
  await connect(init)
  stdin?.end(`${network.node} ${network.host} ${network.prefixLength}\n`)
}

/** The host's end of the veth pair; the other end is given to the process's namespace as eth0. */
async function connect(pid: number): Promise<void> {
  const ip = (...args: string[]) => run('ip', args)
  const { hostInterface, host, prefixLength, node, pods, services } = network
  await ip('link', 'add', hostInterface, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid))
  await ip('address', 'add', `${host}/${prefixLength}`, 'dev', hostInterface)
  await ip('link', 'set', hostInterface, 'up')
  for (const range of [pods, services]) await ip('route', 'add', range, 'via', node)
}

async function becomeReady(progress: (what: string) => void): Promise<void> {
  const daemon = runningDaemon(daemonName)
  if (daemon === undefined) throw new Error('its first process ended at once')
  const adminConfig = join(clusterDirectory, 'pki/admin.kubeconfig')
  const api = clusterApi(adminConfig)
  await until('the API server', () => api.get('/api/v1/namespaces/default').then(() => true), daemon)
  await until(
    'the StorageClass',
    () => api.create('/apis/storage.k8s.io/v1/storageclasses', storageClass).then(() => true),
    daemon,
  )
  copyFileSync(adminConfig, kubeconfigFile)
  progress('waiting for the node to be Ready')
  await until('the node to be Ready', async () => (await nodeReady()) || undefined, daemon)
  await until(
    'the default ServiceAccount',
    () => api.get('/api/v1/namespaces/default/serviceaccounts/default').then(() => true),
    daemon,
  )
}

async function nodeReady(): Promise<boolean> {
  interface Node {
    status?: { conditions?: { type: string; status: string }[] }
  }
  const node = await clusterApi(kubeconfigFile).get<Node>(`/api/v1/nodes/${nodeName}`)
  return node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
}

/** Asks until there is an answer. A question that throws has no answer yet; its error is told if it never gets one. */
async function until<T>(
  what: string,
  ask: () => T | undefined | Promise<T | undefined>,
  daemon: { pid: number; startTicks: number },
): Promise<T> {
  const deadline = performance.now() + startTimeoutSeconds * 1000
  let last = ''
  for (;;) {
    try {
      const answer = await ask()
      if (answer !== undefined) return answer
    } catch (error) {
      last = `: ${(error as Error).message}`
    }
    if (!isAlive(daemon)) throw new Error(`its first process ended while waiting for ${what}${last}`)
    if (performance.now() > deadline) throw new Error(`waited ${startTimeoutSeconds} s for ${what}${last}`)
    await sleep(100)
  }
}

/** Process 1 of the namespaces: the only child of unshare. */
function processOne(pid: number): number | undefined {
  try {
    const child = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0])
    return child > 0 && startTicksOf(child) !== undefined ? child : undefined
  } catch {
    return undefined
  }
}

/** The kernel takes the interface away a moment after the last process of its namespace. */
async function networkGone(): Promise<void> {
  if (recordedDaemon(daemonName) === undefined) return
  for (let attempt = 0; attempt < 100 && network.hostInterface in networkInterfaces(); attempt++) await sleep(50)
}
