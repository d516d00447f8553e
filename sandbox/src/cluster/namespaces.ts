import { execFile } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type Daemon, gone, isAlive, kill, recordedDaemon, runningDaemon, startDaemon, startTicksOf } from '../daemon.ts'
import { network } from './addresses.ts'
import { enterGroup, moveToLeaf } from './cgroups.ts'

const run = promisify(execFile)

/** The cluster's daemon is `unshare`; its only child is process 1 of the namespaces (node.sh). */
export const daemonName = 'cluster'

const startTimeoutSeconds = 90
const stopTimeoutSeconds = 20

/** Starts node.sh in namespaces of its own, in a cgroup of its own, connected to this machine. */
export async function startNamespaces(scriptArguments: readonly string[]): Promise<Daemon> {
  const namespaces = ['--mount', '--pid', '--net', '--uts', '--ipc', '--cgroup', '--fork', '--kill-child', '--mount-proc']
  const node = ['bash', join(import.meta.dirname, 'node.sh'), ...scriptArguments]
  // The first line lets it go on in its own cgroup, the second one when it has been given its network.
  const { daemon, stdin } = startDaemon(
    daemonName,
    'sh',
    ['-c', 'read -r _ && exec "$@"', 'sh', 'unshare', ...namespaces, '--propagation', 'private', ...node],
    { ...process.env, SERVICES: network.services },
  )
  enterGroup(daemon.pid)
  stdin?.write('\n')
  const init = await until('its namespaces', () => processOne(daemon.pid), daemon)
  const ownNetwork = readlinkSync('/proc/self/ns/net')
  await until('its network namespace', () => readlinkSync(`/proc/${init}/ns/net`) !== ownNetwork || undefined, daemon)
  moveToLeaf([daemon.pid, init])
  await connect(init)
  stdin?.end(`${network.node} ${network.host} ${network.prefixLength}\n`)
  return daemon
}

/** Ends every process of the cluster; with the last one the kernel removes mounts, interfaces and rules. False if there was none. */
export async function stopNamespaces(): Promise<boolean> {
  const daemon = recordedDaemon(daemonName)
  if (daemon === undefined) return false
  const wasUp = isAlive(daemon)
  if (wasUp) {
    kill(processOne(daemon.pid) ?? daemon.pid, 'SIGKILL')
    if (!(await gone(daemon, stopTimeoutSeconds))) kill(daemon.pid, 'SIGKILL')
    if (!(await gone(daemon, stopTimeoutSeconds))) throw new Error(`Process ${daemon.pid} of the cluster does not end.`)
  }
  for (let attempt = 0; attempt < 100 && isConnected(); attempt++) await sleep(50)
  return wasUp
}

/** Whether the host's end of some sandbox's network is there. */
export function isConnected(): boolean {
  return network.hostInterface in networkInterfaces()
}

/** Command line that runs a command inside the running cluster's namespaces. */
export function insideCluster(command: readonly string[]): string[] {
  const daemon = runningDaemon(daemonName)
  const init = daemon && processOne(daemon.pid)
  if (init === undefined) throw new Error('The cluster is not up. Start it: make sandbox-up')
  return ['nsenter', '--target', String(init), '--mount', '--pid', '--net', '--uts', '--ipc', '--', ...command]
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

function processOne(pid: number): number | undefined {
  try {
    const child = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0])
    return child > 0 && startTicksOf(child) !== undefined ? child : undefined
  } catch {
    return undefined
  }
}
