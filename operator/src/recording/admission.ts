import type { Recording, RecordingStatus } from '@trtc-recorder/api'
import type { Pod } from '@trtc-recorder/kube'
import { ApiError } from '@trtc-recorder/kube'
import { type Caches, folderOf, identityOf } from '../caches.ts'
import type { Territory } from '../runtime/controller.ts'
import { keyOf, ownerKey } from '../runtime/objects.ts'
import type { StoreEvent } from '../runtime/store.ts'
import { findCondition } from './conditions.ts'
import { goesOn, holds, IdentityClaims, isFinished, mayBeInRoom } from './fencing.ts'
import { type Limits, Line, type Place, type Waiting } from './line.ts'
import type { Observed, Plan } from './plan.ts'
import { hasEnded } from './pod-state.ts'

export interface AdmissionOptions {
  caches: Pick<Caches, 'recordings' | 'pods'>
  limits: Limits
  /** Value of the PriorityClass of a Recording's recorder. */
  priorityOf: (recording: Recording) => number
  /** Called with the key of a Recording that can begin now, or has something new to tell. */
  wake: (key: string) => void
  /** Namespaces that are served here. What is in another has its place, and waits, elsewhere. Default: all. */
  territory?: Pick<Territory, 'has' | 'onChange'> | undefined
  /** Calls back when all that comes in one piece has been heard. */
  later?: (callBack: () => void) => void
  /** Calls back when some more may be told their place. */
  afterAWhile?: (callBack: () => void) => void
}

/** Of those that wait, so many are told at a time that others have gone: 40 a second, however many wait and however often places are free. */
const toldAtATime = 10
const tellMillis = 250

/**
 * Which Recordings may send a recorder into a room: one for each identity, and not more at once than the administrator allows.
 *
 * Flow: `ask` → the decision → `answered`, all three without a pause between, so that no two are told the same; → what was decided is carried out →
 * `settle`. `heard` gives what the cache hears, for what was decided by an operator before this one.
 *
 * A Recording has a place from when its recorder is about to be made until it is seen to have left the room, and, once it was in the room, also
 * between two attempts that follow each other by themselves. One that finishes and uploads files has none; one that was asked to stop has it
 * until its recorder has left.
 */
export class Admission {
  readonly #caches: AdmissionOptions['caches']
  readonly #priorityOf: AdmissionOptions['priorityOf']
  readonly #wake: AdmissionOptions['wake']
  readonly #territory: AdmissionOptions['territory']
  readonly #claims = new IdentityClaims()
  /** Undefined where nothing is limited. */
  readonly #line: Line | undefined
  /** UIDs of those whose plan is being carried out: what the cache has of them is from before. */
  readonly #underWay = new Set<string>()
  readonly #later: NonNullable<AdmissionOptions['later']>
  readonly #afterAWhile: NonNullable<AdmissionOptions['afterAWhile']>
  #asking: string | undefined
  #isCalling = false
  /** Those that are still to be told. */
  #toTell: Waiting[] = []
  #isTelling = false

