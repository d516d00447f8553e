import type { ConditionReason, RecordingStatus } from '@trtc-recorder/api'
import { isForbidden, isForbiddenByQuota, isInvalid, isNamespaceTerminating } from '../kube/errors.ts'
import { Draft } from './draft.ts'
import type { Observed } from './plan.ts'

/** The API server would not let the operator make a Pod or a volume, for a reason that may pass. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly reason: Extract<ConditionReason, 'QuotaExceeded' | 'PodRejected' | 'VolumeNotOwned'>
  /** Nothing can be made in this namespace any more. */
  readonly isFinal: boolean

  constructor(reason: Refusal['reason'], message: string, isFinal = false) {
    super(message)
    this.reason = reason
    this.isFinal = isFinal
  }
}

/** What a failed create means, where it is an answer and not a failure on the way. */
export function refusalOf(error: unknown): Refusal | undefined {
  const { message } = error as Error
  if (isForbiddenByQuota(error)) return new Refusal('QuotaExceeded', message)
  if (isNamespaceTerminating(error)) return new Refusal('PodRejected', message, true)
  return isForbidden(error) || isInvalid(error) ? new Refusal('PodRejected', message) : undefined
}

/** The status once a Pod or volume was refused. The attempt stays planned and is tried again, unless its namespace is going away. */
export function withRefusal(observed: Observed, refusal: Refusal, now: Date): RecordingStatus {
  const draft = new Draft(observed, now)
  const { status } = draft
  if (!refusal.isFinal || !draft.isDeleting) {
    draft.waiting(refusal.reason, refusal.message)
    return status
  }
  const message = `What is left on the volume cannot be uploaded any more. ${refusal.message}`
  status.attempts = draft.attempts.filter((attempt) => attempt !== draft.open)
  status.stopReason ??= 'Deleted'
  status.completionTime = now.toISOString()
  draft.set('Succeeded', { status: 'False', reason: 'UploadIncomplete', message })
  draft.set('Stored', { status: 'False', reason: 'UploadIncomplete', message })
  draft.drop('Reconciling')
  return status
}
