import { quantityValue } from '@trtc-recorder/api'
import type { KubeClient, ResourceQuota } from '@trtc-recorder/kube'
import { resources } from '@trtc-recorder/kube'
import type { Logger } from 'pino'
import { listWatch } from './kube/list-watch.ts'
import { Reflector } from './runtime/reflector.ts'
import { Store, type StoreEvent } from './runtime/store.ts'

export interface QuotaOptions {
  client: KubeClient
  /** None: all of them. */
  namespaces: readonly string[]
  resyncMillis: number
  log: Logger
}

/** Who may not read them is not told so every minute. */
const backoff = { initialMillis: 800, maxMillis: 300_000, factor: 2, jitter: 1, resetAfterMillis: 120_000 }

/**
 * The ResourceQuotas of the cluster, followed for one thing: that one has room which it had not before, whoever made it. Nothing rests on them: where
 * they may not be read, what a quota refused is tried again by the clock alone.
 */
export function createQuotas({ client, namespaces, resyncMillis, log }: QuotaOptions) {
  const store = new Store<ResourceQuota>({
    onHandlerError: (error) => log.error({ err: error, resource: 'resourcequotas' }, 'Handler of a cache failed'),
  })
  const scopes = namespaces.length === 0 ? [{}] : namespaces.map((namespace) => ({ namespace }))
  const trim = ({ metadata: { name, namespace, uid, resourceVersion, generation, creationTimestamp }, status }: ResourceQuota) =>
    ({ metadata: { name, namespace, uid, resourceVersion, generation, creationTimestamp }, status }) as ResourceQuota
  const reflectors = scopes.map((scope) => {
    const source = listWatch(client, resources.resourceQuotas, scope)
    return new Reflector({ name: 'resourcequotas', source, store, ...scope, log, trim, resyncMillis, backoff })
  })
  return {
    /** Calls with a namespace whenever a quota of it has room. */
    onRoom(hear: (namespace: string) => void): void {
      store.subscribe((event) => {
        if (hasMoreRoom(event)) hear(event.object.metadata.namespace)
      })
    },
    run: (signal: AbortSignal): Promise<unknown> => Promise.all(reflectors.map((reflector) => reflector.run(signal))),
  }
}

/** Of any of the resources that it limits. What the server has not reckoned yet counts as none. */
export function hasMoreRoom(event: StoreEvent<ResourceQuota>): boolean {
  if (event.type === 'deleted') return true
  if (event.type !== 'updated') return false
  const before = event.previous.status?.hard ?? {}
  const now = event.object.status?.hard ?? {}
  if (Object.keys(before).some((resource) => now[resource] === undefined)) return true
  return Object.keys(now).some((resource) => {
    const [had, has] = [roomOf(event.previous, resource), roomOf(event.object, resource)]
    return had.text !== has.text && !(has.value <= had.value)
  })
}

/** How much may still be used. A quantity that this project has no use for, such as `1e3`, is told apart by its text alone. */
function roomOf({ status }: ResourceQuota, resource: string): { value: number; text: string } {
  const hard = status?.hard?.[resource]
  const used = status?.used?.[resource] ?? '0'
  return {
    value: hard === undefined ? Number.NEGATIVE_INFINITY : quantityValue(hard) - quantityValue(used),
    text: `${used} of ${hard}`,
  }
}
