/** `metav1.Status` as far as it is used. */
export interface Status {
  kind?: string
  code?: number
  reason?: string
  message?: string
  details?: { name?: string; kind?: string; retryAfterSeconds?: number; causes?: { field?: string; message?: string }[] }
}

/** The API server answered, and the answer was no. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  /** HTTP status, or the code inside an ERROR event of a watch. */
  readonly code: number
  /** `metav1.StatusReason`, such as `Conflict`; empty if the answer had none (a proxy's page, for instance). */
  readonly reason: string
  /** How long the server asked to be left alone. */
  readonly retryAfterMillis: number | undefined
  readonly details: Status['details']

  constructor(what: string, code: number, status: Status, retryAfterMillis?: number) {
    super(`${what}: API server answered ${code}${status.reason ? ` ${status.reason}` : ''}: ${status.message ?? 'no message'}`)
    this.code = code
    this.reason = status.reason ?? ''
    this.details = status.details
    this.retryAfterMillis =
      retryAfterMillis ?? (status.details?.retryAfterSeconds === undefined ? undefined : status.details.retryAfterSeconds * 1000)
  }
}

/** No answer: refused, reset, timed out, or cut off in the middle. Whether a write was carried out is not known. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'
}

const hasCode = (error: unknown, code: number) => error instanceof ApiError && error.code === code

export const isNotFound = (error: unknown) => hasCode(error, 404)
export const isForbidden = (error: unknown) => hasCode(error, 403)
/** The object is not what it was when we read it. Read again, decide again. */
export const isConflict = (error: unknown) => hasCode(error, 409) && (error as ApiError).reason !== 'AlreadyExists'
export const isAlreadyExists = (error: unknown) => hasCode(error, 409) && (error as ApiError).reason === 'AlreadyExists'
/** Refused by validation or admission; also the answer to a JSON patch whose `test` failed. */
export const isInvalid = (error: unknown) => hasCode(error, 422)
/** The resource version is too old to go on from: list again. Comes as an HTTP status and as an ERROR event. */
export const isGone = (error: unknown) => hasCode(error, 410)
export const isTooManyRequests = (error: unknown) => hasCode(error, 429)
export const isServerError = (error: unknown) => error instanceof ApiError && error.code >= 500
/** 403 because a ResourceQuota is used up, or is so new that nobody has reckoned it yet: worth waiting for, unlike any other 403. */
export const isForbiddenByQuota = (error: unknown) =>
  isForbidden(error) && /exceeded quota|status unknown for quota/i.test((error as ApiError).message)
/** 403 because the namespace is going away: nothing can be created in it any more. */
export const isNamespaceTerminating = (error: unknown) =>
  isForbidden(error) &&
  ((error as ApiError).details?.causes?.some((cause) => /terminat/i.test(cause.message ?? '')) ||
    /being terminated/i.test((error as ApiError).message))

/** `Retry-After` as seconds or as a date. */
export function parseRetryAfter(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined) return undefined
  const seconds = Number(header)
  if (header.trim() !== '' && Number.isFinite(seconds)) return Math.max(0, seconds * 1000)
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
