import { StoreError } from './upload.ts'

/** What a failed request to COS told us; HEAD answers have no body, hence no code. */
export interface CosFailure {
  operation: string
  bucket: string
  key: string
  /** 0 where there was no answer. */
  status: number
  /** COS error code, or the system's such as ECONNREFUSED; empty where there is none. */
  code: string
  detail: string
  requestId: string | undefined
}

/** 4xx answers that another try can change: of what came too slowly, not whole, or signed by another clock or too long ago, as before a machine was suspended. */
const passing = new Set([
  ...['RequestTimeout', 'UserNetworkTooSlow', 'IncompleteBody', 'EntitySizeNotMatch', 'BadDigest'],
  ...['RequestTimeTooSkewed', 'RequestExpired'],
])

/** A time-out, somebody else who changes the same thing at this moment, too many requests. */
const passingStatuses = new Set([408, 409, 429])
/** Of those, what does not pass by itself. */
const lasting = new Set(['ObjectLocked', 'BucketLocked', 'PathConflict'])

/** Whatever the status: COS begins to answer CompleteMultipartUpload with 200, and says in the body how it ended. */
const gone = new Set(['NoSuchUpload', 'InvalidPart'])

/** COS does not take the keys, or there are none. Others may come: they are asked for before every request. */
const keyProblems = new Set(['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'ExpiredToken', 'InvalidToken', 'SecretNotFound'])
export const isCredentialProblem = (error: unknown): error is StoreError =>
  error instanceof StoreError && keyProblems.has(error.code)

/** What the reader can do about a refusal. */
const advice: Record<string, string> = {
  NoSuchBucket: 'Create the bucket, or correct spec.cos.bucket and spec.cos.region.',
  AccessDenied:
    'Allow the credentials to write there: InitiateMultipartUpload, UploadPart, ListParts, CompleteMultipartUpload, AbortMultipartUpload, PutObject and HeadObject on this bucket and path, GetObject for clips, PutObjectTagging where spec.cos.tags is set, and, to find abandoned uploads, ListMultipartUploads.',
  InvalidAccessKeyId:
    'The secretId is not known, or its token is missing or belongs to another. Correct the credentials Secret; it is read again at once.',
  SignatureDoesNotMatch:
    'The secretKey does not belong to the secretId. Correct the credentials Secret; it is read again at once.',
  ExpiredToken: 'The temporary credentials have run out. Put fresh ones into the credentials Secret; they are taken at once.',
  RequestExpired: 'The clock of this machine is wrong. Correct it.',
  UserNetworkTooSlow: 'The line to COS is too slow for what is recorded. See what else uses it, or set spec.cos.endpoint.',
  BucketAccelerateNotEnabled: 'Enable global acceleration for the bucket, or correct spec.cos.endpoint.',
  InvalidObjectState: 'The object is archived. Restore it first.',
  NotSupportedStorageClass: 'The bucket does not have this class. Correct spec.cos.storageClass.',
  KmsKeyDisabled: 'Enable the key of spec.cos.encryption in KMS, or name another one.',
  KmsKeyNotExist: 'Correct spec.cos.encryption.kmsKeyId; the key has to be in the region of the bucket.',
  ObjectLocked: 'The bucket does not let anybody replace or remove what it keeps. Record to another bucket or path.',
  BucketLocked: 'The bucket does not let anybody replace or remove what it keeps. Record to another bucket or path.',
}
const adviceByStatus: Record<number, string> = {
  301: 'The bucket is in another region. Correct spec.cos.region.',
  307: 'The bucket is in another region. Correct spec.cos.region.',
  402: 'Tencent Cloud does not serve this account: see whether bills are unpaid.',
  451: 'Tencent Cloud does not serve this bucket: see in its console why, such as unpaid bills.',
}
export const unreachable = 'Check that this machine reaches COS, and spec.cos.endpoint if it is set.'

/** Sorts a failure into what may pass and what will not, and says it for a person. Pure. */
export function storeErrorOf(failure: CosFailure): StoreError {
  const { operation, bucket, key, status, detail, requestId } = failure
  const code = codeOf(failure)
  const mayPass = passingStatuses.has(status) && !lasting.has(code)
  const isFinal = (status >= 300 && status < 500 && !mayPass && !isOfAnother(failure)) || gone.has(code)
  const refused = isFinal && !passing.has(code) && !keyProblems.has(code)
  const what = key === '' ? `bucket ${bucket}` : `${key} in bucket ${bucket}`
  const answer = [`HTTP ${status}`, ...(requestId ? [`request ${requestId}`] : [])].join(', ')
  const reason = [
    code.startsWith('HTTP') ? 'an answer without a COS error' : code,
    ...(detail && detail !== code ? [detail.replace(/\.$/, '')] : []),
  ].join(': ')
  const message =
    status === 0
      ? `COS did not answer ${operation} of ${what}: ${reason}. ${unreachable}`
      : `COS ${refused || keyProblems.has(code) ? 'refused' : 'failed'} ${operation} of ${what}: ${reason} (${answer}). ${isOfAnother(failure) ? unreachable : adviceFor(code, status)}`
  return new StoreError(refused ? 'refused' : 'unavailable', code, message.trim())
}

/** COS gives each request an id, and each refusal that has a body a code. A proxy on the way has neither: what it says is not said of the object, and may pass. */
const isOfAnother = ({ status, code, requestId }: CosFailure) => status !== 0 && requestId === undefined && !isCode(code)
const isCode = (code: string) => code !== '' && !/^\d+$/.test(code)

/** COS says so in the message; its list of codes has it as a code. */
export const isExpired = ({ code, detail }: Pick<CosFailure, 'code' | 'detail'>) =>
  code === expired || (code === 'AccessDenied' && detail.startsWith(expired))
const expired = 'Request has expired'

function codeOf(failure: CosFailure): string {
  const { code, status, key } = failure
  if (isExpired(failure)) return 'RequestExpired'
  if (isCode(code)) return code
  if (isOfAnother(failure)) return `HTTP${status}`
  if (status === 404) return key === '' ? 'NoSuchBucket' : 'NoSuchKey'
  if (status === 403) return 'AccessDenied'
  return status === 0 ? 'NoAnswer' : `HTTP${status}`
}

const adviceFor = (code: string, status: number) => advice[code] ?? adviceByStatus[status] ?? ''

/** The upload is not, or no longer, what we think it is: aborted by somebody, expired, completed, or parts lost. */
export const isUploadGone = (error: unknown): error is StoreError => error instanceof StoreError && gone.has(error.code)
