import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { spawnChild } from '../children.ts'
import { cacheDirectory } from '../cluster/paths.ts'

/** Where layers live between builds; nothing in the machine's own container storage is touched. */
export const buildahRoot = () => join(cacheDirectory(), 'buildah')

/** How long the last lines of a failed command are. */
const tailLines = 25

/**
 * Runs buildah with the cache's own storage, one at a time, in mount and PID namespaces of its own: what it mounts and starts goes with
 * it, however it ends. Each line of output goes to `onLine`; the promise has all of stdout.
 */
export function buildah(args: readonly string[], onLine: (line: string) => void = () => {}): Promise<string> {
  const root = buildahRoot()
  mkdirSync(join(root, 'run'), { recursive: true })
  const script =
    'mount -t tmpfs buildah "$1/run" && root=$1 && shift && exec buildah --root "$root/storage" --runroot "$root/run" "$@"'
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private']
  return command('flock', [join(root, 'lock'), 'unshare', ...namespaces, 'sh', '-c', script, 'sh', root, ...args], onLine)
}

/** Runs a command to its end and returns its stdout; its last lines are in the error if it fails. */
export function command(name: string, args: readonly string[], onLine: (line: string) => void = () => {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawnChild(name, args)
    const tail: string[] = []
    let stdout = ''
    let partial = ''
    const read = (text: string) => {
      const lines = (partial + text).split('\n')
      partial = lines.pop() ?? ''
      for (const line of lines) {
        tail.push(line)
        if (tail.length > tailLines) tail.shift()
        if (line.trim() !== '') onLine(line.trim())
      }
    }
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      read(text)
    })
    child.stderr.setEncoding('utf8').on('data', read)
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (code === 0) return resolve(stdout)
      const said = [...tail, partial].join('\n').trim()
      reject(new Error(`${name} ${args.join(' ')} ended with ${signal ?? `exit code ${code}`}:\n${said}`))
    })
  })
}
