import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { stateDirectory } from './cluster/paths.ts'

export const lockFile = (name: string) => join(stateDirectory, 'run', `${name}.lock`)

/**
 * Does the work while no other process of this checkout does work under the same name. The lock belongs to a helper that ends when this
 * process does, so that a killed one holds nothing.
 */
export async function withLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(lockFile(name)), { recursive: true })
  const holder = spawn('flock', [lockFile(name), 'sh', '-c', 'echo; cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(holder, 'close')
  try {
    await Promise.race([
      once(holder.stdout, 'data'),
      ended.then(() => {
        throw new Error(`The lock ${name} could not be had: flock ended`)
      }),
    ])
    return await work()
  } finally {
    holder.stdin.end()
    await ended
  }
}
