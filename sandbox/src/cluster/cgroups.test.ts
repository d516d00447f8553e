import { expect, it } from 'vitest'
import { hierarchies } from './cgroups.ts'

it('finds every cgroup hierarchy of a machine that has both versions', () => {
  const mountinfo = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw
31 30 0:27 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
32 30 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
`
  expect(hierarchies(mountinfo)).toEqual([
    { path: '/sys/fs/cgroup/memory', version: 1 },
    { path: '/sys/fs/cgroup/unified', version: 2 },
  ])
})
