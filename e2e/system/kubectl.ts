import { type ChildProcess, spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import type { conditionTypes, Recording, RecordingStatus } from '@trtc-recorder/api'
import { ensureBinaries } from '../../sandbox/src/cluster/binaries.ts'
import { kubeconfigFile } from '../../sandbox/src/cluster/index.ts'
import { unseen } from '../../sandbox/src/progress.ts'
import { get, watch } from './watch.ts'

export interface Ran {
  code: number
  stdout: string
  stderr: string
}

/** helm may wait for minutes; it must not outlive whoever asked for it. */
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Runs kubectl or helm on the sandbox's cluster. Never throws for an exit code. */
export async function run(name: 'kubectl' | 'helm', args: readonly string[], input?: string): Promise<Ran> {
  const { [name]: path } = await ensureBinaries([name], unseen)
  const child = spawn(path, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, KUBECONFIG: kubeconfigFile } })
  const ended = new Promise<number>((resolve, reject) => child.once('error', reject).once('close', (code) => resolve(code ?? 1)))
  running.add(child)
  child.once('close', () => running.delete(child))
  child.stdin.on('error', () => {}) // it ended early and says why
  child.stdin.end(input ?? '')
  const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)])
  return { code, stdout, stderr }
}

/** The same for what has to work; gives what it printed. */
export async function must(name: 'kubectl' | 'helm', args: readonly string[], input?: string): Promise<string> {
  const { code, stdout, stderr } = await run(name, args, input)
  if (code !== 0) throw new Error(`${name} ${args.join(' ')} ended with code ${code}: ${stderr.trim() || stdout.trim()}`)
  return stdout
}

export const kubectl = (...args: string[]) => must('kubectl', args)

/** Creates or changes objects, as `kubectl apply` does. YAML takes JSON. */
export const apply = (...objects: object[]) =>
  must('kubectl', ['apply', '-f', '-'], objects.map((object) => JSON.stringify(object)).join('\n---\n'))

export async function getJson<T>(...args: string[]): Promise<T> {
  return JSON.parse(await kubectl('get', ...args, '-o', 'json')) as T
}

/** A kind of objects in a namespace, by its path in the API. */
export const recordingsPath = (namespace: string) => `/apis/trtc-recorder.dev/v1alpha1/namespaces/${namespace}/recordings`
export const clipsPath = (namespace: string) => `/apis/trtc-recorder.dev/v1alpha1/namespaces/${namespace}/recordingclips`
export const podsPath = (namespace: string) => `/api/v1/namespaces/${namespace}/pods`

interface Seen {
  metadata: { name: string }
}

/**
 * Watches a kind of objects until one of that name is as it should be. `undefined` stands for an object that is gone, or is not there.
 * Rejects with what it last was when the time is up.
 */
export async function waitFor<T extends Seen>(
  path: string,
  name: string,
  what: string,
  isGood: (object: T | undefined) => boolean,
  timeoutSeconds = 60,
): Promise<T | undefined> {
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(), timeoutSeconds * 1000)
  let last: T | undefined
  try {
    for (;;) {
      // A watch tells of what there is, but not of what there is not: so look first.
      const { items, metadata } = await get<{ items: T[]; metadata: { resourceVersion: string } }>(path, stop.signal)
      last = items.find((item) => item.metadata.name === name)
      if (isGood(last)) return last
      for await (const { type, object } of watch<T>(path, metadata.resourceVersion, stop.signal)) {
        if (type === 'ERROR') break
        if (type === 'BOOKMARK' || object.metadata.name !== name) continue
        last = type === 'DELETED' ? undefined : object
        if (isGood(last)) return last
      }
      stop.signal.throwIfAborted()
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error
    throw new Error(
      `${name} was not ${what} within ${timeoutSeconds} s. It is: ${JSON.stringify(last, undefined, 1) ?? 'not there'}`,
    )
  } finally {
    clearTimeout(timer)
    stop.abort()
  }
}

export const conditionOf = (status: RecordingStatus | undefined, type: keyof typeof conditionTypes) =>
  status?.conditions?.find((condition) => condition.type === type)

/** Waits until a condition of a Recording has a status (and reason), and gives the Recording as it then is. */
export async function waitForCondition(
  namespace: string,
  name: string,
  type: keyof typeof conditionTypes,
  status: 'True' | 'False' | 'Unknown',
  { reason, timeoutSeconds = 60 }: { reason?: string; timeoutSeconds?: number } = {},
): Promise<Recording> {
  const isGood = (recording: Recording | undefined) => {
    const condition = conditionOf(recording?.status, type)
    return condition?.status === status && (reason === undefined || condition.reason === reason)
  }
  const what = `${type}=${status}${reason === undefined ? '' : ` because of ${reason}`}`
  return (await waitFor<Recording>(recordingsPath(namespace), name, what, isGood, timeoutSeconds))!
}
