import {
  apiVersion,
  clipKind,
  mostClipAttempts,
  neededClipStatusFields,
  type RecordingClip,
  recordingClipSpecSchema,
  recordingClipStatusSchema,
} from '@trtc-recorder/api'
import type { Pod } from '@trtc-recorder/kube'
import { ApiError, ConnectionError } from '@trtc-recorder/kube'
import fc from 'fast-check'
import type { Logger } from 'pino'
import { describe, expect, test } from 'vitest'
import { clipIndexers, ownedIndexers, recordingIndexers } from '../caches.ts'
import { Killed, ModelServer } from '../recording/model-server.ts'
import { attemptOf } from '../recording/names.ts'
import { hasEnded } from '../recording/pod-state.ts'
import { SecondTries } from '../recording/second-tries.ts'
import { aRecording, at, podConfig, start } from '../recording/testing.ts'
import { endPod, holdUp, run, schedule } from '../recording/testing-pods.ts'
import { copyOf } from '../runtime/copy.ts'
import { Store } from '../runtime/store.ts'
import type { ClipRefusalWord } from './decide.ts'
import { reconcileClip } from './reconcile.ts'
import { RecorderAnswers } from './recorder-answers.ts'
import { RefusalsInARow } from './refusals-in-a-row.ts'
import { attemptsBefore, clipRefused, clipStage } from './stage.ts'

const silentLog = { warn() {}, info() {}, debug() {}, error() {} } as unknown as Logger
const kinds = ['recordings', 'pods', 'recordingclips'] as const
type Kind = (typeof kinds)[number]

/** A clip, its Recording and its Pods, as API server, kubelet and operator have them. */
class Model {
  now = start
  /** UIDs of Pods on the node that is silent; those that are made meanwhile are on others. */
  readonly stranded = new Set<string>()
  /** When the operator looks again by itself. */
  dueMillis = 0
  readonly server = new ModelServer({
    now: () => this.now,
    isToBeMade: (plural, object) => {
      if (plural === 'pods') this.#isToBeMade(object as Pod)
    },
    isToBeDeleted: (plural, object) => {
      if (plural === 'pods') this.deletesPod(object as Pod)
      else this.server.remove(plural, object)
    },
    hasChanged() {},
  })
  #watches = this.server.watch()
  #caches = this.#emptyCaches()
  #secondTries = this.#newSecondTries()
  #refusals = new RefusalsInARow<ClipRefusalWord>()
  #heeded = new Map<string, Record<string, string>>()
  #failures = 0
  #recordings = 0
  /** UID of the Recording that the clip has told it is of, or was first cut from. */
  of: string | undefined

  constructor() {
    const clip: RecordingClip = {
      ...{ apiVersion, kind: clipKind },
      metadata: {
        ...{ name: 'proof', namespace: 'lessons', uid: 'clip-uid', resourceVersion: '1', generation: 1 },
        creationTimestamp: start.toISOString(),
      },
      spec: recordingClipSpecSchema.parse({ recordingRef: { name: 'math' }, from: '10s', to: '70s' }),
    }
    this.server.put('recordingclips', clip as never)
    this.restart()
  }

  get clip(): RecordingClip | undefined {
    return this.server.find('recordingclips', 'proof') as RecordingClip | undefined
  }

  get pods(): Pod[] {
    return this.server.list('pods') as Pod[]
  }

  get live(): Pod[] {
    return this.pods.filter((pod) => !hasEnded(pod))
  }

  recordingIs(what: 'missing' | 'underWay' | 'over'): void {
    const known = this.server.find('recordings', 'math')
    if (what === 'missing') {
      if (known !== undefined) this.server.remove('recordings', known)
      return
    }
    const over = {
      completionTime: at(600).toISOString(),
      manifestUrl: 'https://lessons-1250000000.cos.ap-guangzhou.myqcloud.com/lessons/math_uid.manifest.json',
    }
    const status = { startTime: at(0).toISOString(), ...(what === 'over' ? over : {}) }
    // Whoever makes one anew makes another one.
    const made = aRecording()
    this.server.put('recordings', {
      ...(known ?? { ...made, metadata: { ...made.metadata, uid: `recording-${++this.#recordings}` } }),
      status,
    } as never)
  }

