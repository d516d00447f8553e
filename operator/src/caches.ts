import { keyPrefix, type Recording, type RecordingClip } from '@trtc-recorder/api'
import type { KubeClient, KubeObject, PersistentVolumeClaim, Pod, Resource } from '@trtc-recorder/kube'
import { resources } from '@trtc-recorder/kube'
import type { Logger } from 'pino'
import { abridgedPod, abridgedRecording, withoutBallast } from './abridged.ts'
import { clipOf } from './clip/names.ts'
import { clipRefused } from './clip/stage.ts'
import { listWatch } from './kube/list-watch.ts'
import { controllingRecording, labels, managedSelector } from './recording/names.ts'
import { refusedIn } from './recording/refusal.ts'
import { refused } from './recording/stage.ts'
import { keyOf, ownerKey } from './runtime/objects.ts'
import { Reflector } from './runtime/reflector.ts'
import { SharedValues } from './runtime/shared-values.ts'
import { type Indexers, Store } from './runtime/store.ts'
import type { Metrics } from './telemetry/metrics.ts'

export type ClipIndex = 'recording' | 'refused'
export type RecordingIndex = 'identity' | 'folder' | 'finishedIn' | 'refused'

/** What the operator knows of the cluster. Pods and volumes are found by whom they were made for (`ownerKey`): a Recording, or a clip. */
export interface Caches {
  recordings: Store<Recording, RecordingIndex>
  pods: Store<Pod, 'owner'>
  /** By the key of their Recording. */
  clips: Store<RecordingClip, ClipIndex>
  claims: Store<PersistentVolumeClaim, 'owner'>
  reflectors: readonly CacheReflector[]
  /** Resolves when everything has been read once. */
  synced: Promise<unknown>
  /** Resolves when everything has been read once, but for what the API server says cannot be read, such as a namespace that is not there. */
  answered: Promise<unknown>
  /** Namespaces of which not all could be read yet; `''` stands for all of them. */
  unread(): string[]
  /**
   * Reads Recordings and Pods from the API server itself, so that all that was written before is known. What has gone meanwhile stays until a watch
   * says so.
   */
  catchUp(signal: AbortSignal): Promise<void>
  /** Runs until the signal is aborted. */
  run(signal: AbortSignal): Promise<unknown>
}

type CacheReflector = Pick<Reflector<KubeObject>, 'name' | 'namespace' | 'hasSynced' | 'idleMillis'>

export interface CacheOptions {
  client: KubeClient
  /** None: all of them. */
  namespaces: readonly string[]
  resyncMillis: number
  log: Logger
  metrics: Pick<Metrics, 'reflector'>
}

/** Two Recordings with one identity would make TRTC remove each other’s recorder from the room for ever. */
export const identityOf = ({ spec }: Pick<Recording, 'spec'>): string => [roomOf(spec), spec.userId].join('\n')

const roomOf = ({ sdkAppId, roomId, strRoomId }: Recording['spec']): string =>
  [sdkAppId, roomId === undefined ? `name:${strRoomId}` : `number:${roomId}`].join('\n')

/**
 * Where its files go and what room they are of: two Recordings that are alike in this may give two files one name. A bucket has one name whatever domain it is
 * reached by, and files of sound and of pictures have different extensions.
 */
export const folderOf = ({ spec }: Pick<Recording, 'spec'>): string =>
  [spec.cos.bucket, keyPrefix(spec.cos.path), roomOf(spec), spec.mode === '00' ? 'mp3' : 'mp4'].join('\n')

/** Recordings are found by who they are in which room, and where their files go while they make some, those that are over by their namespace, and those that the API server refuses something by why. */
export const recordingIndexers: Indexers<Recording, RecordingIndex> = {
  identity: (recording) => [identityOf(recording)],
  folder: (recording) => (recording.status?.completionTime === undefined ? [folderOf(recording)] : []),
  finishedIn: ({ status, metadata }) => (status?.completionTime === undefined ? [] : [metadata.namespace]),
  refused: ({ status = {}, metadata }) => whereRefused(metadata, (word) => refused(status, word)),
}

/** Clips are found by their Recording, and those that the API server refuses a Pod by why. */
export const clipIndexers: Indexers<RecordingClip, ClipIndex> = {
  recording: (clip) => [recordingKeyOf(clip)],
  refused: ({ status, metadata }) => whereRefused(metadata, (word) => clipRefused(status, word)),
}

