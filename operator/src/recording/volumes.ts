import type { Attempt, RecordingVolume, TroubleWord } from '@trtc-recorder/api'
import type { PersistentVolumeClaim } from '@trtc-recorder/kube'
import type { Draft } from './draft.ts'
import { takenOverAnnotation, volumeName } from './names.ts'
import { attemptState, volumeNameOf, volumeState } from './stage.ts'

/** More would say that something is wrong with nodes, and each is a disk that somebody pays for. As many as the schema takes. */
export const mostVolumes = 16

export const volumeOf = (draft: Draft, attempt: Attempt): RecordingVolume | undefined =>
  draft.volumes.find(({ name }) => name === volumeNameOf(attempt, draft.recording.metadata.name))

/** The claim that is a volume: the very one, not another one that has come back under its name. */
export const claimOf = (claims: readonly PersistentVolumeClaim[], { name, uid }: RecordingVolume) =>
  claims.find(({ metadata }) => (uid === undefined ? metadata.name === name : metadata.uid === uid))

/** Keeps `status.volumes` true to what is there. What is lost is named from then on, and nothing is recorded on it any more. */
export function lookAfterVolumes(draft: Draft): undefined {
  const { observed } = draft
  if (draft.isFinished) {
    // What is left then is the user's.
    for (const claim of observed.claims.filter(({ metadata }) => metadata.ownerReferences?.length)) {
      draft.act({ do: 'disownVolume', claim })
    }
    return
  }
  takeInWhatWasTakenOver(draft)
  draft.status.volumes = draft.volumes.flatMap((volume): RecordingVolume[] => {
    const state = volumeState(volume)
    const claim = claimOf(observed.claims, volume)
    // What an earlier release made goes with its Recording, however much it holds.
    if (claim?.metadata.ownerReferences?.length) draft.act({ do: 'disownVolume', claim })
    switch (state.is) {
      case 'lost':
        return [volume]
      case 'planned':
        // It went before anybody used it.
        return volume.retired && claim === undefined && !isInUse(draft, volume) ? [] : [volume]
      case 'empty':
        if (claim !== undefined) return [{ ...volume, uid: claim.metadata.uid }]
        return isInUse(draft, volume) ? [{ name: volume.name, state: 'Planned' as const }] : []
      case 'holding':
        break
    }
    return [claim === undefined ? { ...volume, state: 'Lost', retired: true } : { ...volume, uid: claim.metadata.uid }]
  })
  dropThePlanOnALostVolume(draft)
}

/**
 * The first volume and its Pod are made before the status says so. Where that was never written, and the Pod is gone, nobody knows what it left;
 * a claim that is not bound yet was never mounted.
 */
export function takeInWhatNobodyToldOf(draft: Draft): undefined {
  const { volumes, attempts, observed, recording } = draft
  if (volumes.length > 0 || attempts.length > 0) return
  const claim = observed.claims.find(
    ({ metadata }) =>
      metadata.deletionTimestamp === undefined && metadata.annotations?.[takenOverAnnotation] !== recording.metadata.uid,
  )
  if (claim === undefined) return
  const { name, uid } = claim.metadata
  const made: RecordingVolume = !isBound(claim)
    ? { name, state: 'Planned' }
    : { name, uid, state: 'Holding', holds: 'What a recorder may have left that was gone before anybody told of it' }
  draft.status.volumes = [made]
}

/** What a namesake left is only uploaded: its recorder may have come to its end there, and so would one that recorded on it. */
function takeInWhatWasTakenOver(draft: Draft): void {
  const { observed, recording } = draft
  const taken = observed.claims.filter(({ metadata }) => metadata.annotations?.[takenOverAnnotation] === recording.metadata.uid)
  for (const { metadata } of taken) {
    const known = draft.volumes.find((volume) => volume.uid === metadata.uid)
    if (known !== undefined) continue
    const holds = 'What a Recording of the same name left'
    const others = draft.volumes.filter((volume) => volume.name !== metadata.name)
    draft.status.volumes = [...others, { name: metadata.name, uid: metadata.uid, state: 'Holding', holds, retired: true }]
  }
}

/** A claim of its name would be made anew, and taken for the one that was lost. */
function dropThePlanOnALostVolume(draft: Draft): void {
  for (const attempt of draft.allOpen) {
    const volume = volumeOf(draft, attempt)
    if (volume === undefined || volumeState(volume).is !== 'lost' || draft.podOf(attempt) !== undefined) continue
    attempt.state = 'Ended'
    attempt.endTime = draft.now.toISOString()
    attempt.reason = 'VolumeLost' satisfies TroubleWord
    attempt.message = `PersistentVolumeClaim ${volume.name} is gone, or another one of its name has taken its place.`
  }
}

const isInUse = (draft: Draft, volume: RecordingVolume) =>
  draft.attempts.some((attempt) => attemptState(attempt).is !== 'ended' && volumeOf(draft, attempt) === volume)

