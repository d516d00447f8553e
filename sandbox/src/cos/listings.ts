import { etagOf } from './object-headers.ts'
import type { CosTarget } from './operation.ts'
import type { StoredObject } from './storage.ts'
import type { MultipartUpload } from './uploads.ts'
import type { XmlNode } from './xml.ts'

type Query = Pick<CosTarget, 'bucket' | 'key' | 'query'>

const maxListed = 1000
const owner = { ID: 'qcs::cam::uin/100000000001:uin/100000000001', DisplayName: 'sandbox' }

/** Body of GET Bucket: keys after `marker` with `prefix`, those that share a name up to `delimiter` folded into one. */
export function listObjects({ bucket, query }: Query, objects: readonly StoredObject[]): XmlNode {
  const prefix = query.get('prefix') ?? ''
  const marker = query.get('marker') ?? ''
  const delimiter = query.get('delimiter') ?? ''
  const limit = limitOf(query.get('max-keys'))
  const encode = encoder(query)
  const contents: XmlNode[] = []
  const prefixes: string[] = []
  let last = ''
  let truncated = false
  for (const object of objects) {
    if (!object.key.startsWith(prefix) || compare(object.key, marker) <= 0) continue
    const folded = fold(object.key, prefix, delimiter)
    if (folded !== undefined && (folded === marker || prefixes.includes(folded))) continue
    if (contents.length + prefixes.length >= limit) {
      truncated = true
      break
    }
    last = folded ?? object.key
    if (folded !== undefined) prefixes.push(folded)
    else {
      contents.push({
        Key: encode(object.key),
        LastModified: object.lastModified,
        ETag: object.etag,
        Size: object.bytes,
        Owner: owner,
        StorageClass: object.storageClass,
      })
    }
  }
  return {
    Name: bucket,
    Prefix: encode(prefix),
    Marker: encode(marker),
    MaxKeys: limit,
    ...(delimiter === '' ? {} : { Delimiter: encode(delimiter) }),
    IsTruncated: truncated,
    ...(truncated ? { NextMarker: encode(last) } : {}),
    Contents: contents,
    CommonPrefixes: prefixes.map((folded) => ({ Prefix: encode(folded) })),
  }
}

/** Body of List Multipart Uploads. */
export function listUploads({ bucket, query }: Query, uploads: readonly MultipartUpload[]): XmlNode {
  const prefix = query.get('prefix') ?? ''
  const keyMarker = query.get('key-marker') ?? ''
  const idMarker = query.get('upload-id-marker') ?? ''
  const limit = limitOf(query.get('max-uploads'))
  const encode = encoder(query)
  const after = uploads.filter(
    ({ key, uploadId }) =>
      key.startsWith(prefix) &&
      (compare(key, keyMarker) > 0 || (idMarker !== '' && key === keyMarker && compare(uploadId, idMarker) > 0)),
  )
  const listed = after.slice(0, limit)
  const truncated = after.length > listed.length
  const last = listed.at(-1)
  return {
    Bucket: bucket,
    Prefix: encode(prefix),
    KeyMarker: encode(keyMarker),
    UploadIdMarker: idMarker,
    MaxUploads: limit,
    IsTruncated: truncated,
    ...(truncated && last ? { NextKeyMarker: encode(last.key), NextUploadIdMarker: last.uploadId } : {}),
    Upload: listed.map(({ key, uploadId, metadata, initiated }) => ({
      Key: encode(key),
      UploadId: uploadId,
      StorageClass: metadata.storageClass,
      Initiator: owner,
      Owner: owner,
      Initiated: initiated,
    })),
  }
}

/** Body of List Parts: parts after `part-number-marker`, in order. */
export function listParts({ bucket, key, query }: Query, upload: MultipartUpload): XmlNode {
  const marker = Number(query.get('part-number-marker') ?? 0)
  const limit = limitOf(query.get('max-parts'))
  const after = Object.entries(upload.parts)
    .map(([number, part]) => ({ number: Number(number), ...part }))
    .filter(({ number }) => number > marker)
    .sort((a, b) => a.number - b.number)
  const listed = after.slice(0, limit)
  const truncated = after.length > listed.length
  return {
    Bucket: bucket,
    Key: encoder(query)(key),
    UploadId: upload.uploadId,
    Initiator: owner,
    Owner: owner,
    StorageClass: upload.metadata.storageClass,
    PartNumberMarker: marker,
    ...(truncated ? { NextPartNumberMarker: listed.at(-1)!.number } : {}),
    MaxParts: limit,
    IsTruncated: truncated,
    Part: listed.map(({ number, body, lastModified }) => ({
      PartNumber: number,
      LastModified: lastModified,
      ETag: `"${etagOf(body.md5, upload.metadata)}"`,
      Size: body.bytes,
    })),
  }
}

const limitOf = (text: string | undefined) => {
  const limit = Number(text ?? maxListed)
  return Number.isInteger(limit) && limit > 0 ? Math.min(limit, maxListed) : maxListed
}

const encoder = (query: ReadonlyMap<string, string>) =>
  query.get('encoding-type') === 'url'
    ? (text: string) => encodeURIComponent(text).replaceAll('%2F', '/')
    : (text: string) => text

/** UTF-8 binary order. */
const compare = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))

function fold(key: string, prefix: string, delimiter: string): string | undefined {
  if (delimiter === '') return undefined
  const at = key.indexOf(delimiter, prefix.length)
  return at < 0 ? undefined : key.slice(0, at + delimiter.length)
}
