import { setTimeout as sleep } from 'node:timers/promises'
import type { Recording, RecordingPolicy } from '@trtc-recorder/api'
import { isNotFound, type KubeClient, resources } from '@trtc-recorder/kube'
import type { Logger } from 'pino'
import { managedBy, managedByLabel } from '../recordings/names.ts'
import type { Applications } from './applications.ts'
import { follow, growingPause } from './follow.ts'
import { policyLabel } from './names.ts'
import { troubleOf, writeStatus } from './status.ts'

export async function listPolicies(client: KubeClient, namespace: string): Promise<RecordingPolicy[]> {
  const { items } = await client.list(resources.recordingPolicies, { namespace })
  return items
}

export interface Reviewing {
  client: KubeClient
  applications(): Applications
  /** What keeps all policies from being heeded. */
  trouble(): string | undefined
  log: Logger
  now(): Date
  /** What policies of a namespace say is not what they said. */
  onPolicies?: (namespace: string) => void
  /** How long a namespace is left alone after it was looked at, and, counted from 1, after the so-many-th failure in a row. */
  pauseMillis?: { least: number; failed: (failures: number) => number }
}

/** Looks at each policy of a namespace without an event: whether it can hear any, and what became of its last Recording. */
export async function reviewPolicies(
  { client, applications, trouble, now }: Pick<Reviewing, 'client' | 'applications' | 'trouble' | 'now'>,
  namespace: string,
): Promise<void> {
  const review = async (policy: RecordingPolicy) => {
    const isHeard = applications().get(String(policy.spec.sdkAppId))?.namespaces.includes(namespace) ?? false
    return { is: 'reviewed' as const, isHeard, trouble: trouble(), last: await lastRecording(client, policy) }
  }
  for (const policy of await listPolicies(client, namespace)) await writeStatus(client, policy, review, now())
}

async function lastRecording(client: KubeClient, { metadata, status }: RecordingPolicy): Promise<Recording | undefined> {
  if (status?.lastRecording === undefined) return undefined
  return client.get(resources.recordings, { namespace: metadata.namespace, name: status.lastRecording }).catch((error) => {
    if (isNotFound(error)) return undefined
    throw error
  })
}

/** Looks at the policies of a namespace whenever something has happened that they may have to say. */
export class PolicyReviews {
  readonly #options: Reviewing
  readonly #namespaces = new Map<string, { stop: AbortController; done: Promise<unknown>; look(): void }>()

  constructor(options: Reviewing) {
    this.#options = options
  }

  /** These are the namespaces from now on, and each is looked at: other applications may be heard. */
  async lookAt(namespaces: readonly string[]): Promise<void> {
    const gone = [...this.#namespaces].filter(([namespace]) => !namespaces.includes(namespace))
    for (const [namespace, { stop }] of gone) {
      stop.abort()
      this.#namespaces.delete(namespace)
    }
    for (const namespace of namespaces) {
      const known = this.#namespaces.get(namespace)
      if (known === undefined) this.#begin(namespace)
      else known.look()
    }
    await Promise.all(gone.map(([, { done }]) => done))
  }

  stop = (): Promise<void> => this.lookAt([])

  #begin(namespace: string): void {
    const { client, log, onPolicies } = this.#options
    const stop = new AbortController()
    const { look, done } = repeated(() => this.#review(namespace), this.#options.pauseMillis, stop.signal)
    /** UIDs of Recordings that are in trouble. */
    const inTrouble = new Set<string>()
    /** By UID. What is only a status of theirs changes nothing for events. */
    const generations = new Map<string, number>()
    const policies = {
      resource: resources.recordingPolicies,
      scope: { namespace },
      isNews: ({ type, object }: { type: string; object: RecordingPolicy }) => {
        const { uid, generation } = object.metadata
        if (type === 'DELETED' || generations.get(uid) !== generation) onPolicies?.(namespace)
        if (type === 'DELETED') generations.delete(uid)
        else generations.set(uid, generation)
        return true
      },
    }
    const recordings = {
      resource: resources.recordings,
      scope: { namespace, labelSelector: `${managedByLabel}=${managedBy},${policyLabel}` },
      isNews({ type, object }: { type: string; object: Recording }) {
        const { uid } = object.metadata
        const was = inTrouble.has(uid)
        const is = type !== 'DELETED' && troubleOf(object) !== undefined
        if (is) inTrouble.add(uid)
        else inTrouble.delete(uid)
        return is !== was
      },
    }
    const following = [
      follow({ client, log, onNews: look, ...policies }, stop.signal),
      follow({ client, log, onNews: look, ...recordings }, stop.signal),
    ]
    this.#namespaces.set(namespace, { stop, look, done: Promise.all([done, ...following]) })
  }

  async #review(namespace: string): Promise<boolean> {
    try {
      await reviewPolicies(this.#options, namespace)
      return true
    } catch (error) {
      this.#options.log.error({ err: error, namespace }, 'Policies could not be looked at')
      return false
    }
  }
}

const pauses = { least: 1000, failed: growingPause }

/** Runs whenever it was asked to since it last began, and again after a growing pause where it fails. */
function repeated(run: () => Promise<boolean>, { least, failed } = pauses, stopped: AbortSignal) {
  let asked = Promise.withResolvers<void>()
  const end = new Promise<void>((resolve) => stopped.addEventListener('abort', () => resolve(), { once: true }))
  const pause = (millis: number) => sleep(millis, undefined, { signal: stopped }).catch(() => {})
  async function work(): Promise<void> {
    let failures = 0
    while (!stopped.aborted) {
      await Promise.race([asked.promise, end])
      if (stopped.aborted) return
      asked = Promise.withResolvers()
      failures = (await run()) ? 0 : failures + 1
      if (failures > 0) asked.resolve()
      await pause(failures > 0 ? failed(failures) : least)
    }
  }
  return { look: () => asked.resolve(), done: work() }
}
