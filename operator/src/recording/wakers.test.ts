import { type Recording, type Trouble, type TroubleWord, troubles, type Waker, wakers } from '@trtc-recorder/api'
import type { KubeClient, KubeObject, PersistentVolumeClaim, Pod } from '@trtc-recorder/kube'
import type { Logger } from 'pino'
import { afterAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { ownedIndexers, recordingIndexers } from '../caches.ts'
import { Store } from '../runtime/store.ts'
import { recordingController } from './controller.ts'
import { ModelServer, type Plural, plurals } from './model-server.ts'
import { labels } from './names.ts'
import type { Get } from './progress.ts'
import { aProgress, aRecording, at, podConfig } from './testing.ts'
import { scenes } from './testing-scenes.ts'
import { World } from './testing-world.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})
// Not after each: controllers are stopped when a test has ended, which takes time.
afterAll(() => {
  vi.useRealTimers()
})

/** The controller as main.ts makes it, and an API server that has what a scene left and grants everything from then on. */
class Cluster {
  readonly #server: ModelServer
  readonly #watches: ReturnType<ModelServer['watch']>
  readonly #caches = {
    recordings: new Store({ indexers: recordingIndexers }),
    pods: new Store<Pod, 'owner'>({ indexers: ownedIndexers }),
    claims: new Store<PersistentVolumeClaim, 'owner'>({ indexers: ownedIndexers }),
  }
  readonly #onRoom: ((namespace: string) => void)[] = []
  readonly #onPriorities: ((name: string, now: { isThere: boolean }) => void)[] = []
  /** How often the Recording of the scene was looked at. */
  looks = 0

  constructor(
    world: World,
    before: (cluster: Cluster) => void,
    get: Get = () => Promise.reject(new Error('it cannot be reached')),
  ) {
    const began = performance.now()
    const now = () => new Date(world.now.getTime() + performance.now() - began)
    this.#server = new ModelServer({
      now,
      isToBeMade() {},
      isToBeDeleted: (plural, object) => this.#server.remove(plural, object),
      hasChanged() {},
    })
    this.#watches = this.#server.watch()
    this.put('recordings', world.recording)
    for (const pod of world.pods) this.put('pods', pod)
    for (const claim of world.claims) this.put('persistentvolumeclaims', claim)
    before(this)
    const { namespace, name } = world.recording.metadata
    const controller = recordingController({
      client: this.#server.client as unknown as KubeClient,
      caches: this.#caches,
      events: { record() {}, flush: async () => {} },
      config: {
        ...{ workers: 4, recorderImage: podConfig.image, recorderImagePullPolicy: 'IfNotPresent', recorderImagePullSecrets: [] },
        ...{ recorderResources: {}, recorderServiceAccount: 'default', recorderChromiumArgs: '', recorderPod: podConfig.options },
        recordingsPerNamespace: 1,
      },
      log: this.#log(`${namespace}/${name}`),
      metrics: { controller: () => ({ observer: {}, queue: {}, watchQueue() {} }), progressUnknown() {} },
      onRoom: (hear) => void this.#onRoom.push(hear),
      onPriorities: (hear) => void this.#onPriorities.push(hear),
      receivers: { allow: [], deny: [], apiServer: [], allowPrivate: true },
      now,
      get,
    })
    for (const store of Object.values(this.#caches)) {
      const all = store.list() as KubeObject[]
      ;(store as Store<KubeObject>).replace(all, { resourceVersion: String(this.#server.version) })
    }
    controller.start()
    onTestFinished(async () => {
      const stopped = controller.stop(1000)
      await vi.advanceTimersByTimeAsync(1000)
      await stopped
    })
  }

  /** What the operator made. */
  get made(): string[] {
    return this.#server.writes.filter((write) => write.startsWith('create '))
  }

  list = (plural: Plural) => this.#server.list(plural)

  put(plural: Plural, object: KubeObject): void {
    this.#server.put(plural, structuredClone(object))
    this.#deliver()
  }

  remove(plural: Plural, object: KubeObject): void {
    this.#server.remove(plural, object)
    this.#deliver()
  }

  quotaHasRoom(): void {
    for (const hear of this.#onRoom) hear('lessons')
  }

  priorityClassIsMade(name: string): void {
    for (const hear of this.#onPriorities) hear(name, { isThere: true })
  }

  /** Time passes, and watches bring what the operator writes. */
  async after(millis: number): Promise<void> {
    for (let passed = 0; passed < millis; passed += 50) {
      await vi.advanceTimersByTimeAsync(50)
      this.#deliver()
    }
  }

  /** Each run has a log of its own, which says whose it is. */
  #log(own: string): Logger {
    const silent = {
      ...{ warn() {}, info() {}, debug() {}, error() {} },
      child: ({ key }: { key?: string }) => {
        if (key === own) this.looks += 1
        return silent
      },
    }
    return silent as unknown as Logger
  }

  #deliver(): void {
    for (const plural of plurals) {
      const store = { recordings: this.#caches.recordings, pods: this.#caches.pods, persistentvolumeclaims: this.#caches.claims }
      for (const event of this.#watches.take(plural)) store[plural].apply(event as never)
    }
  }
}

/** Another Recording, which has been in the room since before. */
function rival(of: Partial<Recording['spec']>): Recording {
  const other = aRecording(of)
  const attempt = { number: 1, pod: 'history-a1', podUid: 'pod-of-history', startTime: at(0).toISOString(), volume: 'history-v1' }
  return {
    ...other,
    metadata: { ...other.metadata, name: 'history', uid: 'uid-of-history', creationTimestamp: at(-60).toISOString() },
    status: { startTime: at(0).toISOString(), attempts: [attempt] },
  }
}
const isOver = (recording: Recording): Recording => ({
  ...recording,
  status: { ...recording.status, completionTime: at(60).toISOString() },
})

/** What has to be so before, beside the scene, and what happens. TypeScript wants one for each that wakes a Recording. */
const events: Record<
  Exclude<Waker, 'Recording' | 'Recorder'>,
  { before?(cluster: Cluster, word: TroubleWord): void; happens(cluster: Cluster): void }
> = {
  Pod: {
    happens: (cluster) => {
      const pod = cluster.list('pods').at(-1) as Pod
      const conditions = [...(pod.status?.conditions ?? []), { type: 'Initialized', status: 'True' }]
      cluster.put('pods', { ...pod, status: { ...pod.status, conditions } } as Pod)
    },
  },
  Volume: {
    before: (cluster, word) => {
      if (word !== 'VolumeNotOwned') return
      const [recording] = cluster.list('recordings') as [Recording]
      const { apiVersion, kind, metadata } = recording
      const former = { apiVersion, kind, name: metadata.name, uid: 'uid-of-its-namesake', controller: true }
      cluster.put('persistentvolumeclaims', {
        metadata: {
          ...{ namespace: 'lessons', name: 'math-v1', uid: 'volume-of-its-namesake', resourceVersion: '1', generation: 1 },
          ...{ creationTimestamp: at(0).toISOString(), labels: { [labels.recordingUid]: former.uid }, ownerReferences: [former] },
        },
      } as KubeObject)
    },
    happens: (cluster) => cluster.remove('persistentvolumeclaims', cluster.list('persistentvolumeclaims')[0]!),
  },
  Quota: { happens: (cluster) => cluster.quotaHasRoom() },
  // As what the scene was refused with says.
  PriorityClass: { happens: (cluster) => cluster.priorityClassIsMade('because') },
  Rival: {
    before: (cluster) => cluster.put('recordings', rival({})),
    happens: (cluster) => cluster.put('recordings', isOver(rival({}))),
  },
  Place: {
    before: (cluster) => cluster.put('recordings', rival({ userId: 'another' })),
    happens: (cluster) => cluster.put('recordings', isOver(rival({ userId: 'another' }))),
  },
}

const rows = (Object.entries(troubles) as [TroubleWord, Trouble][]).flatMap(([word, trouble]) =>
  trouble.wokenBy.map((waker) => ({ word, trouble, waker: waker as keyof typeof events, when: wakers[waker] })),
)

describe('a Recording that waits', () => {
  test.each(rows)('with $word is looked at at once when $when', async ({ word, trouble, waker }) => {
    const { before, happens } = events[waker]
    const cluster = new Cluster(scenes[word].first(), (made) => before?.(made, word))
    await cluster.after(1500)
    // Without that it is not.
    const { looks, made } = cluster
    await cluster.after(1000)
    expect(cluster.looks).toBe(looks)
    happens(cluster)
    await cluster.after(500)
    expect(cluster.looks).toBeGreaterThan(looks)
    // To look is not enough where the API server has to be asked again.
    if (trouble.seen === 'refusal') expect(cluster.made.length).toBeGreaterThan(made.length)
  })
})

test('a recorder on a node that was not ready before, and that answers no more, is left behind by the time that is given, and not by the clock of this machine', async () => {
  const world = new World().settle().scheduled().inRoom().after(60)
  world.podBecomes((pod) => {
    const ready = (type: string, seconds: number) => ({ type, status: 'True', lastTransitionTime: at(seconds).toISOString() })
    Object.assign(pod.status!, { podIP: '10.91.0.7', conditions: [ready('Ready', 40), ready('ContainersReady', 2)] })
  })
  let answers = true
  const cluster = new Cluster(
    world,
    () => {},
    () => (answers ? Promise.resolve(aProgress()) : Promise.reject(new Error('it cannot be reached'))),
  )
  await cluster.after(5000)
  answers = false
  await cluster.after(50_000)
  expect(cluster.made).toEqual([])
  await cluster.after(15_000)
  expect(cluster.made).toContainEqual(expect.stringContaining('math-a2'))
})

test('of everything that waits it is said what wakes it, and of what is over nothing', () => {
  for (const [word, { next, wokenBy, after }] of Object.entries(troubles) as [TroubleWord, Trouble][]) {
    if (next === 'over') expect(wokenBy, word).toEqual([])
    // What nothing wakes has a pause that ends.
    if (next !== 'over' && wokenBy.length === 0) expect(Number.isFinite(after.longestSeconds), word).toBe(true)
    expect(new Set(wokenBy).size, word).toBe(wokenBy.length)
  }
})