  annotates(annotation: string): void {
    const { clip } = this
    if (clip === undefined) return
    const annotations = { ...clip.metadata.annotations, [`trtc-recorder.dev/${annotation}`]: String(this.server.version) }
    this.server.put('recordingclips', { ...clip, metadata: { ...clip.metadata, annotations } } as never)
  }

  after(seconds: number): void {
    this.now = new Date(this.now.getTime() + seconds * 1000)
  }

  deliver(): void {
    for (const kind of kinds) {
      for (const event of this.#watches.take(kind)) this.#caches[kindOf(kind)].apply(event as never)
    }
  }

  restart(): void {
    this.#caches = this.#emptyCaches()
    this.#secondTries = this.#newSecondTries()
    this.#refusals = new RefusalsInARow()
    this.#heeded = new Map()
    this.#watches = this.server.watch()
    for (const kind of kinds) {
      for (const object of this.server.list(kind)) this.#caches[kindOf(kind)].apply({ type: 'ADDED', object } as never)
    }
    this.dueMillis = 0
  }

  quotaHasRoom(): void {
    this.server.quotaIsUsedUp = false
    this.#secondTries.quotaHasRoom('lessons')
  }

  async reconcile(): Promise<void> {
    const clip = this.#caches.clips.get('lessons/proof')
    if (clip === undefined) return
    const dependencies = {
      client: this.server.client,
      caches: this.#caches,
      events: { record() {}, flush: async () => {} },
      metrics: { clipFinished() {} },
      pod: podConfig,
      answers: new RecorderAnswers(async () => {
        throw new Error('it cannot be reached')
      }),
      secondTries: this.#secondTries,
      refusals: this.#refusals,
      heeded: this.#heeded,
      onAsk() {},
      now: () => this.now,
    }
    try {
      const after = await reconcileClip(clip, dependencies, { id: '', log: silentLog, signal: new AbortController().signal })
      this.#failures = 0
      this.dueMillis = this.now.getTime() + (after?.requeueAfterMillis ?? Number.POSITIVE_INFINITY)
      if (after?.requeueAfterMillis !== undefined && after.requeueAfterMillis <= 0)
        throw new PropertyError('it looks again without a pause')
    } catch (error) {
      if (error instanceof Killed) return this.restart()
      if (!(error instanceof ApiError || error instanceof ConnectionError)) throw error
      this.#failures += 1
      this.dueMillis = this.now.getTime() + Math.min(60_000, 5 * 2 ** this.#failures)
    }
  }

  schedules(): void {
    for (const pod of this.live)
      if (!pod.spec?.nodeName && pod.metadata.deletionTimestamp === undefined) this.#change(pod, schedule)
  }

  begins(): void {
    this.schedules()
    for (const pod of this.live) if (pod.spec?.nodeName) this.#change(pod, (copy) => run(copy, this.now))
  }

  isHeldUp(): void {
    this.schedules()
    for (const pod of this.live) {
      if (pod.spec?.nodeName && pod.status?.containerStatuses?.[0]?.state?.running === undefined)
        this.#change(pod, (copy) => holdUp(copy, this.now, 'ErrImagePull'))
    }
  }

  nodeFallsSilent(): void {
    for (const pod of this.live) if (pod.spec?.nodeName) this.stranded.add(pod.metadata.uid)
  }

  nodeComesBack(): void {
    this.stranded.clear()
  }

  ends(outcome: string | undefined): void {
    for (const pod of this.live) {
      if (!pod.spec?.nodeName || this.stranded.has(pod.metadata.uid)) continue
      this.#change(pod, (copy) => {
        endPod(copy, this.now, undefined, { reason: 'Error' })
        const terminated = copy.status?.containerStatuses?.[0]?.state?.terminated
        if (terminated === undefined || outcome === undefined) return
        terminated.message = JSON.stringify({ version: 1, outcome, message: 'so it was', files: [] })
      })
    }
  }