function whereRefused({ namespace }: { namespace: string }, refused: (word: keyof typeof refusedIn) => object | undefined) {
  const words = Object.keys(refusedIn) as (keyof typeof refusedIn)[]
  return words.filter((word) => refused(word) !== undefined).map((word) => refusedIn[word](namespace))
}

/** The key of the Recording that a clip is cut from. */
export const recordingKeyOf = ({ metadata, spec }: RecordingClip) =>
  keyOf({ namespace: metadata.namespace, name: spec.recordingRef.name })

/** By the owner's UID, and by the label, which a retained volume has alone. */
export const ownedIndexers: Indexers<KubeObject, 'owner'> = {
  owner(object) {
    const { namespace } = object.metadata
    const uids = [controllingRecording(object)?.uid, clipOf(object)?.uid, object.metadata.labels?.[labels.recordingUid]]
    return [...new Set(uids.flatMap((uid) => (uid === undefined ? [] : ownerKey({ namespace, uid }))))]
  },
}

export function createCaches({ client, namespaces, resyncMillis, log, metrics }: CacheOptions): Caches {
  const reflectors: (CacheReflector & Pick<Reflector<KubeObject>, 'synced' | 'answered' | 'run'>)[] = []

  const values = new SharedValues()
  function cache<T extends KubeObject, Name extends string>(
    resource: Resource<T>,
    indexers: Indexers<T, Name>,
    keep: (object: T) => T,
    labelSelector?: string,
  ): Store<T, Name> {
    const trim = (object: T) => values.share(keep(object))
    const store = new Store<T, Name>({
      indexers,
      trim,
      onHandlerError: (error) => log.error({ err: error, resource: resource.plural }, 'Handler of a cache failed'),
    })
    const scopes = namespaces.length === 0 ? [{}] : namespaces.map((namespace) => ({ namespace }))
    const observer = metrics.reflector(resource.plural)
    for (const scope of scopes) {
      const source = listWatch(client, resource, { ...scope, ...(labelSelector === undefined ? {} : { labelSelector }) })
      const name = resource.plural
      reflectors.push(new Reflector({ name, source, store, ...scope, log, trim, resyncMillis, observer }))
    }
    return store
  }

  const recordings = cache(resources.recordings, recordingIndexers, abridgedRecording)
  const pods = cache(resources.pods, ownedIndexers, abridgedPod, managedSelector)

  async function catchUp(signal: AbortSignal): Promise<void> {
    const served = namespaces.length === 0 ? [undefined] : namespaces.filter((namespace) => recordings.hasSynced(namespace))
    for (const namespace of served) {
      for await (const recording of all(client, resources.recordings, { namespace, signal })) recordings.wrote(recording)
      const ofOurs = { namespace, signal, labelSelector: managedSelector }
      for await (const pod of all(client, resources.pods, ofOurs)) pods.wrote(pod)
    }
  }

  return {
    recordings,
    pods,
    clips: cache(resources.recordingClips, clipIndexers, withoutBallast),
    catchUp,
    claims: cache(resources.persistentVolumeClaims, ownedIndexers, withoutBallast, managedSelector),
    reflectors,
    synced: Promise.all(reflectors.map((reflector) => reflector.synced)),
    answered: Promise.all(reflectors.map((reflector) => reflector.answered)),
    // A cluster whose CRDs are older has no clips, and that keeps no Recording from being served.
    unread: () => [
      ...new Set(
        reflectors.flatMap(({ name, hasSynced, namespace = '' }) =>
          hasSynced || name === resources.recordingClips.plural ? [] : namespace,
        ),
      ),
    ],
    run: (signal) => Promise.all(reflectors.map((reflector) => reflector.run(signal))),
  }
}

async function* all<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  { namespace, ...options }: { namespace: string | undefined; labelSelector?: string; signal: AbortSignal },
): AsyncGenerator<T> {
  let token: string | undefined
  do {
    const page = await client.list(resource, {
      ...options,
      limit: 500,
      ...(namespace === undefined ? {} : { namespace }),
      ...(token === undefined ? {} : { continue: token }),
    })
    yield* page.items
    token = page.metadata.continue || undefined
  } while (token !== undefined)
}
