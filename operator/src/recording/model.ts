/**
 * A model of the outside of one Recording for the property tests: an API server with the operator's caches behind it, kubelets and nodes,
 * recorders and what is on their volumes, COS, a user, and a clock. The operator's own observe, decide and execute run against it. Nothing
 * of the product imports it.
 */
import {
  annotationName,
  type RecordedFile,
  type Recording,
  type RecordingSpec,
  recorderOutcomes,
  type UserAnnotation,
} from '@trtc-recorder/api'
import type { KubeObject, PersistentVolumeClaim, Pod } from '@trtc-recorder/kube'
import { copyOf } from '../runtime/copy.ts'
import { type Frozen, type MakeColleague, ModelOperator } from './model-operator.ts'
import { ModelServer, type Plural } from './model-server.ts'
import { attemptOf } from './names.ts'
import { aFile, aRecording, start } from './testing.ts'
import { endPod, enter, leave, schedule, takeFromNode } from './testing-pods.ts'

/** What is on a volume: every file that was recorded on it, and whether it is in COS. */
type Media = Map<string, 'on the volume' | 'in COS'>

const foreground = 'foregroundDeletion'
const leaseSeconds = 15

export class Model {
  now = start
  readonly server = new ModelServer({
    now: () => this.now,
    isToBeMade: (plural, object) => this.#isToBeMade(plural, object),
    isToBeDeleted: (plural, object) => this.#isToBeDeleted(plural, object),
    hasChanged: () => this.collectGarbage(),
  })
  cosIsAway = false
  secretIsMissing = false
  receiverIsAway = false
  nodeIsSilent = false
  /** How far what the operator takes for the time is ahead of what it is; set at any moment. */
  clockIsAheadSeconds = 0
  /** The operator looks again before a watch has brought what it wrote. */
  watchesAreLate = false
  /** Media of volumes that a user took away. */
  readonly taken = new Set<string>()
  /** Whether the call that is made was on its way when another one took the lead. */
  #isLateCall = false
  /** Pods that such a call made beside another one. */
  readonly #late = new Set<string>()
  /** Whether it is one that may not lead any more who is at work. */
  #isFormerAtWork = false
  /** The callbacks that came, by their key. */
  readonly told: string[] = []
  /** Files that were recorded and whose record no recorder could hand on, for its Pod was taken by force while it wrote. */
  readonly media = new Map<string, Media>()
  /** UIDs of Pods on a node that is silent. */
  readonly #outOfSight = new Set<string>()
  /** UIDs of Pods whose recorder was in the room without a word. */
  readonly #unheard = new Set<string>()
  /** Files of recorders that ran when their Pod was gone. */
  readonly #ofAMoment = new Set<string>()
  /** Names of volumes whose recorder was sent out for good. */
  readonly #over = new Map<string, string>()
  readonly #goneVolumes = new Map<string, PersistentVolumeClaim>()
  #files = 0
  /** The one that has the lease. */
  #operator: ModelOperator
  /** The second replica: it reads, and does nothing. */
  #standby: ModelOperator
  /** One that had the lease, and may be in the middle of something. */
  #former: { operator: ModelOperator; lostAt: Date } | undefined
  readonly #newOperator: () => ModelOperator

  /** `makeColleague`: what else is at work in the operator's process. */
  constructor(spec: Partial<RecordingSpec> = {}, makeColleague: MakeColleague = () => async () => undefined) {
    const clocks = { now: () => this.now, clock: () => new Date(this.now.getTime() + this.clockIsAheadSeconds * 1000) }
    this.#newOperator = () => new ModelOperator(this.server, clocks, makeColleague)
    this.#operator = this.#newOperator()
    this.#standby = this.#newOperator()
    const { status: _, ...recording } = aRecording(spec)
    this.server.put('recordings', { ...recording, status: { observedGeneration: -1 } } as Recording)
  }

  get recording(): Recording | undefined {
    return this.server.find('recordings', 'math') as Recording | undefined
  }

  get pods(): Pod[] {
    return this.server.list('pods') as Pod[]
  }

