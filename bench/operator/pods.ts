import { controlAnnotation } from '../../api/src/index.ts'
import type { KubeClient, KubeObject, New, PersistentVolumeClaim, Pod } from '../../kube/src/index.ts'
import { isConflict, isNotFound, resources } from '../../kube/src/index.ts'
import { listWatch } from '../../operator/src/kube/list-watch.ts'
import { aResult } from '../../operator/src/recording/testing.ts'
import { endPod, enter } from '../../operator/src/recording/testing-pods.ts'
import { Reflector } from '../../operator/src/runtime/reflector.ts'
import { Store } from '../../operator/src/runtime/store.ts'
import { WorkQueue } from '../../operator/src/runtime/workqueue.ts'
import { createLog } from '../../operator/src/telemetry/log.ts'
import { nextAddress } from './recorders.ts'

/**
 * The Pods of a cluster without nodes: says when each was made and when it was to end, and plays scheduler, kubelet and recorder for them
 * once it is asked to.
 */
export class Pods {
  /** `performance.now()` when a Pod was first seen, by its name. */
  readonly made = new Map<string, number>()
  /** The same for when it was first asked to end: told to stop, or deleted. */
  readonly deleted = new Map<string, number>()
  #plays = false
  readonly #client: KubeClient
  readonly #store = new Store<Pod>()
  readonly #volumes = new Store<PersistentVolumeClaim>()
  readonly #queue = new WorkQueue({ failureInitialMillis: 50 })
  readonly #stop = new AbortController()
  readonly #running: Promise<unknown>

  constructor(client: KubeClient, namespace: string) {
    this.#client = client
    this.#store.subscribe(({ type, object }) => {
      const { metadata } = object
      const now = performance.now()
      if (type === 'added') this.made.set(metadata.name, now)
      if (isToEnd(object) && !this.deleted.has(metadata.name)) this.deleted.set(metadata.name, now)
      if (this.#plays) this.#queue.add(`${namespace}/${metadata.name}`)
    })
    const log = createLog('error', process.stderr)
    const source = listWatch(client, resources.pods, { namespace })
    const reflector = new Reflector({ name: 'pods', source, store: this.#store, namespace, log })
    const volumes = new Reflector({
      ...{ name: 'volumes', source: listWatch(client, resources.persistentVolumeClaims, { namespace }), store: this.#volumes },
      ...{ namespace, log },
    })
    this.#volumes.subscribe(({ object: { metadata } }) => {
      if (this.#plays && metadata.deletionTimestamp !== undefined) this.#queue.add(`volume:${namespace}/${metadata.name}`)
    })
    const workers = Array.from({ length: 32 }, () => this.#work())
    this.#running = Promise.all([reflector.run(this.#stop.signal), volumes.run(this.#stop.signal), ...workers])
  }

  get size(): number {
    return this.#store.size
  }

  /** From now on Pods come into the room, and end when they are asked to. */
  play(): void {
    this.#plays = true
    for (const { metadata } of this.#store.values()) this.#queue.add(`${metadata.namespace}/${metadata.name}`)
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    this.#queue.shutDown()
    await this.#running
  }

  async #work(): Promise<void> {
    for (let key = await this.#queue.get(); key !== undefined; key = await this.#queue.get()) {
      const pod = this.#store.get(key)
      const volume = this.#volumes.get(key.slice(key.indexOf(':') + 1))
      try {
        if (pod !== undefined) await this.#step(pod)
        else if (volume !== undefined) await this.#free(volume)
      } catch (error) {
        if (!isConflict(error) && !isNotFound(error)) this.#queue.addRateLimited(key)
      }
      this.#queue.done(key)
    }
  }

  async #step(pod: Pod): Promise<void> {
    const { metadata, spec, status } = pod
    const isOver = status?.phase === 'Succeeded' || status?.phase === 'Failed'
    if (metadata.deletionTimestamp !== undefined) {
      if (!isOver && spec?.nodeName) {
        await this.#write(pod, (copy) => endPod(copy, new Date(), aResult({ stopReason: 'StopRequested' })))
      } else {
        await this.#client.delete(resources.pods, metadata, { gracePeriodSeconds: 0, uid: metadata.uid })
      }
    } else if (!spec?.nodeName) {
      await this.#client.create({ ...resources.pods, plural: `pods/${metadata.name}/binding` }, bindingOf(metadata) as New<Pod>)
    } else if (status?.phase !== 'Running' && !isOver) {
      await this.#write(pod, (copy) => {
        enter(copy, new Date())
        copy.status!.podIP = nextAddress()
      })
    } else if (isToEnd(pod) && !isOver) {
      await this.#write(pod, (copy) => endPod(copy, new Date(), aResult({ stopReason: 'StopRequested' })))
    }
  }

  /** What the controller that protects volumes in use does when no Pod has them any more. */
  async #free({ metadata }: PersistentVolumeClaim): Promise<void> {
    const patch = { type: 'merge' as const, body: { metadata: { finalizers: null } } }
    await this.#client.patch(resources.persistentVolumeClaims, metadata, patch)
  }

  async #write(pod: Pod, change: (pod: Pod) => void): Promise<void> {
    const copy = structuredClone(pod)
    change(copy)
    this.#store.wrote(await this.#client.replace(resources.pods, copy, { subresource: 'status' }))
  }
}

const isToEnd = ({ metadata }: Pod) =>
  metadata.deletionTimestamp !== undefined || metadata.annotations?.[controlAnnotation]?.includes('"Stopped"') === true

const bindingOf = ({ namespace, name }: KubeObject['metadata']) => ({
  apiVersion: 'v1',
  kind: 'Binding',
  metadata: { namespace, name },
  target: { apiVersion: 'v1', kind: 'Node', name: 'node-1' },
})
