import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

interface Hierarchy {
  path: string
  version: 1 | 2
}

/** The cgroup file systems of this machine: one of version 2, or one for each controller of version 1, or both. */
export function hierarchies(mountinfo = readFileSync('/proc/self/mountinfo', 'utf8')): Hierarchy[] {
  return mountinfo.split('\n').flatMap((line): Hierarchy[] => {
    const [mount, fileSystem] = line.split(' - ')
    const path = mount?.split(' ')[4]
    const type = fileSystem?.split(' ')[0]
    if (path === undefined || (type !== 'cgroup' && type !== 'cgroup2')) return []
    return [{ path, version: type === 'cgroup2' ? 2 : 1 }]
  })
}

/** Puts the process into a group of its own in every hierarchy, so that all that comes of it can be found and removed. */
export function enterGroup(groupName: string, pid: number): void {
  for (const { path, version } of hierarchies()) {
    const group = join(path, groupName)
    if (version === 2) enableControllers(path)
    mkdirSync(group, { recursive: true })
    if (version === 1 && existsSync(join(group, 'cpuset.cpus'))) {
      // A new group of this controller is empty and takes no process before it is given what its parent has.
      for (const file of ['cpuset.cpus', 'cpuset.mems']) writeFileSync(join(group, file), readFileSync(join(path, file)))
    }
    writeFileSync(join(group, 'cgroup.procs'), String(pid))
  }
}

/** Moves the processes from the group into a leaf of it: in version 2 a group with processes cannot have groups with limits below it. */
export function moveToLeaf(groupName: string, pids: readonly number[]): void {
  for (const { path, version } of hierarchies()) {
    if (version !== 2) continue
    const leaf = join(path, groupName, 'init')
    mkdirSync(leaf, { recursive: true })
    for (const pid of pids) writeFileSync(join(leaf, 'cgroup.procs'), String(pid))
  }
}

function enableControllers(path: string): void {
  const control = join(path, 'cgroup.subtree_control')
  const enabled = readFileSync(control, 'utf8').split(/\s+/)
  for (const controller of readFileSync(join(path, 'cgroup.controllers'), 'utf8').split(/\s+/)) {
    if (controller === '' || enabled.includes(controller)) continue
    try {
      writeFileSync(control, `+${controller}`)
    } catch {
      // A controller that cannot be given away is missed only if the kubelet needs it, and then it says so.
    }
  }
}

/** Removes the groups of this name. The kernel needs a moment after the last process has ended. */
export async function removeGroups(groupName: string): Promise<void> {
  for (const { path } of hierarchies()) {
    const group = join(path, groupName)
    for (let attempt = 0; existsSync(group) && attempt < 40; attempt++) {
      try {
        removeTree(group)
      } catch {
        await sleep(50)
      }
    }
  }
}

function removeTree(group: string): void {
  for (const entry of readdirSync(group, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(join(group, entry.name))
  }
  rmdirSync(group)
}
