import type { KubeClient, PriorityClass } from '@trtc-recorder/kube'
import { resources } from '@trtc-recorder/kube'
import type { Logger } from 'pino'
import { listWatch } from './kube/list-watch.ts'
import { Reflector } from './runtime/reflector.ts'
import { Store } from './runtime/store.ts'

export interface PriorityClassOptions {
  /** Undefined: nothing may be read of the cluster, and `given` is all there is. */
  client: KubeClient | undefined
  /** Name → value. */
  given: Record<string, number>
  resyncMillis: number
  log: Logger
}

export type PriorityClasses = ReturnType<typeof createPriorityClasses>

/**
 * The values of PriorityClasses: those of the cluster, followed by a watch, and before them those that the administrator gave. A class that is not known
 * counts 0, which is also what Kubernetes takes where there is no default.
 */
export function createPriorityClasses({ client, given, resyncMillis, log }: PriorityClassOptions) {
  const store = new Store<PriorityClass>()
  const reflector =
    client &&
    new Reflector({
      name: 'priorityclasses',
      source: listWatch(client, resources.priorityClasses),
      store,
      log,
      resyncMillis,
    })
  const theDefault = () => store.list().find(({ globalDefault }) => globalDefault === true)?.value ?? 0
  return {
    /** Of a class by its name, or of what has none. */
    valueOf: (name: string | undefined): number =>
      name === undefined ? theDefault() : (given[name] ?? store.get(name)?.value ?? 0),
    /** Calls whenever a class comes, goes, or counts otherwise. */
    onChange(hear: (name: string, now: { isThere: boolean }) => void): void {
      store.subscribe((event) => {
        const [before, now] = [event.type === 'updated' ? event.previous : undefined, event.object]
        const isSame = before !== undefined && before.value === now.value && before.globalDefault === now.globalDefault
        if (event.type !== 'resynced' && !isSame) hear(now.metadata.name, { isThere: event.type !== 'deleted' })
      })
    },
    /** Resolves when they are known, or cannot be. */
    answered: reflector?.answered ?? Promise.resolve(),
    run: (signal: AbortSignal): Promise<void> => reflector?.run(signal) ?? Promise.resolve(),
  }
}
