import {
  apiVersion,
  type ClipTrouble,
  type ClipTroubleWord,
  clipKind,
  clipTroubles,
  type Recording,
  type RecordingClip,
  recordingClipSpecSchema,
  type Waker,
  wakers,
} from '@trtc-recorder/api'
import type { KubeClient, KubeObject, Pod } from '@trtc-recorder/kube'
import { ApiError } from '@trtc-recorder/kube'
import type { Logger } from 'pino'
import { afterAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { clipIndexers, ownedIndexers, recordingIndexers } from '../caches.ts'
import { ModelServer, type Plural } from '../recording/model-server.ts'
import { recorderPod } from '../recording/pod.ts'
import { aRecording, at, podConfig, start } from '../recording/testing.ts'
import { enter, run } from '../recording/testing-pods.ts'
import { Store } from '../runtime/store.ts'
import { clipController } from './controller.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})
// Not after each: controllers are stopped when a test has ended, which takes time.
afterAll(() => {
  vi.useRealTimers()
})

const kinds = ['recordings', 'pods', 'recordingclips'] as const
/** The controller as main.ts makes it, one clip that waits, and an API server. */
class Cluster {
  /** The API server makes no Pod, and says this. */
  refuses: string | undefined
  looks = 0
  readonly #server: ModelServer
  readonly #watches: ReturnType<ModelServer['watch']>
  readonly #caches = {
    recordings: new Store({ indexers: recordingIndexers }),
    pods: new Store<Pod, 'owner'>({ indexers: ownedIndexers }),
    clips: new Store({ indexers: clipIndexers }),
  }
  readonly #onRoom: ((namespace: string) => void)[] = []
  readonly #onPriorities: ((name: string, now: { isThere: boolean }) => void)[] = []

  constructor(before: (cluster: Cluster) => void) {
    const began = performance.now()
    const now = () => new Date(at(120).getTime() + performance.now() - began)
    this.#server = new ModelServer({
      now,
      isToBeMade: (plural) => {
        if (plural !== 'pods' || this.refuses === undefined) return
        throw new ApiError('create', 403, { reason: 'Forbidden', message: this.refuses })
      },
      isToBeDeleted: (plural, object) => this.#server.remove(plural, object),
      hasChanged() {},
    })
    this.#watches = this.#server.watch()
    this.put('recordingclips', clip as never)
    before(this)
    const controller = clipController({
      client: this.#server.client as unknown as KubeClient,
      caches: this.#caches,
      events: { record() {}, flush: async () => {} },
      pod: podConfig,
      log: this.#log('lessons/proof'),
      metrics: { controller: () => ({ observer: {}, queue: {}, watchQueue() {} }), clipFinished() {} },
      onRoom: (hear) => void this.#onRoom.push(hear),
      onPriorities: (hear) => void this.#onPriorities.push(hear),
      now,
      get: () => Promise.reject(new Error('it cannot be reached')),
    })
    for (const store of Object.values(this.#caches)) {
      const all = store.list() as KubeObject[]
      ;(store as unknown as Store<KubeObject>).replace(all, { resourceVersion: String(this.#server.version) })
    }
    controller.start()
    onTestFinished(async () => {
      const stopped = controller.stop(1000)
      await vi.advanceTimersByTimeAsync(1000)
      await stopped
    })
  }

  get pods(): Pod[] {
    return this.#server.list('pods') as Pod[]
  }

  put(plural: Plural, object: KubeObject): void {
    this.#server.put(plural, structuredClone(object))
    this.#deliver()
  }

  quotaHasRoom(): void {
    for (const hear of this.#onRoom) hear('lessons')
  }

  priorityClassIsMade(name: string): void {
    for (const hear of this.#onPriorities) hear(name, { isThere: true })
  }

  async after(millis: number): Promise<void> {
    const step = millis > 5000 ? 500 : 50
    for (let passed = 0; passed < millis; passed += step) {
      await vi.advanceTimersByTimeAsync(step)
      this.#deliver()
    }
  }

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
    const store = { recordings: this.#caches.recordings, pods: this.#caches.pods, recordingclips: this.#caches.clips }
    for (const plural of kinds) for (const event of this.#watches.take(plural)) store[plural].apply(event as never)
  }
}

const clip: RecordingClip = {
  ...{ apiVersion, kind: clipKind },
  metadata: {
    ...{ name: 'proof', namespace: 'lessons', uid: 'clip-uid', resourceVersion: '1', generation: 1 },
    creationTimestamp: start.toISOString(),
  },
  spec: recordingClipSpecSchema.parse({ recordingRef: { name: 'math' }, from: '10s', to: '70s' }),
}
const manifestUrl = 'https://lessons-1250000000.cos.ap-guangzhou.myqcloud.com/lessons/math_uid.manifest.json'
const underWay = (status: object = { startTime: at(0).toISOString() }): Recording => ({ ...aRecording(), status })
const isOver = () => underWay({ startTime: at(0).toISOString(), completionTime: at(100).toISOString(), manifestUrl })

/** Its recorder, which cannot be asked over the network. */
function recorder(isThere: (pod: Pod, now: Date) => void): Pod {
  const pod = structuredClone(
    recorderPod(aRecording(), { attempt: 1, volume: 'math-v1', uploadOnly: false, isBesideOthers: false }, podConfig),
  ) as Pod
  pod.metadata = { ...pod.metadata, uid: 'pod-of-math', resourceVersion: '1', creationTimestamp: at(0).toISOString() }
  isThere(pod, at(0))
  return pod
}
const changed = (pod: Pod): Pod => ({ ...pod, status: { ...pod.status, reason: 'Changed' } as Pod['status'] & object })

/** What there is where a clip waits so. TypeScript wants one for each that it may wait for. */
type Waited = {
  [Word in ClipTroubleWord]: (typeof clipTroubles)[Word]['wokenBy'] extends readonly [] ? never : Word
}[ClipTroubleWord]
const inRoom = (cluster: Cluster) => {
  cluster.put('recordings', underWay())
  cluster.put('pods', recorder(enter))
}
const refused = (why: string) => (cluster: Cluster) => {
  cluster.refuses = why
  cluster.put('recordings', isOver())
}
const atWork = (cluster: Cluster) => cluster.put('recordings', isOver())
const scenes: Record<Waited, (cluster: Cluster) => void> = {
  RecordingNotFound: () => {},
  TooEarly: (cluster) => cluster.put('recordings', underWay({})),
  NoRecorder: (cluster) => {
    cluster.put('recordings', underWay())
    cluster.put('pods', recorder(run))
  },
  RecorderBusy: inRoom,
  OtherVolume: inRoom,
  RecorderAsked: inRoom,
  RecorderSilent: inRoom,
  RecorderPutOff: inRoom,
  QuotaExceeded: refused('exceeded quota: none'),
  PodRejected: refused('no PriorityClass with name exam was found'),
  AtWork: atWork,
  Unschedulable: atWork,
  ImagePullFailed: atWork,
  ContainerNotStarted: atWork,
}

type ClipWaker = Exclude<Waker, 'Volume' | 'Rival' | 'Place'>
const events: Record<ClipWaker, (cluster: Cluster) => void> = {
  Recording: (cluster) => cluster.put('recordings', isOver()),
  Recorder: (cluster) => cluster.put('pods', changed(cluster.pods[0]!)),
  Pod: (cluster) => cluster.put('pods', changed(cluster.pods[0]!)),
  Quota: (cluster) => {
    cluster.refuses = undefined
    cluster.quotaHasRoom()
  },
  PriorityClass: (cluster) => {
    cluster.refuses = undefined
    cluster.priorityClassIsMade('exam')
  },
}

const rows = (Object.entries(clipTroubles) as [Waited, ClipTrouble][]).flatMap(([word, trouble]) =>
  trouble.wokenBy.map((waker) => ({ word, trouble, waker: waker as ClipWaker, when: wakers[waker] })),
)

describe('a clip that waits', () => {
  test.each(rows)('with $word is looked at at once when $when', async ({ word, trouble, waker }) => {
    const cluster = new Cluster(scenes[word])
    // One that a recorder is asked for is looked at often, until that has been silent for a minute.
    await cluster.after(scenes[word] === inRoom ? 75_000 : 1500)
    const { looks } = cluster
    await cluster.after(1000)
    expect(cluster.looks).toBe(looks)
    events[waker](cluster)
    await cluster.after(500)
    expect(cluster.looks).toBeGreaterThan(looks)
    // To look is not enough where the API server has to be asked again.
    if (trouble.seen === 'refusal') expect(cluster.pods).toHaveLength(1)
  })
})

test('of everything that a clip waits for it is said what wakes it, and of what is over nothing', () => {
  for (const [word, { next, wokenBy, after }] of Object.entries(clipTroubles) as [ClipTroubleWord, ClipTrouble][]) {
    if (next === 'over') expect(wokenBy, word).toEqual([])
    if (next !== 'over' && wokenBy.length === 0) expect(after?.longestSeconds, word).toBeDefined()
  }
})
