import { readdir, readFile } from 'node:fs/promises'

export interface RunningProcess {
  pid: number
  commandLine: string
  environment: string
}

/** A process and everything it started, by parentage. */
export async function processTree(root: number): Promise<RunningProcess[]> {
  const parents = new Map<number, number>()
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const stat = await read(`/proc/${entry}/stat`)
    // The second field, the name, is in brackets and may hold blanks.
    parents.set(Number(entry), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
  }
  const tree = [root]
  for (const pid of tree) tree.push(...[...parents].filter(([, parent]) => parent === pid).map(([child]) => child))
  return Promise.all(
    tree.map(async (pid) => ({
      pid,
      commandLine: await read(`/proc/${pid}/cmdline`),
      environment: await read(`/proc/${pid}/environ`),
    })),
  )
}

/** A process may end between being listed and being read. */
const read = (path: string) => readFile(path, 'utf8').catch(() => '')
