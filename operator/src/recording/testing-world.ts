/** A toy cluster for the tests beside this file. Nothing of the product imports it. */
import {
  annotationName,
  type Condition,
  type ConditionType,
  type RecorderProgress,
  type Recording,
  type RecordingSpec,
  type RecordingStatus,
  recordingFinalizer,
  type TerminationMessage,
  type UserAnnotation,
} from '@trtc-recorder/api'
import type { KubeObject, New, PersistentVolumeClaim, Pod } from '@trtc-recorder/kube'
import { copyOf } from '../runtime/copy.ts'
import { findCondition } from './conditions.ts'
import { controlAnnotations, nudgedAnnotation } from './control.ts'
import { decide } from './decide.ts'
import { isFirstAsk, volumeOf } from './execute.ts'
import type { Place } from './line.ts'
import { labels, takenOverAnnotation } from './names.ts'
import type { Action, Observed, ObservedPod, Plan } from './plan.ts'
import { recorderPod } from './pod.ts'
import type { PodNews } from './pod-news.ts'
import { departedState, podState } from './pod-state.ts'
import { volumeClaim } from './pvc.ts'
import type { Refusal } from './refusal.ts'
import { type ResultReading, terminationResult } from './result.ts'
import { timeToEnter } from './stage.ts'
import { aRecording, podConfig, start } from './testing.ts'
import { type ContainerEnd, endPod, enter, schedule } from './testing-pods.ts'

/**
 * A toy cluster with one Recording in it: pods come and go as the test says, plans are carried out at once. Each settling checks that
 * deciding again changes nothing and that no two recorders live at once.
 */
export class World {
  recording: Recording
  pods: Pod[] = []
  /** The last that was seen of Pods that are gone. */
  departed: Pod[] = []
  claims: PersistentVolumeClaim[] = []
  /** What the API server would not make any more, and why. */
  refuses: Partial<Record<'ensureVolume' | 'createPod', Refusal>> = {}
  /** What was refused is worth another try. */
  mayBeGrantedNow = false
  /** A webhook takes away what Pods are told. */
  dropsAnnotations = false
  /** The Recording is gone. */
  gone = false
  heldBy: string | undefined
  /** Somebody else waits for its identity. */
  isWanted = false
  place: Place = { is: 'free' }
  progress: RecorderProgress | undefined
  /** It does not answer any more, and did last then. */
  heardAt: Date | undefined
  /** What Events say of a container that cannot be made. */
  news: PodNews | undefined
  now = start
  /** Where there are others beside it, whoever looks after them has a say. */
  decides = (): Plan => decide(this.observed(), this.now)
  carriedOut = (): void => {}
  readonly actions: Action['do'][] = []
  #uids = 0

  constructor(recording: Recording = aRecording()) {
    this.recording = recording
  }

  get status(): RecordingStatus {
    return this.recording.status ?? {}
  }

  condition(type: ConditionType): Condition | undefined {
    return findCondition(this.status.conditions, type)
  }

  /** `True Completed`, or undefined where the condition is absent. */
  is(type: ConditionType): string | undefined {
    const condition = this.condition(type)
    return condition && `${condition.status} ${condition.reason}`
  }

  observed(): Observed {
    return {
      recording: this.recording,
      pods: [
        ...this.#present(),
        ...this.departed.map((pod) => ({ pod, state: departedState(pod, readingOf(pod)), isGone: true })),
      ],
      claims: this.claims,
      identityHeldBy: this.heldBy,
      identityIsWanted: this.isWanted,
      isBesideOthers: false,
      place: this.place,
      progress: this.#progress(),
      image: podConfig.image,
      mayBeGrantedNow: this.mayBeGrantedNow,
      refusal: undefined,
    }
  }

