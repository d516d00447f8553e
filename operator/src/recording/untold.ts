import { isDeepStrictEqual } from 'node:util'
import type { Attempt, ConditionReason, Recording, RecordingStatus } from '@trtc-recorder/api'
import { leftMillis } from '../runtime/timers.ts'
import { findCondition } from './conditions.ts'
import { isStopOfUser, isToldToStop } from './control.ts'
import type { Observed, Plan } from './plan.ts'
import { attemptState } from './stage.ts'

/** How long a status may wait that only tells. A recorder on its way is mostly in the room by then, and one that was told to stop is over. */
export const untoldMillis = 3000

/**
 * Statuses that nobody has written yet because they only tell: the next thing mostly happens before, and one write tells both. What is
 * lost of this with the process is decided anew by the next one.
 */
export class Untold {
  readonly #since = new Map<string, number>()

  /** How much longer what is to be told of a Recording may wait; 0 if no longer, or if it does more than tell. */
  restMillis(observed: Observed, plan: Plan, now: Date): number {
    const { uid } = observed.recording.metadata
    if (!onlyTells(observed, plan)) {
      this.#since.delete(uid)
      return 0
    }
    const since = this.#since.get(uid) ?? now.getTime()
    this.#since.set(uid, since)
    const left = leftMillis(since + untoldMillis, untoldMillis, now.getTime())
    if (left === 0) this.#since.delete(uid)
    return left
  }

  forget({ metadata }: Recording): void {
    this.#since.delete(metadata.uid)
  }
}

const onTheWay: readonly ConditionReason[] = ['Pending', 'Starting', 'Finishing']

/** Whether all that is new in a status stands elsewhere as well: in what its Pod is and was told. */
export function onlyTells({ recording, pods }: Observed, { status, actions }: Plan): boolean {
  const before = recording.status ?? {}
  const headline = findCondition(status.conditions, 'Succeeded')
  if (isDeepStrictEqual(before, status) || headline?.status !== 'Unknown' || !onTheWay.includes(headline.reason)) return false
  if (findCondition(status.conditions, 'Stored')?.status === 'False' || findCondition(status.conditions, 'Stalled')) return false
  if (!actions.every((action) => action.do === 'steerPod')) return false
  const isStopTold =
    pods.some(({ pod }) => isToldToStop(pod)) ||
    actions.some((action) => action.do === 'steerPod' && isStopOfUser(action.control))
  if (before.attempts === undefined) return isFirstWord(status, isStopTold)
  return isDeepStrictEqual(facts(before, isStopTold), facts(status, isStopTold))
}

/** The first Pod is there, and nothing has come of it yet. */
function isFirstWord(
  { attempts = [], volumes = [], startTime, stopRequestedTime }: RecordingStatus,
  isStopTold: boolean,
): boolean {
  const [first, ...more] = attempts
  if (first === undefined || more.length > 0 || startTime !== undefined) return false
  if (stopRequestedTime !== undefined && !isStopTold) return false
  return isOpen(first) && first.reason === undefined && volumes.every(({ state }) => state === 'Planned')
}

/** A status without what its Pod tells as well, and without how much there is of what it has. */
function facts(status: RecordingStatus, isStopTold: boolean) {
  const { conditions: _, observedGeneration: __, attempts = [], stopRequestedTime, ...rest } = status
  const { participants: ___, recordedBytes: ____, uploadedBytes: _____, fileCount: ______, live: _______, ...others } = rest
  return {
    ...others,
    ...(isStopTold ? {} : { stopRequestedTime }),
    attempts: attempts.map((attempt) => (isOpen(attempt) ? factsOf(attempt) : attempt)),
  }
}

const isOpen = (attempt: Attempt) => ['planned', 'running'].includes(attemptState(attempt).is)

function factsOf({ state: _, podUid: __, node: ___, leftTime: ____, ...rest }: Attempt) {
  return rest
}
