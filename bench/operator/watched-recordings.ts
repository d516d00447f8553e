import { isDeepStrictEqual } from 'node:util'
import type { Recording, RecordingStatus } from '@trtc-recorder/api'
import { type KubeClient, resources } from '../../kube/src/index.ts'
import { listWatch } from '../../operator/src/kube/list-watch.ts'
import { Reflector } from '../../operator/src/runtime/reflector.ts'
import { Store } from '../../operator/src/runtime/store.ts'
import { createLog } from '../../operator/src/telemetry/log.ts'

/** All Recordings of a namespace as they are, and how often a status was written that only told of progress, or of one that waits to be started. */
export class WatchedRecordings {
  progressWrites = 0
  writesBeforeStarted = 0
  readonly #store = new Store<Recording>()
  readonly #stop = new AbortController()
  readonly #running: Promise<void>

  constructor(client: KubeClient, namespace: string) {
    const source = listWatch(client, resources.recordings, { namespace })
    const log = createLog('error', process.stderr)
    this.#store.subscribe((event) => {
      if (event.type !== 'updated') return
      const [before, after] = [event.previous.status, event.object.status]
      if (onlyProgressed(before, after)) this.progressWrites += 1
      else if (!isDeepStrictEqual(before, after) && !isStarted(event.object) && !isEnded(event.object))
        this.writesBeforeStarted += 1
    })
    this.#running = new Reflector({ name: 'recordings', source, store: this.#store, namespace, log }).run(this.#stop.signal)
  }

  count(matches: (recording: Recording) => boolean): number {
    let count = 0
    for (const recording of this.#store.values()) if (matches(recording)) count += 1
    return count
  }

  /** By `namespace/name`. */
  get(key: string): Recording | undefined {
    return this.#store.get(key)
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }
}

export const isStarted = ({ status }: Recording) => status?.startTime !== undefined
const isEnded = ({ status }: Recording) => status?.completionTime !== undefined
/** Over, tidied up and let go of. */
export const isOver = (recording: Recording) => isEnded(recording) && !recording.metadata.finalizers?.length

function onlyProgressed(before: RecordingStatus | undefined, after: RecordingStatus | undefined): boolean {
  if (before === undefined || after === undefined || isDeepStrictEqual(before, after)) return false
  return isDeepStrictEqual(withoutProgress(before), withoutProgress(after))
}

function withoutProgress(status: RecordingStatus) {
  const { participants: _, fileCount: __, recordedBytes: ___, uploadedBytes: ____, conditions = [], ...rest } = status
  return { ...rest, conditions: conditions.map(({ message: _, ...condition }) => condition) }
}
