import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { XMLParser } from 'fast-xml-parser'
import { type Body, bytesOf, receive } from './body.ts'
import { CosError } from './errors.ts'
import { listObjects, listParts, listUploads } from './listings.ts'
import { etagOf, metadataOf, objectHeaders, refuseEncryptionOfPart } from './object-headers.ts'
import type { CosOperation, CosTarget } from './operation.ts'
import { parseRange } from './range.ts'
import type { Storage } from './storage.ts'
import { maxPartNumber, type Uploads } from './uploads.ts'
import { xmlDocument } from './xml.ts'

export interface CosRequest extends CosTarget {
  host: string
  headers: Readonly<Record<string, string | undefined>>
  /** The body as it arrives, faults included. Read at most once. */
  body: AsyncIterable<Uint8Array>
}

export interface CosAnswer {
  status: number
  headers?: Record<string, string>
  body?: string | Readable
}

export interface CosState {
  storage: Storage
  uploads: Uploads
}

type Handler = (request: CosRequest, state: CosState) => Promise<CosAnswer> | CosAnswer

/** What each operation does once the request is known to be authentic and its bucket to exist. Throws CosError. */
export const handlers: Record<CosOperation, Handler> = {
  HeadBucket: () => ({ status: 200 }),

  GetBucket: (request, { storage }) => xml('ListBucketResult', listObjects(request, storage.list(request.bucket))),

  async PutBucket({ bucket }, { storage }) {
    await storage.createBucket(bucket)
    return { status: 200 }
  },

  async DeleteBucket({ bucket }, { storage }) {
    await storage.deleteBucket(bucket)
    return { status: 204 }
  },

  ListMultipartUploads: (request, { uploads }) =>
    xml('ListMultipartUploadsResult', listUploads(request, uploads.list(request.bucket))),

  HeadObject({ bucket, key }, { storage }) {
    const object = storage.get(bucket, key)
    return { status: 200, headers: { ...objectHeaders(object), 'Content-Length': String(object.bytes) } }
  },

  GetObject({ bucket, key, headers }, { storage }) {
    const object = storage.get(bucket, key)
    const total = object.bytes
    const range = parseRange(headers.range, total)
    const { start, end } = range ?? { start: 0, end: total - 1 }
    return {
      status: range ? 206 : 200,
      headers: {
        ...objectHeaders(object),
        'Content-Length': String(end - start + 1),
        ...(range ? { 'Content-Range': `bytes ${start}-${end}/${total}` } : {}),
      },
      ...(total === 0 ? {} : { body: Readable.from(bytesOf(object.bodies, start, end)) }),
    }
  },

  async PutObject(request, { storage }) {
    const { bucket, key } = request
    const metadata = metadataOf(request.headers)
    const body = await received(request, join(storage.dir, bucket, 'objects'))
    const object = await storage.put(bucket, key, [body], `"${etagOf(body.md5, metadata)}"`, metadata)
    return { status: 200, headers: checksums(object.etag, object) }
  },

  async DeleteObject({ bucket, key }, { storage }) {
    await storage.delete(bucket, key)
    return { status: 204 }
  },

  async InitiateMultipartUpload(request, { uploads }) {
    const { bucket, key } = request
    const { uploadId } = await uploads.initiate(bucket, key, metadataOf(request.headers))
    return xml('InitiateMultipartUploadResult', { Bucket: bucket, Key: key, UploadId: uploadId })
  },

  async UploadPart(request, { uploads }) {
    const { bucket, key, query } = request
    const upload = uploads.get(bucket, key, query.get('uploadId')!)
    const partNumber = Number(query.get('partNumber'))
    if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > maxPartNumber) {
      throw new CosError('InvalidArgument', `Part number must be an integer between 1 and ${maxPartNumber}, inclusive.`)
    }
    refuseEncryptionOfPart(request.headers)
    const body = await uploads.putPart(upload, partNumber, whole(request))
    return { status: 200, headers: checksums(`"${etagOf(body.md5, upload.metadata)}"`, body) }
  },

  ListParts(request, { uploads }) {
    const upload = uploads.get(request.bucket, request.key, request.query.get('uploadId')!)
    return xml('ListPartsResult', listParts(request, upload))
  },

  async CompleteMultipartUpload(request, { uploads }) {
    const { bucket, key, query, host, path } = request
    const upload = uploads.get(bucket, key, query.get('uploadId')!)
    const object = await uploads.complete(upload, listedParts(await text(request.body)))
    const result = { Location: `http://${host}${path}`, Bucket: bucket, Key: key, ETag: object.etag }
    const answer = xml('CompleteMultipartUploadResult', result)
    return { ...answer, headers: { ...answer.headers, 'x-cos-hash-crc64ecma': object.crc64 } }
  },

  async AbortMultipartUpload({ bucket, key, query }, { uploads }) {
    await uploads.abort(uploads.get(bucket, key, query.get('uploadId')!))
    return { status: 204 }
  },
}

const xml = (root: string, node: Parameters<typeof xmlDocument>[1]): CosAnswer => ({
  status: 200,
  headers: { 'Content-Type': 'application/xml' },
  body: xmlDocument(root, node),
})

const checksums = (etag: string, body: { crc64: string }) => ({ ETag: etag, 'x-cos-hash-crc64ecma': body.crc64 })

async function received(request: CosRequest, dir: string): Promise<Body> {
  const body = await receive(dir, whole(request))
  const { 'content-md5': expected } = request.headers
  if (expected && Buffer.from(body.md5, 'hex').toString('base64') !== expected) {
    await rm(body.file, { force: true })
    throw new CosError('BadDigest')
  }
  return body
}

/** The body, or IncompleteBody where the connection ended before all of it had come. */
async function* whole({ body, headers }: CosRequest): AsyncGenerator<Uint8Array> {
  const { 'content-length': length } = headers
  if (length === undefined) throw new CosError('MissingContentLength')
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    yield chunk
  }
  if (bytes !== Number(length)) throw new CosError('IncompleteBody')
}

async function text(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

const parser = new XMLParser({ parseTagValue: false, isArray: (name) => name === 'Part' })

function listedParts(document: string): { partNumber: number; etag: string }[] {
  let parts: unknown
  try {
    parts = parser.parse(document)?.CompleteMultipartUpload?.Part
  } catch {
    throw new CosError('MalformedXML')
  }
  if (!Array.isArray(parts)) throw new CosError('MalformedXML')
  return parts.map((part) => {
    const partNumber = Number(part.PartNumber)
    if (!Number.isInteger(partNumber) || typeof part.ETag !== 'string') throw new CosError('MalformedXML')
    return { partNumber, etag: part.ETag.replaceAll('&quot;', '') }
  })
}
