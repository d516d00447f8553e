import { spawn } from 'node:child_process'
import { apiVersion, clipKind, type Recording, type RecordingClip, type RecordingClipSpec } from '@trtc-recorder/api'
import { whatIsMissing } from './rights.ts'

/** The cluster as the user's own kubectl reaches it: every kubeconfig, credential plugin and proxy that works there works here. */
export interface Kubectl {
  /** What `kubectl ARGS` prints, with `input` on its stdin. Rejects with what it says on stderr. */
  read(args: readonly string[], input?: string): Promise<string>
  /** Lets `kubectl ARGS` print to the terminal. Resolves with its exit code. */
  show(args: readonly string[]): Promise<number>
}

export interface PodSummary {
  metadata: { name: string }
}

export interface EventSummary {
  type?: string
  reason?: string
  message?: string
  /** RFC 3339. Empty where the API server has none. */
  time: string
  count: number
}

/** `globalFlags`: those that every kubectl command takes, such as `--namespace` and `--context`. */
export function userKubectl(globalFlags: readonly string[], command = process.env.KUBECTL ?? 'kubectl'): Kubectl {
  const start = (args: readonly string[], stdout: 'pipe' | 'inherit', stdin: 'pipe' | 'ignore' = 'ignore') =>
    spawn(command, [...args, ...globalFlags], { stdio: [stdin, stdout, 'pipe'] })
  return {
    read: (args, input) =>
      new Promise((resolve, reject) => {
        const child = start(args, 'pipe', input === undefined ? 'ignore' : 'pipe')
        // Of a pipe that it closes early its exit says more.
        child.stdin?.on('error', () => {}).end(input)
        let [out, err] = ['', '']
        child.stdout?.setEncoding('utf8').on('data', (text: string) => {
          out += text
        })
        child.stderr?.setEncoding('utf8').on('data', (text: string) => {
          err += text
        })
        child.once('error', (error) => reject(new Error(`${command} cannot be run: ${error.message}`)))
        child.once('close', (code) =>
          code === 0
            ? resolve(out)
            : reject(new Error(withHelp(err.trim() || `${command} ${args[0]} ended with exit code ${code}`))),
        )
      }),
    show: (args) =>
      new Promise((resolve, reject) => {
        const child = start(args, 'inherit')
        child.once('error', (error) => reject(new Error(`${command} cannot be run: ${error.message}`)))
        let err = ''
        child.stderr?.setEncoding('utf8').on('data', (text: string) => {
          err = (err + text).slice(-4000)
          process.stderr.write(text)
        })
        child.once('close', (code) => {
          const help = code === 0 ? undefined : whatIsMissing(err)
          if (help !== undefined) process.stderr.write(`${help}\n`)
          resolve(code ?? 1)
        })
      }),
  }
}

function withHelp(said: string): string {
  const help = whatIsMissing(said)
  return help === undefined ? said : `${said}\n${help}`
}

const resource = 'recordings.trtc-recorder.dev'

export const getRecording = async (kubectl: Kubectl, name: string): Promise<Recording> =>
  JSON.parse(await kubectl.read(['get', resource, checked(name), '--output', 'json']))

export const patchRecording = async (kubectl: Kubectl, name: string, patch: object): Promise<string> =>
  kubectl.read(['patch', resource, checked(name), '--type', 'merge', '--patch', JSON.stringify(patch)])

/** kubectl would take it for a flag, or for a kind. */
function checked(name: string): string {
  if (/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name)) return name
  throw new Error(`${JSON.stringify(name)} can be no name of a Recording; give the name alone, such as math`)
}

const clipResource = 'recordingclips.trtc-recorder.dev'

/** Where `kubectl wait` finds it. */
export const clipTarget = (name: string) => `${clipResource}/${name}`

export const getClip = async (kubectl: Kubectl, name: string): Promise<RecordingClip> =>
  JSON.parse(await kubectl.read(['get', clipResource, name, '--output', 'json']))

/** Made by the API server, which names what it does not take. */
export const createClip = async (
  kubectl: Kubectl,
  metadata: { name: string } | { generateName: string },
  spec: Partial<RecordingClipSpec>,
): Promise<RecordingClip> =>
  JSON.parse(
    await kubectl.read(
      ['create', '--filename', '-', '--output', 'json'],
      JSON.stringify({ apiVersion, kind: clipKind, metadata, spec }),
    ),
  )

/** Oldest first. Kubernetes forgets Events after an hour. */
export async function eventsOf(kubectl: Kubectl, uid: string): Promise<EventSummary[]> {
  const selector = ['--field-selector', `involvedObject.uid=${uid}`]
  const { items } = JSON.parse(await kubectl.read(['get', 'events', ...selector, '--output', 'json'])) as { items: RawEvent[] }
  return items
    .map(({ type, reason, message, series, count, lastTimestamp, eventTime, metadata }) => ({
      ...(type === undefined ? {} : { type }),
      ...(reason === undefined ? {} : { reason }),
      ...(message === undefined ? {} : { message }),
      time: series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? '',
      count: series?.count ?? count ?? 1,
    }))
    .sort((a, b) => a.time.localeCompare(b.time))
}

interface RawEvent {
  type?: string
  reason?: string
  message?: string
  series?: { count: number; lastObservedTime?: string }
  count?: number | null
  lastTimestamp?: string | null
  eventTime?: string | null
  metadata: { creationTimestamp?: string }
}
