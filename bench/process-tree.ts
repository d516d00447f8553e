import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const ticksPerSecond = 100

interface Process {
  pid: number
  parent: number
  /** Its name, at most 15 characters. */
  name: string
  /** User and system time of its own, in seconds. */
  cpuSeconds: number
  /** The same of the children that it has waited for. */
  endedCpuSeconds: number
}

/** What a process and all its descendants have used up to a moment. Take the difference of two. */
export interface Usage {
  atMillis: number
  /** Those that have ended included. */
  cpuSeconds: number
  /** By name of the process: node, ffmpeg, and Chromium's. */
  cpuSecondsOf: Record<string, number>
  /** How often a thread had nothing to do and waited. */
  waits: number
}

export function usage(root: number): Usage {
  const members = tree(root)
  const cpuSecondsOf: Record<string, number> = {}
  for (const { name, cpuSeconds } of members) cpuSecondsOf[name] = (cpuSecondsOf[name] ?? 0) + cpuSeconds
  return {
    atMillis: performance.now(),
    cpuSeconds: members.reduce((sum, { cpuSeconds, endedCpuSeconds }) => sum + cpuSeconds + endedCpuSeconds, 0),
    cpuSecondsOf,
    waits: members.reduce((sum, { pid }) => sum + waitsOf(pid), 0),
  }
}

/** What was used between two moments, in cores and times a second. */
export interface Rate {
  cores: number
  coresOf: Record<string, number>
  wakeUpsPerSecond: number
}

export function rate(before: Usage, after: Usage): Rate {
  const seconds = (after.atMillis - before.atMillis) / 1000
  const coresOf = Object.entries(after.cpuSecondsOf).map(([name, cpu]) => [
    name,
    Math.max(0, cpu - (before.cpuSecondsOf[name] ?? 0)) / seconds,
  ])
  return {
    cores: (after.cpuSeconds - before.cpuSeconds) / seconds,
    coresOf: Object.fromEntries(coresOf),
    wakeUpsPerSecond: (after.waits - before.waits) / seconds,
  }
}

/** Used from now on for so many milliseconds, in seconds. */
export async function cpuSecondsOver(root: number, millis: number): Promise<number> {
  const before = usage(root)
  await sleep(millis)
  return usage(root).cpuSeconds - before.cpuSeconds
}

/** Proportional set size of a process and all its descendants, in MB, by program. */
export function pssMegabytesOf(root: number): Record<string, number> {
  const of: Record<string, number> = {}
  for (const { pid, name } of tree(root)) {
    const pss = /^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1]
    of[name] = (of[name] ?? 0) + Number(pss ?? 0) / 1024
  }
  return of
}

export const pssMegabytes = (root: number) => Object.values(pssMegabytesOf(root)).reduce((sum, megabytes) => sum + megabytes, 0)

/** Open files, sockets and pipes of a process and all its descendants. */
export const openFiles = (root: number) => tree(root).reduce((sum, { pid }) => sum + names(`/proc/${pid}/fd`).length, 0)

export const processIds = (root: number) => tree(root).map(({ pid }) => pid)

function tree(root: number): Process[] {
  const all = names('/proc').flatMap((name) => (/^\d+$/.test(name) ? (processOf(Number(name)) ?? []) : []))
  const members = all.filter(({ pid }) => pid === root)
  for (const member of members) members.push(...all.filter(({ parent }) => parent === member.pid))
  return members
}

function processOf(pid: number): Process | undefined {
  const text = read(`/proc/${pid}/stat`)
  // The second field is the name in brackets and may hold anything; the rest follows the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  if (fields.length < 15) return undefined
  const seconds = (field: number) => Number(fields[field]) / ticksPerSecond
  return {
    pid,
    parent: Number(fields[1]),
    name: programOf(text.slice(text.indexOf('(') + 1, text.lastIndexOf(')'))),
    cpuSeconds: seconds(11) + seconds(12),
    endedCpuSeconds: seconds(13) + seconds(14),
  }
}

/** Node names itself after its main thread, Chromium after its file or what it does. */
const programOf = (name: string) => (/^(node|MainThread)/.test(name) ? 'node' : name === 'ffmpeg' ? name : 'chromium')

function waitsOf(pid: number): number {
  const counts = names(`/proc/${pid}/task`).map((task) =>
    Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(read(`/proc/${pid}/task/${task}/status`))?.[1] ?? 0),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}

/** A process may end between being listed and being read. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function names(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
