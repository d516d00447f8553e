import { type Recording, recordingFinalizer } from '@trtc-recorder/api'
import { isConflict, isNotFound, type KubeClient, resources } from '@trtc-recorder/kube'
import type { Logger } from 'pino'
import type { Caches } from '../caches.ts'
import { Controller } from '../runtime/controller.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { isKept } from './expiry.ts'

export interface RetentionOptions {
  client: KubeClient
  recordings: Caches['recordings']
  /** Finished Recordings that stay in each namespace. */
  most: number
  log: Logger
  metrics: Pick<Metrics, 'controller'>
}

/** Deleted in one run; what is more comes in the next one. */
const mostAtOnce = 200
/** In front of the name of a namespace, to make a key of the queue that no Recording has. */
const keyFor = (namespace: string) => `${namespace}/*`

/**
 * Those of the finished Recordings of one namespace that are too many: those that were finished first. One that its status alone makes findable (its
 * volumes hold or held what is not in COS), whose callback is not delivered yet, or that somebody keeps neither goes nor counts. Pure.
 */
export function surplusOf(finished: readonly Recording[], most: number): Recording[] {
  const free = finished.filter(mayGo)
  const completed = ({ status }: Recording) => status?.completionTime ?? ''
  return free.toSorted((a, b) => (completed(a) < completed(b) ? -1 : 1)).slice(0, Math.max(0, free.length - most))
}

/** Over, and let go of by the operator: its files are stored, and whoever was to be told was told. */
export const isLetGo = ({ status, metadata }: Recording) =>
  status?.completionTime !== undefined &&
  metadata.deletionTimestamp === undefined &&
  !metadata.finalizers?.includes(recordingFinalizer)

const mayGo = (recording: Recording) =>
  isLetGo(recording) &&
  !isKept(recording) &&
  recording.status?.callback?.state !== 'Pending' &&
  !recording.status?.volumes?.some(({ state }) => state !== 'Empty' && state !== 'Planned')

/**
 * Deletes what is too many in a namespace whenever another one has come to its end, each once however late the cache hears of it. What has changed
 * meanwhile is looked at again.
 */
export function retentionController({ client, recordings, most, log, metrics }: RetentionOptions): Controller {
  const hooks = metrics.controller('retention')
  /** UIDs of those that were deleted here and that no watch has taken out of the cache yet. */
  const going = new Set<string>()
  const controller = new Controller({
    name: 'retention',
    log,
    workers: 2,
    isOutdated: isConflict,
    queue: { observer: hooks.queue },
    observer: hooks.observer,
    async reconcile(key, { signal, log }) {
      const namespace = key.slice(0, -keyFor('').length)
      const finished = recordings.byIndex('finishedIn', namespace).filter(({ metadata }) => !going.has(metadata.uid))
      const surplus = surplusOf(finished, most)
      for (const { metadata } of surplus.slice(0, mostAtOnce)) {
        const { name, uid, resourceVersion } = metadata
        try {
          await client.delete(resources.recordings, { namespace, name }, { uid, resourceVersion, signal })
          going.add(uid)
          log.info({ recording: name, most }, 'Recording was deleted, for more are finished than are kept')
        } catch (error) {
          if (!isNotFound(error) && !isConflict(error)) throw error
        }
      }
      return surplus.length > mostAtOnce ? { requeueAfterMillis: 0 } : undefined
    },
  }).watches(recordings, ({ type, object }) => {
    if (type === 'deleted') going.delete(object.metadata.uid)
    return type !== 'deleted' && isLetGo(object) ? [keyFor(object.metadata.namespace)] : []
  })
  hooks.watchQueue(controller.queue)
  return controller
}
