import type { TroubleWord } from '@trtc-recorder/api'
import { ApiError, isConflict, isForbiddenByQuota, isNamespaceTerminating, isTooManyRequests } from '@trtc-recorder/kube'

/** The API server would not let the operator make a Pod or a volume. What that means is for `decide` to say. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly word: RefusalWord

  constructor(word: RefusalWord, message: string) {
    super(message)
    this.word = word
  }
}

export type RefusalWord = Extract<TroubleWord, 'QuotaExceeded' | 'PodRejected' | 'VolumeNotOwned' | 'NamespaceTerminating'>

/**
 * What a failed create means, where it is an answer of the API server and not a failure on the way: a quota, an admission policy, a webhook
 * that failed (500), a value it does not take (400, 422). A conflict and "too many requests" are between the operator and the API server.
 */
export function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof ApiError) || isConflict(error) || isTooManyRequests(error)) return undefined
  const { message } = error
  if (isForbiddenByQuota(error)) return new Refusal('QuotaExceeded', message)
  if (isNamespaceTerminating(error)) return new Refusal('NamespaceTerminating', message)
  return error.reason === 'AlreadyExists' ? undefined : new Refusal('PodRejected', message)
}
