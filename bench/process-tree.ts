import { readdirSync, readFileSync } from 'node:fs'

const ticksPerSecond = 100

interface Stat {
  pid: number
  parent: number
  /** User and system time of the process and of the children it has waited for, in seconds. */
  cpuSeconds: number
}

function stats(): Stat[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const text = readFileSync(`/proc/${name}/stat`, 'utf8')
        // The second field is the command in parentheses and may hold anything; the rest follows the last one.
        const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
        const times = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
        return [{ pid: Number(name), parent: Number(fields[1]), cpuSeconds: times / ticksPerSecond }]
      } catch {
        return [] // it ended while we looked
      }
    })
}

function tree(root: number): Stat[] {
  const all = stats()
  const members = all.filter((stat) => stat.pid === root)
  for (const member of members) members.push(...all.filter((stat) => stat.parent === member.pid))
  return members
}

/** CPU time of a process and all its descendants, in seconds. Take the difference of two readings. */
export const cpuSeconds = (root: number) => tree(root).reduce((sum, stat) => sum + stat.cpuSeconds, 0)

/** Proportional set size of a process and all its descendants, in MB. */
export const pssMegabytes = (root: number) =>
  tree(root).reduce((sum, { pid }) => {
    try {
      return sum + Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) / 1024
    } catch {
      return sum
    }
  }, 0)