  get volumes(): PersistentVolumeClaim[] {
    return this.server.list('persistentvolumeclaims') as PersistentVolumeClaim[]
  }

  /** When the operator looks again by itself; infinite if it does not. */
  get dueMillis(): number {
    return this.#operator.dueMillis
  }

  // The operator.

  async reconcile(): Promise<void> {
    const before = this.server.writes.length
    await this.#operator.reconcile()
    const deleted = this.server.writes.slice(before).filter((write) => write.startsWith('delete '))
    if (new Set(deleted).size < deleted.length) throw new PropertyError(`in one run: ${deleted.join(', ')}`)
    // Its lease runs out.
    if (this.#operator.frozen !== undefined) this.standbyTakesOver()
  }

  restart = (): void => this.#operator.restart()
  isCutOff = (): void => this.#operator.isCutOff()
  deliver = (only?: Plural, most?: number): void => this.#operator.deliver(only, most)
  listsAnew = (): void => this.#operator.listsAnew()

  /** What the watches of the second replica have brought is older than what the leader knows, and all that it begins with. */
  standbyHears = (only?: Plural, most?: number): void => this.#standby.deliver(only, most)

  /** The second replica has the lease from now on; the first may be at work all the same. */
  standbyTakesOver(): void {
    this.#operator.losesLease()
    this.#former = { operator: this.#operator, lostAt: this.now }
    this.#operator = this.#standby
    this.#operator.dueMillis = this.now.getTime()
    this.#standby = this.#newOperator()
    this.#standby.restart()
  }

  /** The leader stands still in the middle of its next work, after so many calls of the API server, for long enough to lose its lease. */
  freezes = (calls: number, what: Frozen): void => this.#operator.freezesAfter(calls, what)

  /** The one without a lease goes on with what it was in the middle of, or looks once more. */
  async formerGoesOn(): Promise<void> {
    if (this.#former === undefined) return
    this.#isFormerAtWork = true
    await this.#formerGoesOn(this.#former).finally(() => {
      this.#isFormerAtWork = false
    })
  }

  /** A receiver hears of a result. Throws where it is told by one that has lost its lease, but for what was on its way by then. */
  hears(id: string): void {
    this.server.story.push(`  POST ${id}`)
    if (this.#isFormerAtWork && !this.#isLateCall) throw new PropertyError(`${id} is told by one that may not lead any more`)
    this.told.push(id)
  }

  async #formerGoesOn({ operator, lostAt }: { operator: ModelOperator; lostAt: Date }): Promise<void> {
    // What is on its way for longer than a lease lasts never arrives: the process that sent it has ended, and its connection with it.
    const isGone = operator.frozen === 'the network' && this.now.getTime() - lostAt.getTime() > leaseSeconds * 1000
    if (isGone) this.formerNotices()
    else if (operator.frozen !== undefined) {
      this.#isLateCall = operator.frozen === 'the network'
      await operator.wakesUp()
      this.#isLateCall = false
    } else await operator.reconcile()
  }

  formerHears = (): void => this.#former?.operator.deliver()

  /** It sees that it has lost the lease, and ends its process. */
  formerNotices(): void {
    this.#former = undefined
  }

  /** Until it has nothing more to do at this moment; throws where that never comes. */
  async settle(): Promise<void> {
    for (let round = 0; round < 60; round += 1) {
      const version = this.server.version
      const isLate = this.watchesAreLate && round % 2 === 0
      if (!isLate) this.deliver()
      await this.reconcile()
      if (isLate) continue
      if (this.server.version === version && this.dueMillis > this.now.getTime() + 2000 && this.server.faults.length === 0) return
      if (this.server.version === version) this.after(Math.max(0, Math.min(this.dueMillis - this.now.getTime(), 60_000)) / 1000)
    }
    throw new Error('the operator never comes to rest')
  }

  after(seconds: number): void {
    this.now = new Date(this.now.getTime() + seconds * 1000)
  }

  // The user.