  constructor({ caches, limits, priorityOf, wake, territory, ...timing }: AdmissionOptions) {
    this.#territory = territory
    this.#later = timing.later ?? queueMicrotask
    this.#afterAWhile = timing.afterAWhile ?? ((callBack) => void setTimeout(callBack, tellMillis).unref())
    this.#caches = caches
    this.#priorityOf = priorityOf
    this.#wake = wake
    const isLimited = limits.perNamespace !== undefined || limits.perCluster !== undefined
    const call = (one: Waiting) => {
      if (one.uid !== this.#asking) wake(keyOf(one))
    }
    this.#line = isLimited ? new Line({ limits, onCall: call, onMove: call }) : undefined
    if (isLimited) territory?.onChange((namespace) => this.#placeAll(namespace))
  }

  /** How many wait for a place. */
  get queued(): number {
    return this.#line?.waiting ?? 0
  }

  ask(recording: Recording): Pick<Observed, 'identityHeldBy' | 'identityIsWanted' | 'isBesideOthers' | 'place'> {
    return {
      identityHeldBy: this.#identityHeldBy(recording),
      identityIsWanted: this.#rivalsOf(recording).some(
        (rival) => rival.metadata.uid !== recording.metadata.uid && waitsForIt(rival),
      ),
      isBesideOthers: this.#isBesideOthers(recording),
      place: this.#placeFor(recording),
    }
  }

  /** What came of it, before anything of it is done. */
  answered(recording: Recording, { actions, status }: Pick<Plan, 'actions' | 'status'>): void {
    const { uid } = recording.metadata
    if (actions.some((action) => action.do === 'createPod' && !action.order.uploadOnly)) {
      this.#underWay.add(uid)
      this.#claims.claim(identityOf(recording), recording)
      this.#line?.take(recording.metadata)
    } else if (this.#line?.has(uid) === false && !isQueued(status)) this.#line.leave(uid)
    this.#callLater()
  }

  /** What was decided has been carried out, or failed; whatever stands in the cache now is how it is. */
  settle(recording: Recording): void {
    this.#underWay.delete(recording.metadata.uid)
    const known = this.#caches.recordings.get(keyOf(recording.metadata))
    if (known?.metadata.uid !== recording.metadata.uid) this.#forget(recording)
    else {
      if (!holds(known) && this.#claims.release(identityOf(known), known)) this.#wakeRivals(known)
      this.#place(known)
    }
    this.#callLater()
  }

  /** It is tried again after a while, and meanwhile holds up nobody, unless its Pod may have been made unseen. */
  failed(recording: Recording, error: unknown): void {
    this.settle(recording)
    const { uid } = recording.metadata
    const mayHaveBegun = this.#line?.has(uid) && (!isNew(recording) || !(error instanceof ApiError) || this.#hasPod(recording))
    if (!mayHaveBegun) this.#line?.leave(uid)
  }

  heard(event: StoreEvent<Recording>): void {
    const { object } = event
    // Whose Pods are not known may be in the room. It comes again when they are.
    if (!this.#caches.pods.hasSynced(object.metadata.namespace)) return
    this.#callLater()
    if (event.type === 'deleted') {
      this.#forget(object)
      this.#wakeRivals(object)
      return
    }
    if (this.#underWay.has(object.metadata.uid)) return
    const freed = event.type === 'updated' && holds(event.previous) && !holds(object)
    if (freed) {
      this.#claims.release(identityOf(object), object)
      this.#wakeRivals(object)
    }
    const beginsToWait = waitsForIt(object) && !(event.type === 'updated' && waitsForIt(event.previous))
    if (beginsToWait) this.#wakeHolders(object)
    this.#place(object)
  }

  /** Those that wait are in another order from now on. Kubernetes changes no value of a class, but classes are deleted and made anew. */
  prioritiesChanged(): void {
    if (this.#line !== undefined) this.#placeAll(undefined)
  }

  #identityHeldBy(recording: Recording): string | undefined {
    if (isFinished(recording)) return undefined
    const holder = this.#claims.holderFor(identityOf(recording), recording, this.#rivalsOf(recording), this.#hasPod)
    if (holder.metadata.uid === recording.metadata.uid) return undefined
    // What is in another namespace is nobody's business here.
    const isNeighbour = holder.metadata.namespace === recording.metadata.namespace
    return isNeighbour ? `Recording ${holder.metadata.name}` : 'A Recording of another namespace'
  }

  /** One that is over names no file any more, and of most that are the caches do not have where its files went. */
  #isBesideOthers(recording: Recording): boolean {
    if (isFinished(recording)) return false
    const sharing = this.#caches.recordings.byIndex('folder', folderOf(recording))
    return sharing.some(({ metadata }) => metadata.uid !== recording.metadata.uid)
  }

  #placeFor(recording: Recording): Place {
    if (this.#line === undefined || this.#line.has(recording.metadata.uid) || !mayWant(recording)) return { is: 'free' }
    this.#asking = recording.metadata.uid
    this.#line.wait(this.#waiting(recording))
    this.#line.call()
    this.#tellMoved()
    this.#asking = undefined
    return this.#line.placeOf(recording.metadata.uid)
  }

  /** Not before all is heard that is there: who has a place may come after those that wait. */
  #callLater(): void {
    if (this.#line === undefined || this.#isCalling) return
    this.#isCalling = true
    this.#later(() => {
      this.#isCalling = false
      this.#line?.call()
      this.#tellMoved()
    })
  }

  /** Whoever is farther back is told some at a time, in turns: what is true by then is told, and what is the same is not written. */
  #tellMoved(): void {
    const line = this.#line
    if (line === undefined || this.#isTelling || (this.#toTell.length === 0 && !line.hasMoved)) return
    this.#isTelling = true
    this.#afterAWhile(() => {
      this.#isTelling = false
      if (this.#toTell.length === 0) this.#toTell = line.takeMoved()
      for (const one of this.#toTell.splice(0, toldAtATime)) if (line.placeOf(one.uid).is === 'waits') this.#wake(keyOf(one))
      this.#tellMoved()
    })
  }

  #place(recording: Recording): void {
    const line = this.#line
    if (line === undefined) return
    const { uid } = recording.metadata
    if (!(this.#territory?.has(recording.metadata.namespace) ?? true)) line.leave(uid)
    else if (this.#occupies(recording)) line.take(recording.metadata)
    else if (mayWant(recording) && (isNew(recording) || isQueued(recording.status))) line.wait(this.#waiting(recording))
    else line.leave(uid)
  }

  #placeAll(namespace: string | undefined): void {
    for (const recording of this.#caches.recordings.values()) {
      const { uid, namespace: own } = recording.metadata
      // Whose Pods are not known is heard of when they are.
      const isKnown = !this.#underWay.has(uid) && this.#caches.pods.hasSynced(own)
      if ((namespace === undefined || own === namespace) && isKnown) this.#place(recording)
    }
    this.#callLater()
  }

  /** Before anything is told of a Recording, its first Pod may be there. */
  #occupies(recording: Recording): boolean {
    if (isFinished(recording)) return false
    if (mayBeInRoom(recording) || goesOn(recording)) return true
    return isNew(recording) && (this.#line?.has(recording.metadata.uid) || this.#hasPod(recording))
  }

  #hasPod = ({ metadata }: Recording) => this.#caches.pods.byIndex('owner', ownerKey(metadata)).some((pod: Pod) => !hasEnded(pod))

  #waiting(recording: Recording): Waiting {
    const { uid, namespace, name, creationTimestamp } = recording.metadata
    return { uid, namespace, name, creationTimestamp, priority: this.#priorityOf(recording) }
  }

  #forget(recording: Recording): void {
    this.#claims.release(identityOf(recording), recording)
    this.#line?.leave(recording.metadata.uid)
  }

  #rivalsOf = (recording: Recording) => this.#caches.recordings.byIndex('identity', identityOf(recording))

  /** Those that have not been in the room may have to make way by and by. */
  #wakeHolders(recording: Recording): void {
    for (const rival of this.#rivalsOf(recording)) {
      if (mayBeInRoom(rival) && rival.status?.startTime === undefined) this.#wake(keyOf(rival.metadata))
    }
  }

  #wakeRivals(recording: Recording): void {
    for (const rival of this.#rivalsOf(recording)) {
      if (rival.metadata.uid !== recording.metadata.uid && !isFinished(rival)) this.#wake(keyOf(rival.metadata))
    }
  }
}

/** Nothing has been told of it yet, so nothing but the line keeps it from beginning, as far as anybody knows. */
const isNew = ({ status }: Recording) =>
  status?.attempts === undefined && findCondition(status?.conditions, 'Succeeded') === undefined

const isQueued = (status: RecordingStatus | undefined) => findCondition(status?.conditions, 'Succeeded')?.reason === 'Queued'

/** It could begin if nobody else had its identity. */
const waitsForIt = (recording: Recording) =>
  mayWant(recording) &&
  !mayBeInRoom(recording) &&
  findCondition(recording.status?.conditions, 'Succeeded')?.reason === 'IdentityInUse'

/** Not asked to end, and not over. */
const mayWant = ({ spec, status, metadata }: Recording) =>
  spec.desiredState !== 'Stopped' &&
  status?.stopRequestedTime === undefined &&
  status?.stopReason === undefined &&
  status?.completionTime === undefined &&
  metadata.deletionTimestamp === undefined
