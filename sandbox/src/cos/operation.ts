import { CosError } from './errors.ts'

/** Operations by COS's own names, as they stand in its access policies (`name/cos:…`). */
export const cosOperations = [
  'HeadBucket',
  'GetBucket',
  'PutBucket',
  'DeleteBucket',
  'ListMultipartUploads',
  'HeadObject',
  'GetObject',
  'PutObject',
  'DeleteObject',
  'InitiateMultipartUpload',
  'UploadPart',
  'ListParts',
  'CompleteMultipartUpload',
  'AbortMultipartUpload',
] as const
export type CosOperation = (typeof cosOperations)[number]

export interface CosTarget {
  operation: CosOperation
  bucket: string
  /** Empty for operations on a bucket. */
  key: string
  /** Path as it was signed, decoded. */
  path: string
  query: ReadonlyMap<string, string>
}

/** UTF-8, of a key. */
const maxKeyBytes = 850
const bucketName = /^[a-z0-9][a-z0-9-]*-[0-9]+$/

/**
 * What a request line and Host header ask for: the bucket stands in the host name. In the path it is refused, as COS refuses it for every bucket
 * made since 2024.
 */
export function targetOf(method: string, url: string, host: string): CosTarget {
  const [rawPath = '/', rawQuery = ''] = splitOnce(url, '?')
  const path = decode(rawPath)
  const query = new Map(
    rawQuery
      .split('&')
      .filter(Boolean)
      .map((pair) => splitOnce(pair, '=').map((part) => decode(part.replaceAll('+', '%20'))))
      .map(([name = '', value = '']) => [name, value]),
  )
  const [label = '', domain] = splitOnce(host, '.')
  if (domain === '' || !bucketName.test(label)) throw new CosError('PathStyleDomainForbidden')
  const key = path.slice(1)
  if (Buffer.byteLength(key) > maxKeyBytes) throw new CosError('KeyTooLong')
  return { operation: operationOf(method, key, query), bucket: label, key, path, query }
}

const bucketOperations: Record<string, CosOperation> = {
  HEAD: 'HeadBucket',
  GET: 'GetBucket',
  PUT: 'PutBucket',
  DELETE: 'DeleteBucket',
}
const objectOperations: Record<string, CosOperation> = {
  HEAD: 'HeadObject',
  GET: 'GetObject',
  PUT: 'PutObject',
  DELETE: 'DeleteObject',
}
const uploadOperations: Record<string, CosOperation> = {
  PUT: 'UploadPart',
  GET: 'ListParts',
  POST: 'CompleteMultipartUpload',
  DELETE: 'AbortMultipartUpload',
}

function operationOf(method: string, key: string, query: ReadonlyMap<string, string>): CosOperation {
  const operations = key === '' ? bucketOperations : query.has('uploadId') ? uploadOperations : objectOperations
  if (key === '' && method === 'GET' && query.has('uploads')) return 'ListMultipartUploads'
  if (key !== '' && method === 'POST' && query.has('uploads')) return 'InitiateMultipartUpload'
  const operation = operations[method]
  if (!operation) throw new CosError('MethodNotAllowed')
  return operation
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)]
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new CosError('InvalidArgument', `The URL holds an invalid percent encoding: ${text}`)
  }
}