  changes(spec: Partial<RecordingSpec>): void {
    const { recording } = this
    if (recording === undefined) return
    const generation = recording.metadata.generation + 1
    this.server.put('recordings', {
      ...recording,
      spec: { ...recording.spec, ...spec },
      metadata: { ...recording.metadata, generation },
    })
  }

  annotates(annotation: UserAnnotation): void {
    const { recording } = this
    if (recording === undefined) return
    const annotations = { ...recording.metadata.annotations, [annotationName(annotation)]: String(this.server.version) }
    this.server.put('recordings', { ...recording, metadata: { ...recording.metadata, annotations } })
  }

  deletes(how: 'background' | 'foreground' = 'background'): void {
    const { recording } = this
    if (recording === undefined || recording.metadata.deletionTimestamp !== undefined) return
    const finalizers = [...(recording.metadata.finalizers ?? []), ...(how === 'foreground' ? [foreground] : [])]
    const deletionTimestamp = this.now.toISOString()
    const deleted = { ...recording, metadata: { ...recording.metadata, finalizers, deletionTimestamp } }
    if (finalizers.length === 0) this.server.remove('recordings', deleted)
    else this.server.put('recordings', deleted)
    this.collectGarbage()
  }

  deletesPod(force = false): void {
    const pod = this.pods.at(-1)
    if (pod === undefined) return
    if (force) this.server.remove('pods', pod)
    else this.#deletePod(pod)
  }

