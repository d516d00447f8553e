import { execFile } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { logTail, runFile } from '../daemon.ts'
import { command } from '../images/buildah.ts'
import { onScreen, type Report } from '../progress.ts'
import { type ClusterNode, firstNode } from './addresses.ts'
import { ApiError, clusterApi } from './api.ts'
import { binaryDirectory, ensureBinaries } from './binaries.ts'
import { removeGroups } from './cgroups.ts'
import { nodeDirectory, pauseImage } from './configuration.ts'
import { kubeconfigFile, nodeReady, prepareNode } from './index.ts'
import { initOf, insideNode, startNode, stopNode, until } from './namespaces.ts'
import { containerdRoot, projectDirectory, snapshotter, stateDirectory } from './paths.ts'

const run = promisify(execFile)

/** A kubelet and a containerd of its own, with all that a node has, made to be lost. */
export interface SpareNode {
  name: string
  /** Nothing gets to it or from it any more, and nobody is told. */
  cutOff(): Promise<void>
  reconnect(): Promise<void>
  /** Kills one of its parts and keeps it from starting again. What that part had started goes on. */
  hold(part: NodePart): Promise<void>
  release(part: NodePart): void
  /** Stops one of its parts in the middle of whatever it does: who talks to it waits. */
  freeze(part: NodePart): Promise<void>
  thaw(part: NodePart): Promise<void>
  /** Ends it with all that runs on it, and takes it out of the cluster. Its volumes stay until their claims go. */
  stop(): Promise<void>
}

export type NodePart = 'kubelet' | 'containerd'

/**
 * Adds the node to the running cluster, with these images of the first one, and returns when it is Ready. It hangs on the first node's network
 * and lives in its namespaces, so it ends with the cluster at the latest.
 */
export async function startSpareNode(
  node: ClusterNode,
  images: readonly string[],
  report: Report = onScreen,
): Promise<SpareNode> {
  const step = report(`Starting node ${node.name}`)
  const directory = join(stateDirectory, nodeDirectory(node))
  const binaries = await ensureBinaries(['kubelet', 'etcd'])
  const api = clusterApi(kubeconfigFile)
  await stop()
  prepareNode(node)
  try {
    const daemon = await startNode({
      node,
      scriptArguments: [
        stateDirectory,
        containerdRoot(node),
        projectDirectory,
        dirname(binaries.kubelet),
        binaryDirectory('etcd'),
      ],
      within: insideNode(firstNode, []),
      connect: (pid) => connect(node, pid),
    })
    step.update('waiting for containerd')
    await until('containerd', () => ctr(node, ['version']).then(() => true), daemon)
    for (const image of [pauseImage, ...images]) await share(node, image, (line) => step.update(line))
    step.update('waiting for it to be Ready')
    await until('the node to be Ready', async () => (await nodeReady(api, node)) || undefined, daemon)
    step.done('Ready')
  } catch (error) {
    step.failed('it did not start')
    await stop()
    throw new Error(`Node ${node.name} did not start: ${(error as Error).message}\n${logTail(node.daemon)}`)
  }

  async function stop(): Promise<void> {
    await stopNode(node)
    await reconnect(node)
    await removeGroups(node.cgroup)
    for (const path of [directory, runFile(node.daemon)]) rmSync(path, { recursive: true, force: true })
    await api.remove(`/api/v1/nodes/${node.name}`).catch((error: unknown) => {
      if (!(error instanceof ApiError && error.status === 404)) throw error
    })
  }

  async function signal(part: NodePart, signal: 'KILL' | 'STOP' | 'CONT'): Promise<void> {
    const pid = readFileSync(join(directory, 'pids', part), 'utf8').trim()
    const [nsenter, ...args] = insideNode(node, ['bash', '-c', `kill -${signal} ${pid}`])
    await run(nsenter!, args)
  }

  return {
    name: node.name,
    cutOff: () => cutOff(node),
    reconnect: () => reconnect(node),
    async hold(part) {
      writeFileSync(join(directory, 'held', part), '')
      await signal(part, 'KILL')
    },
    release: (part) => rmSync(join(directory, 'held', part)),
    freeze: (part) => signal(part, 'STOP'),
    thaw: (part) => signal(part, 'CONT'),
    stop,
  }
}

/** Packets are dropped without a word, as by a broken line: an interface that is down would tell both ends. */
async function cutOff(node: ClusterNode): Promise<void> {
  for (const rule of everything(node)) await onFirstNode('iptables', '--wait', '--insert', ...rule)
}

async function reconnect(node: ClusterNode): Promise<void> {
  // A rule that is not there cuts nothing off.
  for (const rule of everything(node)) await onFirstNode('iptables', '--wait', '--delete', ...rule).catch(() => {})
}

const everything = ({ name }: ClusterNode) =>
  [
    ['INPUT', '--in-interface'],
    ['FORWARD', '--in-interface'],
    ['FORWARD', '--out-interface'],
    ['OUTPUT', '--out-interface'],
  ].map((chainAndDirection) => [...chainAndDirection, name, '--jump', 'DROP'])

/** A veth pair between the first node and the process's namespace, and a way to the Pods behind it. */
async function connect(node: ClusterNode, pid: number): Promise<void> {
  await onFirstNode('ip', 'link', 'add', node.name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid))
  await onFirstNode('ip', 'address', 'add', `${node.gateway}/${node.prefixLength}`, 'dev', node.name)
  await onFirstNode('ip', 'link', 'set', node.name, 'up')
  await onFirstNode('ip', 'route', 'add', node.pods, 'via', node.address)
}

/** In the first node's network alone, so that process ids are this machine's. */
const onFirstNode = async (...args: string[]) => run('nsenter', ['--target', String(initOf(firstNode)), '--net', '--', ...args])

/** Hands an image over from the first node's containerd, unless it was handed over once before. */
async function share(node: ClusterNode, reference: string, onLine: (line: string) => void): Promise<void> {
  if ((await ctr(node, ['images', 'list', '-q', `name==${reference}`])).trim() !== '') return
  const give = insideNode(firstNode, [...inKubernetes, 'images', 'export', '-', reference])
  const take = insideNode(node, [...inKubernetes, 'images', 'import', '--snapshotter', snapshotter(), '-'])
  await command('bash', ['-c', `set -o pipefail; ${give.join(' ')} | ${take.join(' ')}`], onLine)
}

const inKubernetes = ['ctr', '--namespace', 'k8s.io']

function ctr(node: ClusterNode, args: readonly string[]): Promise<string> {
  const [name, ...rest] = insideNode(node, [...inKubernetes, ...args])
  return command(name!, rest)
}
