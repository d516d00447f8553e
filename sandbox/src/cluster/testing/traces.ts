import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { nodes } from '../addresses.ts'
import { hierarchies } from '../cgroups.ts'

/** What a cluster could leave on the machine. */
export function traces() {
  return {
    interfaces: Object.keys(networkInterfaces()).sort(),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8').split('\n').length,
    routes: readFileSync('/proc/net/route', 'utf8'),
    groups: hierarchies().filter(({ path }) => nodes.some(({ cgroup }) => existsSync(join(path, cgroup)))),
    processes: readdirSync('/proc').filter((pid) => {
      try {
        // Not etcd and the API server: other tests run those by themselves, and Docker has a containerd.
        return /^(kubelet|kube-proxy|kube-scheduler)/.test(readFileSync(`/proc/${pid}/comm`, 'utf8'))
      } catch {
        return false
      }
    }).length,
  }
}
