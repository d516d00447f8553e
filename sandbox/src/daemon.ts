import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stateDirectory } from './cluster/paths.ts'

/** A process that outlives the command that started it. The start time tells it from a later process with the same id. */
export interface Daemon {
  pid: number
  startTicks: number
}

export const runFile = (name: string) => join(stateDirectory, 'run', `${name}.json`)
export const logFile = (name: string) => join(stateDirectory, 'logs', `${name}.log`)

const pollMilliseconds = 50

/** State and start time in clock ticks after boot (proc(5), fields 3 and 22), or nothing if there is no such process. */
function statOf(pid: number): { state: string | undefined; startTicks: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the command in brackets and may contain anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0], startTicks: Number(fields[19]) }
  } catch {
    return undefined
  }
}

/** Start time in clock ticks after boot, or nothing if the process is gone or only waits to be reaped. */
export function startTicksOf(pid: number): number | undefined {
  const stat = statOf(pid)
  return stat === undefined || stat.state === 'Z' || stat.state === 'X' ? undefined : stat.startTicks
}

export function isAlive(daemon: Daemon): boolean {
  return startTicksOf(daemon.pid) === daemon.startTicks
}

/** The daemon of this name as it was recorded, alive or not. */
export function recordedDaemon(name: string): Daemon | undefined {
  try {
    return JSON.parse(readFileSync(runFile(name), 'utf8')) as Daemon
  } catch {
    return undefined
  }
}

export function runningDaemon(name: string): Daemon | undefined {
  const daemon = recordedDaemon(name)
  return daemon && isAlive(daemon) ? daemon : undefined
}

/** Starts a process group of its own, its output in `.sandbox/logs/<name>.log`, its id in `.sandbox/run/<name>.json`. */
export function startDaemon(
  name: string,
  command: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
) {
  mkdirSync(join(stateDirectory, 'run'), { recursive: true })
  mkdirSync(join(stateDirectory, 'logs'), { recursive: true })
  const log = openSync(logFile(name), 'w')
  const child = spawn(command, args, { detached: true, stdio: ['pipe', log, log], env: environment })
  closeSync(log)
  child.unref()
  const { pid } = child
  // One that has ended already is not reaped before we return, so it still has a start time.
  const startTicks = pid === undefined ? undefined : statOf(pid)?.startTicks
  if (pid === undefined || startTicks === undefined) {
    throw new Error(`${name} could not be started: ${command} ended at once. Its output is in ${logFile(name)}`)
  }
  const daemon: Daemon = { pid, startTicks }
  writeFileSync(runFile(name), JSON.stringify(daemon))
  return { daemon, stdin: child.stdin }
}

/** Waits for the JSON line with `"ready": true` that the services of the sandbox print when they accept connections. */
export async function readyLine(name: string, daemon: Daemon, timeoutSeconds: number): Promise<Record<string, unknown>> {
  const deadline = performance.now() + timeoutSeconds * 1000
  for (;;) {
    const alive = isAlive(daemon)
    for (const line of readFileSync(logFile(name), 'utf8').split('\n')) {
      if (!line.startsWith('{"ready":true')) continue
      return JSON.parse(line) as Record<string, unknown>
    }
    if (!alive) throw new Error(`${name} ended before it was ready.\n${logTail(name)}`)
    if (performance.now() > deadline) throw new Error(`${name} was not ready after ${timeoutSeconds} s.\n${logTail(name)}`)
    await sleep(pollMilliseconds)
  }
}

/** Ends the daemon and all that is left of its process group. SIGTERM first; SIGKILL after `graceSeconds`. */
export async function stopDaemon(name: string, graceSeconds = 10): Promise<boolean> {
  const daemon = recordedDaemon(name)
  if (daemon === undefined) return false
  const ticks = startTicksOf(daemon.pid)
  const alive = ticks === daemon.startTicks
  if (alive) {
    kill(daemon.pid, 'SIGTERM')
    if (!(await gone(daemon, graceSeconds))) kill(daemon.pid, 'SIGKILL')
    await gone(daemon, graceSeconds)
  }
  // The id is not given to a new process as long as one of the group lives. Another process under it means: none does.
  if (alive || ticks === undefined) kill(-daemon.pid, 'SIGKILL')
  rmSync(runFile(name), { force: true })
  return alive
}

/** Whether the process has ended within the time. */
export async function gone(daemon: Daemon, withinSeconds: number): Promise<boolean> {
  const deadline = performance.now() + withinSeconds * 1000
  while (isAlive(daemon)) {
    if (performance.now() > deadline) return false
    await sleep(pollMilliseconds)
  }
  return true
}

export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

export function logTail(name: string, lines = 15): string {
  try {
    const all = readFileSync(logFile(name), 'utf8').trimEnd().split('\n')
    return [`Last lines of ${logFile(name)}:`, ...all.slice(-lines)].join('\n')
  } catch {
    return `There is no ${logFile(name)}.`
  }
}