  #present(): ObservedPod[] {
    return this.pods.map((pod) => {
      const attempt = this.recording.status?.attempts?.find((one) => one.pod === pod.metadata.name)
      const startTimeoutSeconds = timeToEnter(this.recording, attempt)
      const beside = { news: this.news, startTimeoutSeconds, uploadOnly: attempt?.uploadOnly }
      return { pod, state: podState(pod, readingOf(pod), this.now, beside), isGone: false }
    })
  }

  #progress(): Observed['progress'] {
    if (this.heardAt !== undefined) return { is: 'unknown', why: 'it cannot be reached', heardAt: this.heardAt }
    return this.progress === undefined ? { is: 'not asked' } : { is: 'known', said: this.progress }
  }

  /** The first volume. */
  get volume(): PersistentVolumeClaim | undefined {
    return this.claims[0]
  }

  /** Decides and does until there is nothing more to do at this moment. */
  settle(): this {
    let before = this.#seen()
    for (let round = 0; round < 20; round += 1) {
      if (this.gone) return this
      this.carryOut(this.decides())
      this.#reap()
      this.carriedOut()
      const recorders = this.live.filter((pod) => !jobIn(pod).uploadOnly).map((pod) => pod.metadata.name)
      if (recorders.length > 1) throw new Error(`two live recorders: ${recorders.join(', ')}`)
      const after = this.#seen()
      if (after === before) return this
      before = after
    }
    throw new Error('the decision never comes to rest')
  }

  #seen = () => JSON.stringify([this.recording, this.pods, this.claims, this.gone])

  after(seconds: number): this {
    this.now = new Date(this.now.getTime() + seconds * 1000)
    this.departed = []
    return this.settle()
  }

  carryOut(plan: Plan): void {
    const { metadata } = this.recording
    const before = this.recording
    if (plan.addFinalizer) metadata.finalizers = [...(metadata.finalizers ?? []), recordingFinalizer]
    this.recording = { ...this.recording, status: JSON.parse(JSON.stringify(plan.status)) }
    for (const action of plan.actions) {
      const refusal = this.refuses[action.do as keyof typeof this.refuses]
      if (refusal === undefined) this.#do(action)
      else {
        const { word, message } = refusal
        const refused = {
          word,
          message,
          volume: volumeOf(action),
          isFirstAsk: isFirstAsk(before, plan, volumeOf(action)),
        }
        const after = decide({ ...this.observed(), refusal: refused }, this.now)
        this.recording = { ...this.recording, status: JSON.parse(JSON.stringify(after.status)) }
        return
      }
    }
  }

  /** In how many seconds the operator looks again by itself. */
  get nextLookSeconds(): number {
    return (decide(this.observed(), this.now).requeueAfterMillis ?? Number.POSITIVE_INFINITY) / 1000
  }

  /** Those of attempts that were left behind do not count: TRTC sends them out. */
  get live(): Pod[] {
    const apart = this.status.attempts?.filter(({ state }) => state === 'LeftBehind').map(({ pod }) => pod)
    return this.#present().flatMap(({ pod, state }) =>
      state.kind === 'ended' || apart?.includes(pod.metadata.name) ? [] : [pod],
    )
  }

  /** Every node comes back, and every recorder that was asked to end does. */
  allEnd(result: TerminationMessage): this {
    this.pods = this.pods.map((pod) => {
      const copy = copyOf(pod)
      if (copy.status?.phase !== 'Succeeded' && copy.status?.phase !== 'Failed') endPod(copy, this.now, result)
      return copy
    })
    return this.settle()
  }

  /** The newest Pod. */
  get pod(): Pod {
    const pod = this.pods.at(-1)
    if (pod === undefined) throw new Error('there is no Pod')
    return pod
  }

  /** Applies to the newest Pod what a scheduler or a kubelet would write. */
  podBecomes(change: (pod: Pod) => void): this {
    const pod = copyOf(this.pod)
    change(pod)
    this.pods = [...this.pods.slice(0, -1), pod]
    return this.settle()
  }

  scheduled = () => this.podBecomes(schedule)
  inRoom = () => this.podBecomes((pod) => enter(pod, this.now))
  ends = (result?: TerminationMessage, end: Partial<ContainerEnd> = {}) =>
    this.podBecomes((pod) => endPod(pod, this.now, result, end))

  /** A kubelet that never had a container running has nothing to wait for. */
  podGoes(): this {
    const { pod } = this
    this.pods = this.pods.filter((one) => one !== pod)
    this.departed = [...this.departed, pod]
    return this.settle()
  }

  /** Pods that were deleted before their recorder ran go at once, if there is a kubelet that lives. */
  kubeletsLetGo(): this {
    const goes = ({ metadata, status }: Pod) => metadata.deletionTimestamp !== undefined && status?.phase === 'Pending'
    this.departed = [...this.departed, ...this.pods.filter(goes)]
    this.pods = this.pods.filter((pod) => !goes(pod))
    return this.settle()
  }

  stop(): this {
    return this.changes({ desiredState: 'Stopped' })
  }

  changes(spec: Partial<RecordingSpec>): this {
    this.recording.metadata.generation += 1
    this.recording.spec = { ...this.recording.spec, ...spec }
    return this.settle()
  }

  /** The operator was killed before it told of anything. */
  forgetStatus(): this {
    const { status: _, ...untold } = this.recording
    this.recording = untold
    return this
  }

  annotate(annotation: UserAnnotation, value = 'now'): this {
    const { metadata } = this.recording
    metadata.annotations = { ...metadata.annotations, [annotationName(annotation)]: value }
    return this.settle()
  }

  delete(): this {
    if (!this.recording.metadata.finalizers?.length) this.gone = true
    this.recording.metadata.deletionTimestamp = this.now.toISOString()
    return this.settle()
  }

  callbackDelivered(): this {
    if (this.recording.status?.callback !== undefined) this.recording.status.callback.state = 'Delivered'
    return this.settle()
  }

  #do(action: Action): void {
    this.actions.push(action.do)
    switch (action.do) {
      case 'ensureVolume':
        if (this.claims.some(({ metadata }) => metadata.name === action.name)) return
        this.claims = [
          ...this.claims,
          this.#made<PersistentVolumeClaim>(volumeClaim(this.recording, action.name, podConfig.options)),
        ]
        return
      case 'createPod': {
        const pod = this.#made<Pod>(recorderPod(this.recording, action.order, podConfig))
        if (this.pods.some((other) => other.metadata.name === pod.metadata.name)) return
        this.pods = [...this.pods, { ...pod, status: { phase: 'Pending' } }]
        return
      }
      case 'deletePod':
        this.#changePod(action.pod, (pod) => {
          const grace = action.gracePeriodSeconds ?? pod.spec!.terminationGracePeriodSeconds!
          // When it should be gone at the latest.
          pod.metadata.deletionTimestamp ??= new Date(this.now.getTime() + grace * 1000).toISOString()
          pod.metadata.deletionGracePeriodSeconds = grace
        })
        return
      case 'steerPod':
        if (this.dropsAnnotations) return
        this.#changePod(action.pod, (pod) => {
          const told = Object.entries(controlAnnotations(action.control, action.at))
          for (const [name, value] of told) {
            if (value === null) delete pod.metadata.annotations?.[name]
            else pod.metadata.annotations = { ...pod.metadata.annotations, [name]: value }
          }
        })
        return
      case 'nudgePod':
        this.#changePod(action.pod, (pod) => {
          pod.metadata.annotations = { ...pod.metadata.annotations, [nudgedAnnotation]: action.at.toISOString() }
        })
        return
      case 'releasePod':
        this.#changePod(action.pod, (pod) => {
          delete pod.metadata.finalizers
        })
        return
      case 'deleteVolume':
        this.claims = this.claims.filter(({ metadata }) => metadata.uid !== action.claim.metadata.uid)
        return
      case 'takeOverVolume':
        this.claims = this.claims.map((claim) => {
          if (claim.metadata.name !== action.name) return claim
          const { uid } = this.recording.metadata
          const labelled = { ...claim.metadata.labels, [labels.recordingUid]: uid }
          return { ...claim, metadata: { ...claim.metadata, labels: labelled, annotations: { [takenOverAnnotation]: uid } } }
        })
        return
      case 'disownVolume':
        for (const { metadata } of this.claims) if (metadata.uid === action.claim.metadata.uid) delete metadata.ownerReferences
        return
      case 'deleteRecording':
        this.gone = true
        return
      case 'letGo':
        delete this.recording.metadata.finalizers
        this.gone = this.recording.metadata.deletionTimestamp !== undefined
    }
  }

  /** A kubelet removes what has ended and was asked to go. */
  #reap(): void {
    const isGone = ({ metadata, status }: Pod) =>
      metadata.deletionTimestamp !== undefined &&
      !metadata.finalizers?.length &&
      (status?.phase === 'Succeeded' || status?.phase === 'Failed')
    this.departed = [...this.departed, ...this.pods.filter(isGone)]
    this.pods = this.pods.filter((pod) => !isGone(pod))
  }

  #changePod(target: Pod, change: (pod: Pod) => void): void {
    this.pods = this.pods.flatMap((pod) => {
      if (pod.metadata.uid !== target.metadata.uid) return [pod]
      const changed = copyOf(pod)
      change(changed)
      const ended = changed.status?.phase !== 'Running' && (changed.status?.phase !== 'Pending' || !changed.spec?.nodeName)
      const gone = changed.metadata.deletionTimestamp !== undefined && !changed.metadata.finalizers?.length && ended
      if (gone) this.departed = [...this.departed, changed]
      return gone ? [] : [changed]
    })
  }

  #made<T extends KubeObject>(object: New<T>): T {
    const metadata = {
      ...object.metadata,
      uid: `uid-${++this.#uids}`,
      resourceVersion: '1',
      creationTimestamp: this.now.toISOString(),
    }
    return { ...object, metadata } as unknown as T
  }
}

function readingOf(pod: Pod): ResultReading {
  const result = terminationResult(pod)
  return result === undefined ? { kind: 'none' } : { kind: 'read', result }
}

/** The job that the newest Pod was given. */
export const jobOf = (world: World) => jobIn(world.pod)

export const jobIn = (pod: Pod) =>
  JSON.parse(pod.spec?.containers[0]?.env?.find((variable) => variable.name === 'TRTC_RECORDER_JOB')?.value ?? '{}')
