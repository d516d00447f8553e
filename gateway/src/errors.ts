/** Every way in which a request can be refused, once: what plain HTTP answers, and what it means. Tencent's codes are in `tencent/codes.ts`. */
export const refusals = {
  InvalidRequest: {
    status: 400,
    meaning: 'The body, the query or a header is wrong; `fields` says which field and what would be right.',
  },
  Unauthenticated: { status: 401, meaning: 'No credentials, or not those of a caller.' },
  Forbidden: { status: 403, meaning: 'The caller may not do this, or not for this application.' },
  NotFound: {
    status: 404,
    meaning: 'There is no such request of this caller, or it ended too long ago, or there is no such path.',
  },
  TooSlow: { status: 408, meaning: 'The request was not there in time: its head within 10 seconds, all of it within 20.' },
  AlreadyOver: { status: 409, meaning: 'The request is over already, so it cannot be ended or changed.' },
  IdempotencyKeyReused: { status: 409, meaning: 'The Idempotency-Key was used for a request that said something else.' },
  TooLarge: { status: 413, meaning: 'The body is larger than what is taken.' },
  HeadTooLarge: { status: 431, meaning: 'The head of the request is larger than 16 KB.' },
  TooManyRequests: { status: 429, meaning: 'The caller’s rate is used up; Retry-After says when to try again.' },
  QuotaExceeded: { status: 429, meaning: 'The caller, or the namespace, has as many recordings as it may have.' },
  InternalError: { status: 500, meaning: 'The gateway is not set up right, or has a defect. Its log has the request id.' },
  Unavailable: { status: 503, meaning: 'The cluster did not carry it out; nothing was left behind. Trying again helps.' },
} as const
export type Refusal = keyof typeof refusals

/** What is wrong with one field, in the caller's own words for it. */
export interface FieldProblem {
  field: string
  kind: 'missing' | 'type' | 'range' | 'unknown' | 'unsupported'
  message: string
}

/** A request that is not carried out. The message is for the caller, and has no secret in it. */
export class RefusedRequest extends Error {
  override readonly name = 'RefusedRequest'
  readonly refusal: Refusal
  readonly problems: readonly FieldProblem[]
  readonly retryAfterSeconds: number | undefined

  constructor(
    refusal: Refusal,
    message: string,
    more: { problems?: readonly FieldProblem[]; retryAfterSeconds?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause })
    this.refusal = refusal
    this.problems = more.problems ?? []
    this.retryAfterSeconds = more.retryAfterSeconds
  }
}

export const invalid = (problems: readonly FieldProblem[]) =>
  new RefusedRequest('InvalidRequest', problems.map(({ field, message }) => `${field}: ${message}`).join('; '), { problems })
