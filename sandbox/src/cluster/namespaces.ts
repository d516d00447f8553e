import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type Daemon, gone, isAlive, kill, recordedDaemon, runningDaemon, startDaemon, startTicksOf } from '../daemon.ts'
import { type ClusterNode, firstNode, network } from './addresses.ts'
import { enterGroup, moveToLeaf } from './cgroups.ts'

const run = promisify(execFile)

const startTimeoutSeconds = 90
const stopTimeoutSeconds = 20

export interface NodeStart {
  node: ClusterNode
  /** Of node.sh, after the node's name. */
  scriptArguments: readonly string[]
  /** Command line in whose namespaces those of the node are made, so that they end with them. None: this machine's. */
  within: readonly string[]
  /** Gives the process's network namespace its eth0. */
  connect(pid: number): Promise<void>
}

/** Starts the first node, and with it the cluster. */
export const startNamespaces = (scriptArguments: readonly string[]): Promise<Daemon> =>
  startNode({ node: firstNode, scriptArguments, within: [], connect })

/**
 * Starts node.sh in namespaces of its own, in a cgroup of its own, connected to what is around it. The daemon is `unshare`, or what leads to it;
 * at the end of its line of only children is process 1 of the namespaces.
 */
export async function startNode({ node, scriptArguments, within, connect }: NodeStart): Promise<Daemon> {
  const namespaces = ['--mount', '--pid', '--net', '--uts', '--ipc', '--cgroup', '--fork', '--kill-child', '--mount-proc']
  const script = ['bash', join(import.meta.dirname, 'node.sh'), node.name, ...scriptArguments]
  // The first line lets it go on in its own cgroup, the second one when it has been given its network.
  const { daemon, stdin } = startDaemon(
    node.daemon,
    'sh',
    ['-c', 'read -r _ && exec "$@"', 'sh', ...within, 'unshare', ...namespaces, '--propagation', 'private', ...script],
    { ...process.env, SERVICES: network.services, API_SERVER: network.node },
  )
  enterGroup(node.cgroup, daemon.pid)
  stdin?.write('\n')
  const line = await until('its namespaces', () => wholeLine(daemon.pid), daemon)
  moveToLeaf(node.cgroup, line)
  await connect(line.at(-1)!)
  stdin?.end(`${node.address} ${node.gateway} ${node.prefixLength}\n`)
  return daemon
}

/** Ends every process of the cluster; with the last one the kernel removes mounts, interfaces and rules. False if there was none. */
export async function stopNamespaces(): Promise<boolean> {
  const wasUp = await stopNode(firstNode)
  for (let attempt = 0; attempt < 100 && isConnected(); attempt++) await sleep(50)
  return wasUp
}

/** Ends every process of a node. */
export async function stopNode({ daemon: name }: ClusterNode): Promise<boolean> {
  const daemon = recordedDaemon(name)
  if (daemon === undefined) return false
  const wasUp = isAlive(daemon)
  if (wasUp) {
    kill(lineOf(daemon.pid).at(-1)!, 'SIGKILL')
    if (!(await gone(daemon, stopTimeoutSeconds))) kill(daemon.pid, 'SIGKILL')
    if (!(await gone(daemon, stopTimeoutSeconds))) throw new Error(`Process ${daemon.pid} of ${name} does not end.`)
  }
  return wasUp
}

/** Whether the host's end of some sandbox's network is there. */
export function isConnected(): boolean {
  return network.hostInterface in networkInterfaces()
}

/** Command line that runs a command inside the running cluster's namespaces, which are the first node's. */
export const insideCluster = (command: readonly string[]): string[] => insideNode(firstNode, command)

export function insideNode(node: ClusterNode, command: readonly string[]): string[] {
  return ['nsenter', '--target', String(initOf(node)), '--mount', '--pid', '--net', '--uts', '--ipc', '--', ...command]
}

/** Process 1 of a node's namespaces, by its id on this machine. */
export function initOf({ daemon: name }: ClusterNode): number {
  const daemon = runningDaemon(name)
  const init = daemon && wholeLine(daemon.pid)?.at(-1)
  if (init === undefined) throw new Error('The cluster is not up. Start it: make sandbox-up')
  return init
}

/** Asks until there is an answer. A question that throws has no answer yet; its error is told if it never gets one. */
export async function until<T>(what: string, ask: () => T | undefined | Promise<T | undefined>, daemon: Daemon): Promise<T> {
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

/** The host's end of the veth pair; the other end is given to the process's namespace as eth0. */
async function connect(pid: number): Promise<void> {
  const ip = (...args: string[]) => run('ip', args)
  const { hostInterface, host, prefixLength, node, pods, services } = network
  await ip('link', 'add', hostInterface, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid))
  await ip('address', 'add', `${host}/${prefixLength}`, 'dev', hostInterface)
  await ip('link', 'set', hostInterface, 'up')
  for (const range of [pods, services]) await ip('route', 'add', range, 'via', node)
}

/** The process, its only child, and so on, as far as there are any or process 1 of the namespaces: that one has many. */
function lineOf(pid: number): number[] {
  const line = [pid]
  for (;;) {
    const child = isInit(line.at(-1)!) ? undefined : firstChildOf(line.at(-1)!)
    if (child === undefined) return line
    line.push(child)
  }
}

const wholeLine = (pid: number) => {
  const line = lineOf(pid)
  return isInit(line.at(-1)!) ? line : undefined
}

function isInit(pid: number): boolean {
  try {
    return /^NSpid:.*\t1$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

function firstChildOf(pid: number): number | undefined {
  try {
    const child = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0])
    return child > 0 && startTicksOf(child) !== undefined ? child : undefined
  } catch {
    return undefined
  }
}
