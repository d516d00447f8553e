import { type FieldProblem, RefusedRequest } from '../errors.ts'

/** An error as Tencent Cloud’s API tells it. */
export class TencentError extends Error {
  override readonly name = 'TencentError'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** Of TRTC’s documented codes, those that name a field that is missing. SCF has none for what can be missing here. */
const missingCodes = new Set(
  'AccessKey Bucket CloudStorage RecordMode RecordParams Region RoomId SdkAppId SecretKey StorageParams StreamType TaskId UserId UserSig Vendor'.split(
    ' ',
  ),
)

/** Fields whose wrong value has a code of its own. */
const ownRangeCodes = new Set(['SdkAppId', 'RoomId', 'UserId', 'TaskId'])

/** What a service says of each refusal where the services differ. */
export interface ServiceCodes {
  notFound: string
  alreadyOver: string
  quota: string
  internal: string
  missing(name: string): string
  /** Of a value that may not be, by the field’s full name. */
  range(field: string): string
}

export const trtcCodes: ServiceCodes = {
  notFound: 'ResourceNotFound',
  alreadyOver: 'ResourceNotFound',
  quota: 'FailedOperation.RestrictedConcurrency',
  internal: 'InternalError.CRInternalError',
  missing: (name) => (missingCodes.has(name) ? `MissingParameter.${name}` : 'MissingParameter'),
  range: (field) => (ownRangeCodes.has(field) ? `InvalidParameter.${field}` : 'InvalidParameter.OutOfRange'),
}
export const scfCodes: ServiceCodes = {
  notFound: 'ResourceNotFound.AsyncEvent',
  alreadyOver: 'FailedOperation.AsyncEventStatus',
  quota: 'LimitExceeded',
  internal: 'InternalError',
  missing: () => 'MissingParameter',
  range: () => 'InvalidParameterValue',
}

/** The same refusal in Tencent’s words. Of several problems the first is told, as there. */
export function asTencentError(error: unknown, codes: ServiceCodes): TencentError {
  if (error instanceof TencentError) return error
  if (!(error instanceof RefusedRequest)) return new TencentError(codes.internal, 'The gateway failed; its log has the RequestId')
  const [problem] = error.problems
  switch (error.refusal) {
    case 'InvalidRequest':
      return problem === undefined ? new TencentError('InvalidParameter', error.message) : problemError(problem, codes)
    case 'Unauthenticated':
      return new TencentError('AuthFailure.InvalidAuthorization', error.message)
    case 'Forbidden':
      return new TencentError('AuthFailure.UnauthorizedOperation', error.message)
    case 'NotFound':
      return new TencentError(codes.notFound, error.message)
    case 'AlreadyOver':
      return new TencentError(codes.alreadyOver, error.message)
    case 'IdempotencyKeyReused':
      return new TencentError('FailedOperation.TaskExist', error.message)
    case 'TooSlow':
      return new TencentError('InvalidRequest', error.message)
    case 'HeadTooLarge':
    case 'TooLarge':
      return new TencentError('RequestSizeLimitExceeded', error.message)
    case 'TooManyRequests':
      return new TencentError('RequestLimitExceeded', error.message)
    case 'QuotaExceeded':
      return new TencentError(codes.quota, error.message)
    case 'InternalError':
    case 'Unavailable':
      return new TencentError(codes.internal, error.message)
  }
}

function problemError({ field, kind, message }: FieldProblem, codes: ServiceCodes): TencentError {
  return new TencentError(problemCode(field, kind, codes), `${field}: ${message}`)
}

function problemCode(field: string, kind: FieldProblem['kind'], codes: ServiceCodes): string {
  switch (kind) {
    case 'missing':
      return codes.missing(field.split('.').at(-1) ?? '')
    case 'type':
      return 'InvalidParameter'
    case 'range':
      return codes.range(field)
    case 'unknown':
      return 'UnknownParameter'
    case 'unsupported':
      return 'UnsupportedOperation'
  }
}
