import { isDeepStrictEqual } from 'node:util'
import {
  type Attempt,
  type ConditionReason,
  type ConditionType,
  type RecordingStatus,
  type RecordingVolume,
  type StopReason,
  type TroubleWord,
  troubleOf,
} from '@trtc-recorder/api'
import { copyOf } from '../runtime/copy.ts'
import type { Answers } from './answers.ts'
import { fruitlessUploadsInARow, mostFailuresInARow, uploadFailuresInARow } from './attempts.ts'
import { findCondition, type NewCondition, withCondition, withoutCondition } from './conditions.ts'
import type { Action, Observed, ObservedPod, Plan } from './plan.ts'
import { hasEntered, inTodaysWords, mainAttempt, openRecorder, openUpload, type Stage, stageOf, volumeNameOf } from './stage.ts'

/** What is not mended by something that appears or is freed by itself. */
const onlyAPersonCanHelp: readonly string[] = ['UploadRefused', 'RoomRefusedAgain'] satisfies TroubleWord[]

/** A plan in the making: what one decision has come to so far. */
export class Draft {
  readonly observed: Observed
  readonly now: Date
  readonly status: RecordingStatus
  readonly actions: Action[] = []
  readonly answers: Answers = {}
  addFinalizer = false
  #requeueAfterMillis: number | undefined

  constructor(observed: Observed, now: Date) {
    this.observed = observed
    this.now = now
    this.status = inTodaysWords(copyOf(observed.recording.status ?? {}), observed.recording.metadata.name)
    // Deleting an object counts as a change of it; one that is finished is only tidied up after.
    if (!this.isFinished || !this.isDeleting) this.status.observedGeneration = observed.recording.metadata.generation
  }

  get recording() {
    return this.observed.recording
  }

  get stage(): Stage {
    return stageOf(this.status)
  }

  get attempts(): Attempt[] {
    return this.status.attempts ?? []
  }

  get open(): Attempt | undefined {
    return mainAttempt(this.status)
  }

  /** The recorder that is under way although recording is over, for one that was left behind has said so. */
  get unneeded(): Attempt | undefined {
    return this.stage.is === 'storing' ? openRecorder(this.attempts) : undefined
  }

  /** The attempt that uploads meanwhile what another volume holds. */
  get beside(): Attempt | undefined {
    const upload = openUpload(this.attempts)
    return upload === this.open ? undefined : upload
  }

  /** Both. */
  get allOpen(): Attempt[] {
    return [this.open, this.beside].filter((attempt) => attempt !== undefined)
  }

  get volumes(): RecordingVolume[] {
    return this.status.volumes ?? []
  }

  get isDeleting(): boolean {
    return this.recording.metadata.deletionTimestamp !== undefined
  }

  get isFinished(): boolean {
    return this.stage.is === 'finished'
  }

  /** Set when somebody wants the recording to end. */
  get asked(): StopReason | undefined {
    if (this.status.stopRequestedTime !== undefined) return 'StopRequested'
    return this.isDeleting ? 'Deleted' : undefined
  }

  /** Whether any attempt has been in the room. */
  get entered(): boolean {
    return hasEntered(this.status)
  }

  /** The Pod of an attempt. One whose UID is not known yet is found by its name. */
  podOf({ pod: name, podUid = '' }: Attempt): ObservedPod | undefined {
    return this.observed.pods.find(
      ({ pod: { metadata } }) => metadata.name === name && (podUid === '' || metadata.uid === podUid),
    )
  }

  /** Trying to upload from it again would come to nothing again. */
  isVolumeHopeless({ name, triedFrom = 1 }: RecordingVolume): boolean {
    const on = this.attempts.filter(
      (attempt) => attempt.number >= triedFrom && volumeNameOf(attempt, this.recording.metadata.name) === name,
    )
    if (this.isDeleting && fruitlessUploadsInARow(on) >= mostFailuresInARow) return true
    return uploadFailuresInARow(on) >= mostFailuresInARow
  }

  set(type: ConditionType, condition: NewCondition): void {
    const generation = this.recording.metadata.generation
    this.status.conditions = withCondition(this.status.conditions ?? [], type, condition, generation, this.now)
  }

  drop(...types: ConditionType[]): void {
    for (const type of types) this.status.conditions = withoutCondition(this.status.conditions ?? [], type)
  }

  /** Not in the room, and under way to it. `Started` stays True once it was. */
  starting(reason: ConditionReason, message: string): void {
    this.set('Succeeded', { status: 'Unknown', reason, message })
    this.set('Reconciling', { status: 'True', reason, message })
    this.drop('Stalled')
    if (findCondition(this.status.conditions, 'Started')?.status !== 'True')
      this.set('Started', { status: 'False', reason, message })
  }

  /** Between attempts. Once recording is over, it is only the upload that waits. */
  waiting(reason: ConditionReason, message: string): void {
    if (this.stage.is === 'recording') {
      this.starting(reason, message)
      return
    }
    this.set('Succeeded', { status: 'Unknown', reason, message })
    this.set('Stored', { status: 'False', reason, message })
    this.set('Reconciling', { status: 'True', reason, message })
    this.drop('Stalled')
  }

  /** The same, for what only a person can mend. */
  waitingForSomebody(reason: ConditionReason, message: string): void {
    this.waiting(reason, message)
    this.drop('Reconciling')
    this.set('Stalled', { status: 'True', reason, message })
  }

  /** Waits as the word of a trouble says. */
  heldUpBy(word: string, message: string): void {
    const { condition } = troubleOf(word)
    if (onlyAPersonCanHelp.includes(word)) this.waitingForSomebody(condition, message)
    else this.waiting(condition, message)
  }

  /** Once, however many steps come to the same. */
  act(...actions: Action[]): void {
    for (const action of actions) if (!this.actions.some((other) => isDeepStrictEqual(other, action))) this.actions.push(action)
  }

  lookAgainIn(millis: number): void {
    const wanted = Math.max(0, Math.ceil(millis))
    this.#requeueAfterMillis = Math.min(wanted, this.#requeueAfterMillis ?? wanted)
  }

  plan(): Plan {
    return {
      addFinalizer: this.addFinalizer,
      status: this.status,
      actions: this.actions,
      answers: this.answers,
      ...(this.#requeueAfterMillis === undefined ? {} : { requeueAfterMillis: this.#requeueAfterMillis }),
    }
  }
}
