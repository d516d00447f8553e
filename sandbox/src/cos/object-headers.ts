import { CosError } from './errors.ts'
import type { Encryption, ObjectMetadata, StoredObject } from './storage.ts'

/*
 * What is said of an object beside its bytes, in headers of PUT and of InitiateMultipartUpload: class, metadata, tags, encryption (436/7749,
 * 436/7746). Encryption of a part is refused: it belongs to its upload.
 */

const storageClasses = ['STANDARD', 'STANDARD_IA', 'MAZ_STANDARD', 'MAZ_STANDARD_IA', 'INTELLIGENT_TIERING', 'ARCHIVE']
const maxTags = 10
const maxMetadataBytes = 2048
const tagText = /^[\p{L}\p{N} +\-=._:/@]+$/u

type Headers = Readonly<Record<string, string | undefined>>

/** Throws CosError where COS would refuse them. */
export function metadataOf(headers: Headers): ObjectMetadata {
  const storageClass = headers['x-cos-storage-class'] ?? 'STANDARD'
  if (!storageClasses.includes(storageClass)) throw new CosError('InvalidArgument', `Unknown storage class ${storageClass}.`)
  const custom = Object.entries(headers).filter(([name]) => name.startsWith('x-cos-meta-')) as [string, string][]
  const bytes = custom.reduce((sum, [name, value]) => sum + name.length - 'x-cos-meta-'.length + value.length, 0)
  if (bytes > maxMetadataBytes) throw new CosError('InvalidArgument', 'Your metadata headers exceed the maximum allowed size.')
  return {
    contentType: headers['content-type'] || 'application/octet-stream',
    storageClass,
    custom: Object.fromEntries(custom),
    tags: tagsOf(headers['x-cos-tagging']),
    encryption: encryptionOf(headers),
  }
}

function tagsOf(header: string | undefined): Record<string, string> {
  const pairs = header === undefined ? [] : header.split('&').map((pair) => pair.split('=').map(decodeURIComponent))
  const valid = ([key = '', value = '', ...more]: string[]) =>
    more.length === 0 && key.length <= 127 && value.length <= 255 && tagText.test(key) && tagText.test(value)
  if (pairs.length > maxTags || !pairs.every(valid)) throw new CosError('InvalidTag')
  return Object.fromEntries(pairs)
}

const algorithm = 'x-cos-server-side-encryption'
const kmsKey = 'x-cos-server-side-encryption-cos-kms-key-id'

function encryptionOf(headers: Headers): Encryption | undefined {
  const { [algorithm]: asked, [kmsKey]: kmsKeyId } = headers
  if (asked === 'cos/kms') return { algorithm: asked, kmsKeyId: kmsKeyId ?? 'default' }
  if (kmsKeyId !== undefined) throw new CosError('InvalidArgument', 'A KMS key needs cos/kms.')
  if (asked === undefined || asked === 'AES256') return asked && { algorithm: asked }
  throw new CosError('InvalidArgument', `Unknown encryption ${asked}.`)
}

export function refuseEncryptionOfPart(headers: Headers): void {
  if (algorithm in headers) throw new CosError('InvalidArgument', 'Encryption is said when the upload is begun.')
}

/** The MD5 of the bytes, but not with a key of KMS. */
export const etagOf = (md5: string, { encryption }: ObjectMetadata) =>
  encryption?.algorithm === 'cos/kms' ? `${md5.slice(16)}${md5.slice(0, 16)}` : md5

/** COS names the storage class only where it is not STANDARD. */
export const objectHeaders = (object: StoredObject): Record<string, string> => ({
  ETag: object.etag,
  'x-cos-hash-crc64ecma': object.crc64,
  'Content-Type': object.contentType,
  'Accept-Ranges': 'bytes',
  'Last-Modified': new Date(object.lastModified).toUTCString(),
  'x-cos-object-type': 'normal',
  ...(object.storageClass === 'STANDARD' ? {} : { 'x-cos-storage-class': object.storageClass }),
  ...(Object.keys(object.tags).length === 0 ? {} : { 'x-cos-tagging-count': String(Object.keys(object.tags).length) }),
  ...(object.encryption === undefined ? {} : encryptionHeaders(object.encryption)),
  ...object.custom,
})

const encryptionHeaders = (encryption: Encryption): Record<string, string> => ({
  [algorithm]: encryption.algorithm,
  ...(encryption.algorithm === 'cos/kms' ? { [kmsKey]: encryption.kmsKeyId } : {}),
})