  deletesVolume(volume = this.volumes.at(-1)): void {
    if (volume === undefined) return
    this.taken.add(volume.metadata.uid)
    // What nobody has heard of, and a user has taken away, nobody can name.
    for (const file of this.#ofAMoment) this.media.get(volume.metadata.uid)?.delete(file)
    this.#deleteVolume(volume)
  }

  /** One that is gone is there again, as from a backup: of the same name and labels, and another one. */
  restoresVolume(): void {
    const gone = [...this.#goneVolumes.values()].find(({ metadata }) => !this.#isThere(metadata.name))
    if (gone === undefined) return
    const { deletionTimestamp: _, ...metadata } = gone.metadata
    this.server.put('persistentvolumeclaims', { ...gone, metadata: { ...metadata, uid: `restored-${this.server.version}` } })
  }

  /** And all that is in it; nothing can be made in it any more. */
  deletesNamespace(): void {
    this.server.namespaceIsGoing = true
    this.deletes()
    for (const pod of this.pods) this.#deletePod(pod)
    for (const volume of this.volumes) this.deletesVolume(volume)
  }

  /** An operator of another release leads for a moment, and has words of its own. */
  otherReleaseWrites(): void {
    const { recording } = this
    const { status } = recording ?? {}
    if (recording === undefined || status?.attempts === undefined) return
    const attempts = status.attempts.map((one) => (one.state === 'Running' ? { ...one, state: 'Busy' as never } : one))
    const volumes = status.volumes?.map((one) => (one.state === 'Holding' ? { ...one, state: 'Sealed' as never } : one))
    this.server.put('recordings', { ...recording, status: { ...status, attempts, ...(volumes && { volumes }) } })
  }

  // Kubernetes.

  schedules(): void {
    for (const pod of this.pods.filter((one) => !one.spec?.nodeName && one.metadata.deletionTimestamp === undefined)) {
      const volume = this.#volumeOf(pod) as PersistentVolumeClaim | undefined
      // No scheduler gives a Pod a node whose volume is being deleted.
      if (volume === undefined || volume.metadata.deletionTimestamp !== undefined) continue
      if (volume.spec?.volumeName === undefined) {
        const spec = { ...volume.spec, volumeName: `pv-of-${volume.metadata.uid}` }
        this.server.put('persistentvolumeclaims', { ...volume, spec })
      }
      this.#changePod(pod, (copy) => schedule(copy))
    }
  }

  /** Those that were deleted are asked to end, and go when they have; those of a deleted Recording are collected. */
  collectGarbage(): void {
    const { recording } = this
    const owned = this.pods.filter((pod) => pod.metadata.ownerReferences?.length)
    const isForeground = recording?.metadata.finalizers?.includes(foreground) ?? false
    if (recording === undefined || isForeground) for (const pod of owned) this.#deletePod(pod)
    if (recording !== undefined && isForeground && this.pods.every((pod) => !pod.metadata.ownerReferences?.length)) {
      this.server.writeFinalizers(
        recording,
        recording.metadata.finalizers!.filter((name) => name !== foreground),
      )
    }
  }

  kubeletReaps(): void {
    if (this.nodeIsSilent) return
    for (const pod of this.pods.filter((one) => one.metadata.deletionTimestamp !== undefined && isOver(one)))
      this.server.remove('pods', pod)
    for (const volume of this.volumes.filter((one) => one.metadata.deletionTimestamp !== undefined)) this.#deleteVolume(volume)
    this.collectGarbage()
  }

  quotaHasRoom(): void {
    this.server.quotaIsUsedUp = false
    for (const one of [this.#operator, this.#former?.operator]) one?.quotaHasRoom('lessons')
  }

  /** What was ready is made not ready by the node controller, and every recorder is deleted that is not; nothing else changes in a Pod. */
  nodeFallsSilent(): void {
    this.nodeIsSilent = true
    for (const pod of this.pods.filter((one) => one.spec?.nodeName && !isOver(one))) {
      this.#outOfSight.add(pod.metadata.uid)
      // Who only uploads is ready as soon as it runs.
      if (hasEntered(pod) || jobOf(pod).uploadOnly) {
        this.#changePod(pod, ({ status }) => {
          const others = status!.conditions?.filter(({ type }) => type !== 'Ready' && type !== 'ContainersReady') ?? []
          const lastTransitionTime = this.now.toISOString()
          const conditions = [
            { type: 'Ready', status: 'False', lastTransitionTime },
            { type: 'ContainersReady', status: 'True' },
          ]
          status!.conditions = [...others, ...conditions]
        })
      } else this.#changePod(pod, (copy) => takeFromNode(copy, this.now))
    }
  }

  /** Its Pods are taken away by force, whatever their recorders are at, which end with it. */
  nodeIsDeleted(): void {
    for (const pod of this.pods.filter((one) => one.spec?.nodeName)) {
      if (!isOver(pod)) {
        const target = { type: 'DisruptionTarget', status: 'True', reason: 'DeletionByPodGC' }
        this.#changePod(pod, ({ status }) =>
          Object.assign(status!, { phase: 'Failed', conditions: [...(status!.conditions ?? []), target] }),
        )
      }
      this.server.remove('pods', pod)
    }
    this.nodeIsSilent = false
    this.#outOfSight.clear()
  }

  nodeComesBack(): void {
    this.nodeIsSilent = false
    this.#outOfSight.clear()
    for (const pod of this.pods.filter(
      (one) => !isOver(one) && !hasLeft(one) && one.status?.conditions?.some(({ type }) => type === 'ContainersReady'),
    )) {
      this.#changePod(pod, ({ status }) => {
        status!.conditions = status!.conditions!.filter(({ type }) => type !== 'Ready' && type !== 'ContainersReady')
      })
    }
  }

  /** What was left behind on a node that is silent to Kubernetes alone finds its way into the room again, and TRTC sends the other one out. */
  oneLeftBehindComesBack(): void {
    const left = this.recording?.status?.attempts?.find(({ state }) => state === 'LeftBehind')
    const pod = this.pods.find(({ metadata }) => metadata.name === left?.pod)
    if (pod === undefined || isOver(pod) || !hasEntered(pod)) return
    const other = this.running.find((one) => hasEntered(one) && one !== pod)
    if (other !== undefined) this.ends('DuplicateUser', {}, other)
  }

  /** It had left the room by then, or was the only one there. */
  oneLeftBehindSays(stopReason: string): void {
    const left = this.recording?.status?.attempts?.find(({ state }) => state === 'LeftBehind')
    const pod = this.running.find(({ metadata }) => metadata.name === left?.pod)
    if (pod !== undefined && this.#hasBeenThere(pod)) this.ends(stopReason, {}, pod)
  }

  // Recorders. Each is that of the newest Pod that has not ended, or of all.

  get running(): Pod[] {
    return this.pods.filter((pod) => pod.spec?.nodeName && !isOver(pod) && !this.#outOfSight.has(pod.metadata.uid))
  }

  enters(pod = this.running.at(-1)): void {
    if (pod === undefined || jobOf(pod).uploadOnly || hasEntered(pod) || pod.metadata.deletionTimestamp !== undefined) return
    // What stands on its volume says that it is over.
    const over = this.#over.get(claimName(pod) ?? '')
    if (over !== undefined) {
      this.ends(over, {}, pod)
      return
    }
    // TRTC sends out who is there with the same userId.
    for (const other of this.running.filter((one) => hasEntered(one) && one !== pod)) this.ends('DuplicateUser', {}, other)
    this.#files += 1
    this.#mediaOf(pod).set(`file-${this.#files}`, 'on the volume')
    this.#changePod(pod, (copy) => enter(copy, this.now))
  }

  /** The oldest that is not there yet, of which its node had made nothing for a while. */
  theSlowOneEnters(): void {
    this.enters(this.running.find((pod) => !this.#hasBeenThere(pod) && !jobOf(pod).uploadOnly))
  }

  /** One that was left behind enters and records, and no kubelet tells of it. */
  recordsUnheard(): void {
    const left = this.recording?.status?.attempts?.filter(({ state }) => state === 'LeftBehind').map(({ pod }) => pod)
    const pod = this.pods.find((one) => left?.includes(one.metadata.name) && !isOver(one) && !this.#hasBeenThere(one))
    if (!pod?.spec?.nodeName || jobOf(pod).uploadOnly) return
    this.#unheard.add(pod.metadata.uid)
    this.#files += 1
    this.#mediaOf(pod).set(`file-${this.#files}`, 'on the volume')
  }

  /** One whose node is about to start it is taken away by force, and runs for a moment all the same: nobody has told that node. */
  runsThoughGone(): void {
    const isWanted = this.recording?.status?.stopReason === undefined
    const pod = this.pods.findLast((one) => one.spec?.nodeName && !isOver(one) && !this.#hasBeenThere(one))
    if (!isWanted || pod === undefined || jobOf(pod).uploadOnly) return
    const volume = this.#volumeOf(pod)
    if (volume === undefined || volume.metadata.deletionTimestamp !== undefined) return
    this.#files += 1
    this.#ofAMoment.add(`file-${this.#files}`)
    this.#mediaOf(pod).set(`file-${this.#files}`, 'on the volume')
    this.server.remove('pods', pod)
  }

  /** Those that are asked to end leave the room, and are at their files from then on. */
  leave(): void {
    for (const pod of this.running.filter((one) => hasEntered(one) && one.metadata.deletionTimestamp !== undefined))
      this.#changePod(pod, (copy) => leave(copy, this.now))
  }

  /** It finishes, uploads what the volume has, and says so. */
  ends(stopReason: string, how: { omitted?: boolean; unknown?: boolean } = {}, pod = this.running.at(-1)): void {
    if (pod === undefined) return
    const { uploadOnly, attempt } = jobOf(pod)
    if (stopReason === 'DuplicateUser') this.#over.set(claimName(pod) ?? '', stopReason)
    const media = this.#mediaOf(pod)
    if (!this.cosIsAway) for (const name of media.keys()) media.set(name, 'in COS')
    const files = [...media].map(([name, where]) => fileOf(name, where === 'in COS' ? 1 : 0, attempt))
    const complete = files.every(({ status }) => status === 1)
    const outcome = complete ? 'Completed' : 'UploadIncomplete'
    const said = {
      attempt,
      outcome: how.unknown ? 'Merged' : outcome,
      message: 'It ended.',
      stopReason: uploadOnly ? 'NeverStarted' : stopReason,
      files: how.omitted && files.length > 0 ? [] : files,
      ...(how.omitted && files.length > 0 ? { filesOmitted: files.length } : {}),
      ...(this.#hasBeenThere(pod) ? { startedAt: this.now.toISOString(), stoppedAt: this.now.toISOString() } : {}),
    }
    this.#changePod(pod, (copy) => endPod(copy, this.now, said as never, { exitCode: recorderOutcomes[outcome].exitCode }))
  }

  /** It does not get into the room, or a Secret or COS is not there. */
  fails(pod = this.running.at(-1)): void {
    if (pod === undefined || this.#hasBeenThere(pod)) return
    const { attempt, uploadOnly } = jobOf(pod)
    const notStored = this.cosIsAway ? 'UploadIncomplete' : 'InternalError'
    const outcome = this.secretIsMissing ? 'SecretNotFound' : uploadOnly ? notStored : 'StartTimeout'
    const said = { attempt, outcome, message: 'It could not.', stopReason: 'NeverStarted', files: [] }
    this.#changePod(pod, (copy) => endPod(copy, this.now, said as never))
  }

  isKilled(how: 'OOMKilled' | 'Error', pod = this.running.at(-1)): void {
    if (pod !== undefined) this.#changePod(pod, (copy) => endPod(copy, this.now, undefined, { reason: how }))
  }

  /** The kubelet needs its memory, or its disk: nothing is left but its own word. */
  isEvicted(): void {
    const pod = this.running.at(-1)
    if (pod !== undefined) this.#changePod(pod, (copy) => endPod(copy, this.now, undefined, { podReason: 'Evicted' }))
  }

  /** Those that are asked to end do, and the world goes on as it should. */
  everythingIsWell(): void {
    this.schedules()
    for (const pod of this.running) {
      const isAsked =
        pod.metadata.deletionTimestamp !== undefined ||
        pod.metadata.annotations?.['trtc-recorder.dev/control']?.includes('"Stopped"')
      if (isAsked || jobOf(pod).uploadOnly) this.ends('Terminated', {}, pod)
    }
    this.kubeletReaps()
  }

  /** Files and whether they are in COS, on volumes that are there or of which nobody but the operator could have taken. */
  get files(): { name: string; where: 'on the volume' | 'in COS'; volumeUid: string }[] {
    return [...this.media].flatMap(([volumeUid, media]) => [...media].map(([name, where]) => ({ name, where, volumeUid })))
  }

  /** Throws where a Pod that the network brought late is left beside another one, when the operator has nothing more to do. */
  endsWhatCameLate(): void {
    const left = this.pods.find((pod) => this.#late.has(pod.metadata.name) && !isOver(pod) && isAlive(pod))
    if (left !== undefined) throw new PropertyError(`Pod ${left.metadata.name} came late, and is left`)
  }

  // What holds whenever the operator writes.

  #isToBeMade(plural: Plural, object: KubeObject): void {
    if (plural !== 'pods') return
    this.#checkNoOtherRecorder(object as Pod)
    const { stopReason } = this.recording?.status ?? {}
    if (stopReason !== undefined && !jobOf(object as Pod).uploadOnly && !this.#isLateCall)
      throw new PropertyError(`Pod ${object.metadata.name} is made to record what is over: ${stopReason}`)
  }

  #isToBeDeleted(plural: Plural, object: KubeObject): void {
    if (plural === 'pods') this.#deletePod(object as Pod)
    else this.#operatorDeletesVolume(object as PersistentVolumeClaim)
  }

  /**
   * Two recorders at once would be worse than a gap, unless the earlier one is lost to its node; two on one volume always would. Nothing can be done
   * about a call that the network delivers late, when another one leads, has made the same Pod, has seen it gone and has made the next: it is to be ended (`endsWhatCameLate`).
   */
  #checkNoOtherRecorder(pod: Pod): void {
    const left = this.recording?.status?.attempts?.filter(({ state }) => state === 'LeftBehind').map(({ pod: name }) => name)
    const { uploadOnly } = jobOf(pod)
    const other = this.pods.find(
      (one) =>
        !isOver(one) &&
        isAlive(one) &&
        (claimName(one) === claimName(pod) || !(left?.includes(one.metadata.name) || uploadOnly || jobOf(one).uploadOnly)),
    )
    if (other === undefined) return
    if (this.#isLateCall) this.#late.add(pod.metadata.name)
    else throw new PropertyError(`Pod ${pod.metadata.name} is made while ${other.metadata.name} lives`)
  }

  #operatorDeletesVolume(volume: PersistentVolumeClaim): void {
    const unsaved = [...(this.media.get(volume.metadata.uid) ?? [])].filter(([, where]) => where === 'on the volume')
    if (unsaved.length > 0)
      throw new PropertyError(`volume ${volume.metadata.name} is deleted with ${unsaved.length} files that are nowhere else`)
    this.#deleteVolume(volume)
  }

  #deletePod(pod: Pod): void {
    if (pod.metadata.deletionTimestamp !== undefined) return
    if (!pod.spec?.nodeName) this.server.remove('pods', pod)
    else {
      const grace = (pod.spec.terminationGracePeriodSeconds ?? 30) * 1000
      const deletionTimestamp = new Date(this.now.getTime() + grace).toISOString()
      this.#changePod(pod, (copy) =>
        Object.assign(copy.metadata, { deletionTimestamp, deletionGracePeriodSeconds: grace / 1000 }),
      )
    }
  }

  /** A volume stays while a Pod uses it. */
  #deleteVolume(volume: PersistentVolumeClaim): void {
    if (volume.metadata.deletionTimestamp === undefined) {
      this.server.put('persistentvolumeclaims', {
        ...volume,
        metadata: { ...volume.metadata, deletionTimestamp: this.now.toISOString() },
      })
    }
    const current = this.server.find('persistentvolumeclaims', volume.metadata.name)!
    if (this.pods.some((pod) => !isOver(pod) && claimName(pod) === volume.metadata.name)) return
    this.server.remove('persistentvolumeclaims', current)
    this.#goneVolumes.set(volume.metadata.name, current as PersistentVolumeClaim)
  }

  #changePod(pod: Pod, change: (pod: Pod) => void): void {
    const current = this.server.find('pods', pod.metadata.name)
    if (current?.metadata.uid !== pod.metadata.uid) return
    const copy = copyOf(current) as Pod
    change(copy)
    this.server.put('pods', copy)
  }

  #hasBeenThere = (pod: Pod) => hasEntered(pod) || hasLeft(pod) || this.#unheard.has(pod.metadata.uid)

  #isThere = (volume: string) => this.server.find('persistentvolumeclaims', volume) !== undefined
  #volumeOf = (pod: Pod) => this.server.find('persistentvolumeclaims', claimName(pod) ?? '')

  #mediaOf(pod: Pod): Media {
    const uid = this.#volumeOf(pod)?.metadata.uid ?? 'none'
    const media = this.media.get(uid) ?? new Map()
    this.media.set(uid, media)
    return media
  }
}

export class PropertyError extends Error {}

export const isOver = (pod: Pod) => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

const isAlive = (pod: Pod) => pod.metadata.deletionTimestamp === undefined || pod.spec?.nodeName !== undefined
const hasEntered = (pod: Pod) => pod.status?.containerStatuses?.[0]?.ready === true
const hasLeft = (pod: Pod) =>
  pod.status?.conditions?.some(({ type, status }) => type === 'ContainersReady' && status === 'False') ?? false
const claimName = (pod: Pod) =>
  pod.spec?.volumes?.find((volume) => volume.persistentVolumeClaim !== undefined)?.persistentVolumeClaim?.claimName

function jobOf(pod: Pod): { attempt: number; uploadOnly: boolean } {
  const job = pod.spec?.containers[0]?.env?.find(({ name }) => name === 'TRTC_RECORDER_JOB')?.value ?? '{}'
  return { attempt: attemptOf(pod) ?? 1, uploadOnly: job.includes('"uploadOnly":true') }
}

const fileOf = (name: string, status: 0 | 1, attempt: number): RecordedFile =>
  aFile('alice', { path: name, status, attempt, message: status === 1 ? 'ok' : 'writing to COS' })
