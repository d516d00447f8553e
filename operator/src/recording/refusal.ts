import type { TroubleWord } from '@trtc-recorder/api'
import { ApiError, isForbiddenByQuota, isNamespaceTerminating } from '@trtc-recorder/kube'

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

/** A value that it does not take (400, 422), too much of it (413), an admission policy or a right that is missing (403), a webhook that failed (500). */
const refusingCodes = [400, 403, 413, 422, 500]

/**
 * What a failed create means, where it is an answer about what was to be made. All else is between the operator and the API server: a conflict, too
 * many requests, a token that has run out, an API server that is starting or gone (502, 503, 504). That is tried again, and says nothing of the Pod.
 */
export function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof ApiError)) return undefined
  const { message, code } = error
  if (isForbiddenByQuota(error)) return new Refusal('QuotaExceeded', message)
  if (isNamespaceTerminating(error)) return new Refusal('NamespaceTerminating', message)
  return refusingCodes.includes(code) ? new Refusal('PodRejected', message) : undefined
}

/** Values of the index `refused` of caches: what a quota refuses is looked for by namespace. */
export const refusedIn = {
  QuotaExceeded: (namespace: string) => `QuotaExceeded ${namespace}`,
  PodRejected: () => 'PodRejected',
}