  /** What has ended, and what was to end, goes. */
  kubeletReaps(): void {
    for (const pod of this.pods)
      if (pod.metadata.deletionTimestamp !== undefined && !this.stranded.has(pod.metadata.uid)) this.server.remove('pods', pod)
  }

  deletesPod(pod = this.live.at(-1)): void {
    if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) return
    if (!pod.spec?.nodeName || hasEnded(pod)) this.server.remove('pods', pod)
    else this.#change(pod, (copy) => Object.assign(copy.metadata, { deletionTimestamp: this.now.toISOString() }))
  }

  /** But for the node, if it stays away: those of its Pods that nobody deletes Kubernetes does, after a while. */
  everythingIsWell(nodeStaysAway: boolean): void {
    if (!nodeStaysAway) this.nodeComesBack()
    for (const pod of this.live) if (this.stranded.has(pod.metadata.uid)) this.deletesPod(pod)
    this.server.faults = []
    this.quotaHasRoom()
    this.begins()
    this.ends('Completed')
    this.kubeletReaps()
  }

  #isToBeMade(pod: Pod): void {
    const other = this.live.find(({ metadata }) => !isLost(metadata.deletionTimestamp, this.now))
    if (other !== undefined) throw new PropertyError(`${pod.metadata.name} is made while ${other.metadata.name} is at work`)
    if ((attemptOf(pod) ?? 0) > mostClipAttempts + attemptsBefore(this.clip?.status))
      throw new PropertyError(`${pod.metadata.name} is one too many`)
    if (this.clip === undefined || clipStage(this.clip.status).is === 'over')
      throw new PropertyError('it is over, and is cut once more')
    const current = this.server.find('recordings', 'math')?.metadata.uid
    if (this.of !== undefined && this.of !== current) throw new PropertyError(`it is of ${this.of}, and cut from ${current}`)
    this.of = current
  }

  #change(pod: Pod, change: (pod: Pod) => void): void {
    const copy = copyOf(this.server.find('pods', pod.metadata.name)) as Pod
    change(copy)
    this.server.put('pods', copy)
  }

  #newSecondTries() {
    return new SecondTries<RecordingClip>({
      objects: this.#caches.clips,
      refused: ({ status }, word) => clipRefused(status, word),
      wake: () => {
        this.dueMillis = 0
      },
    })
  }

  #emptyCaches() {
    return {
      recordings: new Store({ indexers: recordingIndexers }),
      pods: new Store<Pod, 'owner'>({ indexers: ownedIndexers }),
      clips: new Store({ indexers: clipIndexers }),
    }
  }
}

class PropertyError extends Error {}

const kindOf = (kind: Kind) => (kind === 'recordingclips' ? 'clips' : kind)
/** It should have been gone a minute ago. */
const isLost = (deleted: string | undefined, now: Date) => deleted !== undefined && now.getTime() - Date.parse(deleted) >= 60_000

