import { type ChildProcess, spawn } from 'node:child_process'

/**
 * Commands that must not outlive this process (builds, imports; daemons are another matter). Each has a process group of its own, because the
 * signal of Ctrl-C or of `kill` would reach only some of the processes that a build consists of. However this process ends, short of
 * SIGKILL, the groups end with it.
 */
const running = new Set<ChildProcess>()
let watching = false

export function spawnChild(command: string, args: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) {
  watch()
  const child = spawn(command, args, { ...options, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  child.once('close', () => running.delete(child))
  child.once('error', () => running.delete(child))
  return child
}

function watch(): void {
  if (watching) return
  watching = true
  process.once('exit', () => {
    for (const { pid } of running) if (pid !== undefined) killGroup(pid)
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // Somebody else listens: they have their own way to end, and 'exit' comes in time.
      if (process.listenerCount(signal) === 1) process.exit(signal === 'SIGINT' ? 130 : 143)
    })
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has just ended.
  }
}
