import { readdirSync, readFileSync } from 'node:fs'

const pids = () => readdirSync('/proc').filter((name) => /^\d+$/.test(name))

/** What a process says of itself; nothing if it has ended meanwhile. */
function read(pid: string, file: 'cmdline' | 'status' | 'cgroup'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}

/** Command lines of everything that runs on this machine, the sandbox's node with its containers among it. */
export const commandLines = (): string[] => pids().map((pid) => read(pid, 'cmdline').replaceAll('\0', ' '))

/** Process 1 of a Pod's container, by its id on this machine. When it ends the kernel ends the container's others. */
export function mainProcessOf(podUid: string): number {
  // The Pod's own sandbox has a process 1 as well: pause.
  const isMain = (pid: string) =>
    read(pid, 'cgroup').includes(podUid) &&
    /^NSpid:.*\t1$/m.test(read(pid, 'status')) &&
    !read(pid, 'cmdline').startsWith('/pause')
  const found = pids().filter(isMain)
  if (found.length !== 1) throw new Error(`Pod ${podUid} has ${found.length} main processes on this machine: ${found.join(', ')}`)
  return Number(found[0])
}