const moves: Record<string, { weight: number; move(model: Model): unknown }> = {
  'the operator looks': { weight: 12, move: (model) => model.reconcile() },
  'watches bring everything': { weight: 10, move: (model) => model.deliver() },
  '5 s pass': { weight: 4, move: (model) => model.after(5) },
  '70 s pass': { weight: 5, move: (model) => model.after(70) },
  '400 s pass': { weight: 2, move: (model) => model.after(400) },
  'there is no Recording': { weight: 1, move: (model) => model.recordingIs('missing') },
  'the Recording goes on': { weight: 2, move: (model) => model.recordingIs('underWay') },
  'the Recording is over': { weight: 8, move: (model) => model.recordingIs('over') },
  'Pods are scheduled': { weight: 3, move: (model) => model.schedules() },
  'the Pod begins': { weight: 4, move: (model) => model.begins() },
  'the image cannot be pulled': { weight: 1, move: (model) => model.isHeldUp() },
  'the Pod says that all is done': { weight: 1, move: (model) => model.ends('Completed') },
  'the Pod says that COS is away': { weight: 3, move: (model) => model.ends('StorageUnavailable') },
  'the Pod says a word of another release': { weight: 1, move: (model) => model.ends('SomethingLater') },
  'the Pod crashes': { weight: 3, move: (model) => model.ends(undefined) },
  'the kubelet removes what was deleted': { weight: 4, move: (model) => model.kubeletReaps() },
  'a user deletes the Pod': { weight: 2, move: (model) => model.deletesPod() },
  'a user asks to retry': { weight: 2, move: (model) => model.annotates('retry-upload') },
  'a user misspells it': { weight: 1, move: (model) => model.annotates('retry-uplaod') },
  'the node falls silent': { weight: 1, move: (model) => model.nodeFallsSilent() },
  'the node comes back': { weight: 2, move: (model) => model.nodeComesBack() },
  'the quota is used up': { weight: 2, move: (model) => Object.assign(model.server, { quotaIsUsedUp: true }) },
  'the quota has room': { weight: 2, move: (model) => model.quotaHasRoom() },
  'the next write meets a conflict': { weight: 2, move: (model) => model.server.faults.push('409') },
  'a webhook fails on the next write': { weight: 1, move: (model) => model.server.faults.push('500') },
  'the next write is lost': { weight: 2, move: (model) => model.server.faults.push('lost') },
  'the answer to the next write is lost': { weight: 3, move: (model) => model.server.faults.push('lost, but done') },
  'the operator is killed and another one takes over': { weight: 2, move: (model) => model.restart() },
}

const steps = fc.array(
  fc.record({
    what: fc.oneof(...Object.entries(moves).map(([name, { weight }]) => ({ weight, arbitrary: fc.constant(name) }))),
    seen: fc.constantFrom('', '', ', and the operator looks', ', and the operator looks'),
  }),
  { minLength: 3, maxLength: 40, size: 'max' },
)

/** What holds at every moment. */
function check(model: Model): void {
  const { clip } = model
  if (clip?.status?.conditions === undefined) return
  model.of ??= clip.status.recordingUid
  if (clip.status.recordingUid !== model.of) throw new PropertyError('it is of another Recording than before')
  const [succeeded] = clip.status.conditions
  if (!succeeded?.message) throw new PropertyError('it does not say what it waits for')
  if ((clip.status.attempts ?? 0) > mostClipAttempts + attemptsBefore(clip.status))
    throw new PropertyError('it counts more Pods than may be made')
}

/** From anywhere: when all is as it should be, a clip is over by itself, by its own looks, and leaves no Pod. */
async function comesToItsEnd(model: Model, nodeStaysAway: boolean): Promise<void> {
  model.recordingIs('over')
  for (let round = 0; round < 40; round += 1) {
    model.everythingIsWell(nodeStaysAway)
    model.deliver()
    await model.reconcile()
    model.deliver()
    if (clipStage(model.clip?.status).is === 'over' && model.pods.every(({ metadata }) => model.stranded.has(metadata.uid)))
      return
    const waitMillis = model.dueMillis - model.now.getTime()
    if (Number.isFinite(waitMillis)) model.after(Math.max(1, waitMillis / 1000))
  }
  throw new PropertyError(`it never ends: ${JSON.stringify(model.clip?.status, undefined, 1)}`)
}

