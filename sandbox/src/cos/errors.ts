/**
 * The errors of the COS XML API that a client of the sandbox can meet, each with its HTTP status and COS's own sentence.
 * Source: Tencent COS, "Error Codes" (436/7730) and "403 Error for COS Access".
 */
export const cosErrors = {
  AccessDenied: [403, 'Access Denied.'],
  BadDigest: [400, 'The Content-MD5 you specified did not match what we received.'],
  BucketAlreadyOwnedByYou: [409, 'The bucket you are trying to create already exists, and you own it.'],
  BucketNotEmpty: [409, 'The bucket you tried to delete is not empty.'],
  EntityTooLarge: [400, 'Your proposed upload exceeds the maximum allowed object size.'],
  EntityTooSmall: [400, 'Your proposed upload is smaller than the minimum allowed object size.'],
  ExpiredToken: [403, 'The provided token has expired.'],
  IncompleteBody: [400, 'You did not provide the number of bytes specified by the Content-Length HTTP header.'],
  InternalError: [500, 'We encountered an internal error. Please try again.'],
  InvalidAccessKeyId: [403, 'The Access Key Id you provided does not exist in our records.'],
  InvalidArgument: [400, 'Invalid argument.'],
  InvalidPart: [400, 'One or more of the specified parts could not be found.'],
  InvalidPartOrder: [400, 'The list of parts was not in ascending order.'],
  InvalidRange: [416, 'The requested range cannot be satisfied.'],
  InvalidTag: [400, 'The tag provided was not a valid tag.'],
  KeyTooLong: [400, 'Your key is too long.'],
  MalformedXML: [400, 'The XML you provided was not well-formed or did not validate against our published schema.'],
  MethodNotAllowed: [405, 'The specified method is not allowed against this resource.'],
  MissingContentLength: [411, 'You must provide the Content-Length HTTP header.'],
  NoSuchBucket: [404, 'The specified bucket does not exist.'],
  NoSuchKey: [404, 'The specified key does not exist.'],
  NoSuchUpload: [404, 'The specified multipart upload does not exist.'],
  PathStyleDomainForbidden: [403, 'The bucket you are attempting to access must be addressed using COS virtual-styled domain.'],
  RequestTimeTooSkewed: [403, 'The difference between the request time and the current time is too large.'],
  ServiceUnavailable: [503, 'Please reduce your request rate.'],
  SignatureDoesNotMatch: [403, 'The Signature you specified is invalid.'],
  SlowDown: [503, 'Please reduce your request rate.'],
} as const satisfies Record<string, readonly [status: number, message: string]>
export type CosErrorCode = keyof typeof cosErrors

/** Thrown anywhere in the handling of a request; the server turns it into COS's answer. */
export class CosError extends Error {
  override readonly name = 'CosError'
  readonly code: string
  readonly status: number

  /** A status of its own is for faults on demand, whose codes need not be in the list. */
  constructor(code: CosErrorCode | (string & {}), message?: string, status?: number) {
    const known = Object.hasOwn(cosErrors, code) ? cosErrors[code as CosErrorCode] : undefined
    super(message ?? known?.[1] ?? code)
    this.code = code
    this.status = status ?? known?.[0] ?? 500
  }
}
