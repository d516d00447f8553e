import {
  type RecorderOutcome,
  recorderOutcomes,
  type StopReason,
  stopReasons,
  type TroubleWord,
  troubles,
} from '@trtc-recorder/api'
import type { PodEnd } from './pod-state.ts'

export interface Judgement {
  reason: TroubleWord
  message: string
  /** Set when the recording, and not only this attempt, has come to its end. */
  stopReason?: StopReason
}

/** Stop reasons of a recorder after which there is nothing more to record. */
const finalStops: readonly string[] = [
  'RoomDismissed',
  'RemovedByApi',
  'DuplicateUser',
  'Idle',
  'MaxDuration',
] satisfies StopReason[]

/**
 * What one that was left behind may have heard, and nobody after it: it happens once, and who comes later would be in a room that nobody wants to be recorded any more. Whoever
 * removed the recorder wanted that whatever becomes of the room; a room that was dismissed may have been opened again.
 */
const heardOnce: readonly string[] = ['RoomDismissed', 'RemovedByApi'] satisfies StopReason[]

export interface Circumstances {
  /** Why the recording was to end, if it was: a SIGTERM was the operator's own then. */
  asked: StopReason | undefined
  /** Whether any attempt has been in the room. */
  entered: boolean
  /**
   * How one that was left behind ended says nothing of the recording, for the next attempt began without waiting for it and TRTC sent it out; but for
   * the end of the room, where the next one was not in it yet. Nor does how one ended that only uploads.
   */
  role: 'records' | 'leftBehind' | 'uploads'
  /** None that came later was in the room when it left. */
  wasLatest: boolean
  /** One that came later is in the room, and is not known to be alone there: if the room was dismissed before, it was opened again. */
  isOpenAgain: boolean
  /** One that was left behind may have come back into the room, and have sent this one out. */
  isOvertaken: boolean
  /** Another Recording waits for its identity. */
  isWanted: boolean
}

/** Says how an attempt ended, and whether the recording did. */
export function judge(end: PodEnd, circumstances: Circumstances): Judgement {
  const { asked, entered, role, wasLatest, isOpenAgain, isOvertaken, isWanted } = circumstances
  const { result } = end
  const isNews = (stopReason: StopReason) =>
    wasLatest && heardOnce.includes(stopReason) && !(stopReason === 'RoomDismissed' && isOpenAgain)
  const counts = (stopReason: StopReason) => role === 'records' || (role === 'leftBehind' && isNews(stopReason))
  const over = (stopReason: StopReason | undefined) => (stopReason !== undefined && counts(stopReason) ? { stopReason } : {})
  if (!end.ran && isWanted && !entered && role === 'records') {
    return { reason: 'IdentityInUse', message: gaveWay(end), ...over(asked) }
  }
  if (result === undefined) return { ...withoutResult(end), ...over(asked) }

  const stopReason = result.stopReason
  const final = finalStops.includes(stopReason) ? (stopReason as StopReason) : undefined
  if (result.filesOmitted !== undefined) {
    const message = `The recorder said ${result.outcome}, and of its ${result.filesOmitted} files more than could be read. ${result.message}`
    return { reason: 'ResultUnknown', message, ...over(final ?? asked) }
  }
  if (!isOutcome(result.outcome)) {
    const message = `The recorder said ${result.outcome}, which this operator does not know: ${result.message}`
    return { reason: 'ResultUnknown', message, ...over(final ?? asked) }
  }
  const said = { reason: wordFor(result.outcome, entered), message: result.message }
  if (stopReason === 'DuplicateUser' && isOvertaken && result.outcome === 'Completed')
    return { reason: 'Terminated', message: overtaken }
  if (role === 'uploads') return said
  if (final !== undefined) return { ...said, ...over(final) }
  if (asked !== undefined) return { ...said, ...over(asked) }
  // Everything it recorded is dealt with, but the room goes on without it: it was sent away, or lost the room.
  const goesOn = entered && ['Terminated', 'RoomLost', 'BrowserFailed', 'MediaUnreachable', 'StorageFull'].includes(stopReason)
  if (result.outcome === 'Completed') return { reason: sentAway(end), message: sentAwayMessage(end, result.message) }
  if (troubles[said.reason].next === 'over' && !(result.outcome === 'FileFailed' && goesOn)) {
    return { ...said, ...over(entered ? 'RoomLost' : 'NeverStarted') }
  }
  return said
}

function gaveWay({ node }: PodEnd): string {
  const what = node === undefined ? 'No node had room for its recorder' : `Node ${node} could not start its recorder`
  return `${what}, and it made way for another Recording with the same room and userId.`
}

const overtaken =
  'The recorder that was left behind on a silent node came back into the room, and TRTC sent this one out; what it had is stored.'

const isOutcome = (word: string): word is RecorderOutcome => Object.hasOwn(recorderOutcomes, word)

/** One that was in the room before had a UserSig that was right, so it is worth waiting for a new one. */
const wordFor = (outcome: RecorderOutcome, entered: boolean): TroubleWord =>
  outcome === 'RoomRefused' && entered ? 'RoomRefusedAgain' : outcome

/** What ended a recording, for a person; a word of another release speaks for itself. */
export const stopMeaning = (word: string): string =>
  Object.hasOwn(stopReasons, word) ? stopReasons[word as StopReason] : `It ended for the reason ${word}.`

function withoutResult(end: PodEnd): Omit<Judgement, 'stopReason'> {
  if (!end.ran) return { reason: 'NotStarted', message: `The recorder never ran. ${end.message}`.trim() }
  switch (end.cause) {
    case 'OOMKilled':
      return { reason: 'OOMKilled', message: `${troubles.OOMKilled.meaning} ${troubles.OOMKilled.remedy}` }
    case 'Evicted':
      return { reason: 'Evicted', message: `The Pod was evicted before the recorder could finish. ${end.message}`.trim() }
    case 'NodeLost':
      return { reason: 'NodeLost', message: `The node was lost. ${end.message}`.trim() }
    case 'PodDeleted':
      return { reason: 'PodDeleted', message: `The Pod was deleted before the recorder could finish. ${end.message}`.trim() }
    case undefined:
      return byExitCode(end)
  }
}

/** The exit code is part of the recorder's contract, so it counts even where the result was lost; success does not count unproven. */
function byExitCode({ exitCode, message }: PodEnd): Omit<Judgement, 'stopReason'> {
  const known = Object.entries(recorderOutcomes).find(([, outcome]) => outcome.exitCode === exitCode && outcome.exitCode >= 10)
  if (known !== undefined) return { reason: known[0] as RecorderOutcome, message: known[1].meaning }
  return {
    reason: 'Crashed',
    message: `The recorder ended with exit code ${exitCode ?? 'unknown'} and left no result. ${message}`.trim(),
  }
}

function sentAway(end: PodEnd): TroubleWord {
  if (end.cause === 'Evicted' || end.cause === 'PodDeleted') return end.cause
  return end.cause === 'NodeLost' ? 'Evicted' : 'Terminated'
}

function sentAwayMessage(end: PodEnd, said: string): string {
  const who = { Evicted: 'The Pod was evicted', PodDeleted: 'The Pod was deleted', Terminated: 'The recorder was asked to end' }
  return `${who[sentAway(end) as keyof typeof who]} while recording; what it had is stored. ${end.message || said}`.trim()
}
