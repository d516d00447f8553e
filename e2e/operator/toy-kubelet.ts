import type { Recording, TerminationMessage } from '@trtc-recorder/api'
import type { KubeClient, KubeObject, New, Pod, Resource } from '../../kube/src/index.ts'
import { isConflict, isNotFound, resources } from '../../kube/src/index.ts'
import { toldControl } from '../../operator/src/recording/control.ts'
import { endPod, enter } from '../../operator/src/recording/testing-pods.ts'

/**
 * Does to Pods what scheduler and kubelet would: binds them, says that they are in the room, and that they have ended when they are
 * deleted; takes the protection off volumes that no Pod uses. Which result a recorder leaves is the test's to say.
 */
export class ToyKubelet {
  /** What recorders say that are asked to end: told to stop, or deleted. */
  onDelete: (pod: Pod) => TerminationMessage | undefined
  /** What recorders in the room come to by themselves; undefined: they stay. */
  onRunning: (pod: Pod) => TerminationMessage | undefined = () => undefined
  /** Names of all Pods ever seen live. */
  readonly seen = new Set<string>()
  /** Most live Pods seen at once. */
  mostAtOnce = 0
  readonly #client: KubeClient
  readonly #namespace: string
  #running = true
  readonly #done: Promise<void>

  constructor(client: KubeClient, namespace: string, onDelete: ToyKubelet['onDelete']) {
    this.#client = client
    this.#namespace = namespace
    this.onDelete = onDelete
    this.#done = this.#run()
  }

  async stop(): Promise<void> {
    this.#running = false
    await this.#done
  }

  async #run(): Promise<void> {
    while (this.#running) {
      try {
        const { items } = await this.#client.list(resources.pods, { namespace: this.#namespace })
        const live = items.filter((pod) => !isOver(pod))
        this.mostAtOnce = Math.max(this.mostAtOnce, live.length)
        for (const pod of live) this.seen.add(pod.metadata.name)
        for (const pod of items) await this.#look(pod).catch(unlessOutdated)
        if (live.length === 0) await this.#freeVolumes()
      } catch {
        // The API server was stopped by the test.
      }
      await new Promise((resolve) => setTimeout(resolve, 30))
    }
  }

  async #look(pod: Pod): Promise<void> {
    const { metadata } = pod
    const isDeleted = metadata.deletionTimestamp !== undefined
    if (isOver(pod)) {
      if (isDeleted) await this.#client.delete(resources.pods, metadata, { gracePeriodSeconds: 0, uid: metadata.uid })
    } else if (!pod.spec?.nodeName) {
      if (!isDeleted) await this.#client.create(binding(metadata.name), bindingOf(metadata))
    } else if (isDeleted || isAskedToStop(pod)) {
      await this.#write(pod, (copy) => endPod(copy, new Date(), this.onDelete(pod)))
    } else if (pod.status?.phase !== 'Running') {
      await this.#write(pod, (copy) => enter(copy, new Date()))
    } else {
      const result = toldControl(pod)?.desiredState === 'Stopped' ? this.onDelete(pod) : this.onRunning(pod)
      if (result !== undefined) await this.#write(pod, (copy) => endPod(copy, new Date(), result))
    }
  }

  async #write(pod: Pod, change: (pod: Pod) => void): Promise<void> {
    const copy = structuredClone(pod)
    change(copy)
    await this.#client.replace(resources.pods, copy, { subresource: 'status' })
  }

  async #freeVolumes(): Promise<void> {
    const { items } = await this.#client.list(resources.persistentVolumeClaims, { namespace: this.#namespace })
    for (const { metadata } of items.filter((claim) => claim.metadata.deletionTimestamp !== undefined)) {
      await this.#client
        .patch(resources.persistentVolumeClaims, metadata, { type: 'merge', body: { metadata: { finalizers: null } } })
        .catch(unlessOutdated)
    }
  }
}

const isAskedToStop = ({ metadata }: Pod) => metadata.annotations?.['trtc-recorder.dev/control']?.includes('"Stopped"') ?? false

export const isOver = (pod: Pod) => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

const binding = (pod: string): Resource => ({
  group: '',
  version: 'v1',
  plural: `pods/${pod}/binding`,
  kind: 'Binding',
  namespaced: true,
})

const bindingOf = ({ namespace, name }: Recording['metadata']) =>
  ({
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { namespace, name },
    target: { apiVersion: 'v1', kind: 'Node', name: 'node-1' },
  }) as New<KubeObject>

function unlessOutdated(error: unknown): void {
  if (!isNotFound(error) && !isConflict(error)) throw error
}