async function play(
  steps: { what: string; seen: string }[],
  nodeStaysAway: boolean,
  unknownFields: readonly string[] = [],
): Promise<void> {
  const model = new Model()
  Object.assign(model.server, { unknownFields })
  try {
    for (const { what, seen } of steps) {
      model.server.story.push(what + seen)
      await moves[what]!.move(model)
      if (seen !== '') {
        model.deliver()
        await model.reconcile()
      }
      check(model)
    }
    model.server.story.push('and then all is well')
    await comesToItsEnd(model, nodeStaysAway)
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${model.server.story.join('\n')}`, { cause: error })
  }
}

const runs = Number(process.env.SEQUENCES ?? 1000)
const seed = Number(process.env.SEED)

async function whyNot({ numRuns, without = [] }: { numRuns: number; without?: readonly string[] }): Promise<string> {
  const property = fc.asyncProperty(steps, fc.boolean(), (steps, nodeStaysAway) => play(steps, nodeStaysAway, without))
  const details = await fc.check(property, { numRuns, seed, endOnFailure: process.env.SHRINK === 'no' || without.length > 0 })
  return details.failed ? `${(details.errorInstance as Error).message}\n${fc.defaultReportMessage(details)}` : 'holds'
}

test(`whatever happens, one Pod at a time cuts a clip, and it comes to its end (${runs} sequences, SEED=${seed})`, {
  timeout: 3_600_000,
}, async () => {
  expect(await whyNot({ numRuns: runs })).toBe('holds')
})

describe('where the CRD is of an earlier release, and does not keep', { timeout: 3_600_000 }, () => {
  const optional = Object.entries(recordingClipStatusSchema.shape).flatMap(([name, field]) => (field.isOptional() ? name : []))
  const needed: readonly string[] = neededClipStatusFields
  /** There since there are clips. */
  const original = ['conditions', 'nextAttemptTime']

  test.each(optional.filter((field) => !needed.includes(field) && !original.includes(field)))(
    '%s, that holds as well',
    async (field) => {
      expect(await whyNot({ numRuns: Math.ceil(runs / 10), without: [field] })).toBe('holds')
    },
  )

  // What was heeded is remembered until the operator ends; of that the model says nothing.
  test.each(needed.filter((field) => field !== 'handled'))(
    '%s, it would not, and the operator waits for one that does',
    async (field) => {
      expect(await whyNot({ numRuns: 1000, without: [field] })).not.toBe('holds')
    },
  )
})

test('a clip whose Recording was told and is replaced is not cut from the other one by an operator that has not heard of either', async () => {
  const model = new Model()
  model.recordingIs('underWay')
  model.deliver()
  model.server.faults.push('lost, but done')
  await model.reconcile()
  model.recordingIs('missing')
  model.recordingIs('over')
  await model.reconcile()
  expect(model.pods).toEqual([])
  model.deliver()
  await model.reconcile()
  expect(model.clip?.status).toMatchObject({ recordingUid: 'recording-1', conditions: [{ reason: 'RecordingDeleted' }, {}] })
})

test.each([
  ['of this release', []],
  ['of an earlier release', ['refusedTimes', 'refusedTime']],
])('a clip that is refused for long is asked for less and less often, where the CRD is %s', async (_, unknownFields) => {
  const model = new Model()
  Object.assign(model.server, { unknownFields, quotaIsUsedUp: true })
  model.recordingIs('over')
  model.deliver()
  const waits: number[] = []
  for (let time = 0; time < 9; time += 1) {
    await model.reconcile()
    model.deliver()
    const seconds = (model.dueMillis - model.now.getTime()) / 1000
    waits.push(seconds)
    model.after(seconds)
  }
  expect(waits).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300])
  // One that got its Pod begins anew.
  model.quotaHasRoom()
  await model.reconcile()
  expect(model.pods).toHaveLength(1)
})

test.each([
  ['of this release', []],
  ['of an earlier release', ['handled', 'attemptsBefore']],
])('what a user asks for by an annotation of a clip is done once, where the CRD is %s', async (_, unknownFields) => {
  const model = new Model()
  Object.assign(model.server, { unknownFields })
  model.recordingIs('over')
  const refused = async () => {
    for (let round = 0; round < 12; round += 1) {
      model.deliver()
      await model.reconcile()
      model.begins()
      model.ends('StorageRefused')
      model.kubeletReaps()
      model.after(1)
    }
  }
  await refused()
  model.annotates('retry-upload')
  model.annotates('retry-uplaod')
  await refused()
  expect(clipStage(model.clip?.status).is).toBe('over')
  expect(model.server.writes.filter((write) => write.startsWith('create pods'))).toEqual([
    'create pods proof-c1',
    'create pods proof-c2',
  ])
  const { length } = model.server.writes
  await refused()
  expect(model.server.writes).toHaveLength(length)
})