/** A recorder runs: from now on there may be something on its volume that is nowhere else. */
export function nowHolds(draft: Draft, attempt: Attempt): void {
  const volume = volumeOf(draft, attempt)
  if (volume === undefined || volumeState(volume).is === 'lost') return
  volume.state = 'Holding'
  volume.holds = `What attempt ${attempt.number} has recorded`
  const claim = claimOf(draft.observed.claims, volume)
  if (claim !== undefined) volume.uid = claim.metadata.uid
  if (draft.stage.is === 'recording') delete volume.givenUp
}

/**
 * The Pod of a planned attempt is not there. Where its volume is bound it may have been, unseen, and gone again: the volume holds something then.
 * @returns whether it may have run
 */
export function noteWhetherItMayHaveRun(draft: Draft, attempt: Attempt): boolean {
  const volume = volumeOf(draft, attempt)
  if (volume === undefined || !isBound(claimOf(draft.observed.claims, volume))) return false
  const { refusal } = draft.observed
  if (refusal?.isFirstAsk && refusal.volume === volume.name) return false
  mayHold(draft, attempt)
  return true
}

/** It may have run, and nobody knows. */
export function mayHold(draft: Draft, attempt: Attempt): void {
  const volume = volumeOf(draft, attempt)
  if (volume === undefined || !['planned', 'empty'].includes(volumeState(volume).is)) return
  volume.state = 'Holding'
  volume.holds = `What attempt ${attempt.number} may have recorded`
}

/** Somebody deletes it: no Pod that is not on a node yet can use it any more, however long it takes to go. */
export const beingDeletedSince = (draft: Draft, volume: RecordingVolume): string | undefined =>
  claimOf(draft.observed.claims, volume)?.metadata.deletionTimestamp

export const isBound = (claim: PersistentVolumeClaim | undefined) => claim?.spec?.volumeName !== undefined

/** A planned attempt that is given up. */
export function endWithoutPod(draft: Draft, attempt: Attempt, why: string): void {
  const ran = noteWhetherItMayHaveRun(draft, attempt)
  attempt.state = 'Ended'
  attempt.endTime = draft.now.toISOString()
  attempt.reason = ran ? 'PodDeleted' : 'NotStarted'
  attempt.message = ran ? 'Its Pod is not there, and may have been.' : why
  delete attempt.refusedTimes
  delete attempt.refusedTime
}

/** The volume the next recorder works on: the one that is there, unless nothing may, or can, be recorded on that any more. */
export function volumeToRecordOn(draft: Draft): RecordingVolume | undefined {
  const usable = draft.volumes.find(
    (volume) => !volume.retired && volumeState(volume).is !== 'lost' && beingDeletedSince(draft, volume) === undefined,
  )
  if (usable !== undefined) return usable
  if (draft.volumes.length >= mostVolumes) letGoOfOneThatIsEmpty(draft)
  if (draft.volumes.length >= mostVolumes) return undefined
  const made: RecordingVolume = { name: freshName(draft), state: 'Planned' }
  draft.status.volumes = [...draft.volumes, made]
  return made
}

/** All that was recorded on it is in COS, and nothing is recorded on it any more. */
function letGoOfOneThatIsEmpty(draft: Draft): void {
  if (draft.recording.spec.storage.retention === 'Retain') return
  const empty = draft.volumes.find((volume) => volume.retired && volumeState(volume).is === 'empty' && !isInUse(draft, volume))
  if (empty === undefined) return
  const claim = claimOf(draft.observed.claims, empty)
  if (claim !== undefined) draft.act({ do: 'deleteVolume', claim })
  draft.status.volumes = draft.volumes.filter((volume) => volume !== empty)
}

/** Names are not used again while anything remembers them. */
function freshName({ volumes, attempts, recording, observed }: Draft): string {
  const { name } = recording.metadata
  const taken = new Set([
    ...volumes.map((volume) => volume.name),
    ...(volumes.length === 0 ? [] : attempts.map((attempt) => volumeNameOf(attempt, name))),
    ...observed.claims.map(({ metadata }) => metadata.name),
  ])
  let number = 1
  while (taken.has(volumeName(name, number))) number += 1
  return volumeName(name, number)
}

/** A volume that has something to upload, and that no Pod left behind may still be writing on. */
export const volumeToUpload = (draft: Draft) =>
  draft.volumes.find((volume) => isWorthUploading(draft, volume) && !isHeldByLeftBehind(draft, volume))

/** The same while somebody records: what nothing is recorded on any more. The rest is the next recorder's, who is in the room first. */
export const volumeToUploadBeside = (draft: Draft) =>
  draft.volumes.find((volume) => volume.retired && isWorthUploading(draft, volume) && !isHeldByLeftBehind(draft, volume))

/** What waits for a node to come back. */
export const volumeOutOfReach = (draft: Draft) =>
  draft.volumes.find((volume) => isWorthUploading(draft, volume) && isHeldByLeftBehind(draft, volume))

const isHeldByLeftBehind = (draft: Draft, volume: RecordingVolume) =>
  draft.attempts.some((attempt) => attemptState(attempt).is === 'leftBehind' && volumeOf(draft, attempt) === volume)

function isWorthUploading(draft: Draft, volume: RecordingVolume): boolean {
  const state = volumeState(volume)
  return state.is === 'holding' && !state.givenUp && !draft.isVolumeHopeless(volume)
}
