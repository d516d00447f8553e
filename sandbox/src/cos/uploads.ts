import { createHash, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Body, receive } from './body.ts'
import { CosError } from './errors.ts'
import { etagOf } from './object-headers.ts'
import type { ObjectMetadata, Storage, StoredObject } from './storage.ts'

export interface MultipartUpload {
  uploadId: string
  bucket: string
  key: string
  initiated: string
  metadata: ObjectMetadata
  parts: Record<number, { body: Body; lastModified: string }>
}

/** COS refuses to complete an upload in which a part other than the last is smaller (436/14112). */
export const minPartBytes = 1024 * 1024
export const maxPartNumber = 10_000

/** Multipart uploads in progress. Each is a folder with `upload.json` and its parts. */
export class Uploads {
  readonly #storage: Storage
  readonly #uploads = new Map<string, MultipartUpload>()

  private constructor(storage: Storage) {
    this.#storage = storage
  }

  static async open(storage: Storage): Promise<Uploads> {
    const uploads = new Uploads(storage)
    for (const bucket of storage.buckets) {
      if (!existsSync(storage.uploadsDir(bucket))) continue
      for (const id of await readdir(storage.uploadsDir(bucket))) {
        const file = join(storage.uploadsDir(bucket), id, 'upload.json')
        if (existsSync(file)) uploads.#uploads.set(id, JSON.parse(await readFile(file, 'utf8')))
      }
    }
    return uploads
  }

  async initiate(bucket: string, key: string, metadata: ObjectMetadata): Promise<MultipartUpload> {
    const uploadId = `${Math.floor(Date.now() / 1000)}${createHash('sha1').update(randomUUID()).digest('hex')}`
    const upload: MultipartUpload = { uploadId, bucket, key, initiated: new Date().toISOString(), metadata, parts: {} }
    this.#uploads.set(uploadId, upload)
    await this.#save(upload)
    return upload
  }

  get(bucket: string, key: string, uploadId: string): MultipartUpload {
    const upload = this.#uploads.get(uploadId)
    if (upload?.bucket !== bucket || upload.key !== key) throw new CosError('NoSuchUpload')
    return upload
  }

  list(bucket: string): MultipartUpload[] {
    const mine = [...this.#uploads.values()].filter((upload) => upload.bucket === bucket)
    return mine.sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)) || (a.uploadId < b.uploadId ? -1 : 1))
  }

  /** A part sent again replaces the earlier one. */
  async putPart(upload: MultipartUpload, partNumber: number, source: AsyncIterable<Uint8Array>): Promise<Body> {
    const body = await receive(this.#dir(upload), source)
    if (this.#uploads.get(upload.uploadId) !== upload) {
      await rm(body.file, { force: true })
      throw new CosError('NoSuchUpload')
    }
    const previous = upload.parts[partNumber]
    upload.parts[partNumber] = { body, lastModified: new Date().toISOString() }
    await this.#save(upload)
    if (previous) await rm(previous.body.file, { force: true })
    return body
  }

  async complete(upload: MultipartUpload, listed: readonly { partNumber: number; etag: string }[]): Promise<StoredObject> {
    if (listed.length === 0) throw new CosError('MalformedXML')
    if (listed.some((part, i) => i > 0 && part.partNumber <= listed[i - 1]!.partNumber)) throw new CosError('InvalidPartOrder')
    const bodies = listed.map(({ partNumber, etag }) => {
      const body = upload.parts[partNumber]?.body
      if (!body || etagOf(body.md5, upload.metadata) !== etag.replaceAll('"', '')) throw new CosError('InvalidPart')
      return body
    })
    if (bodies.slice(0, -1).some((body) => body.bytes < minPartBytes)) throw new CosError('EntityTooSmall')
    const md5 = createHash('md5').update(Buffer.from(bodies.map((body) => body.md5).join(''), 'hex'))
    const etag = `"${md5.digest('hex')}-${bodies.length}"`
    const object = await this.#storage.put(upload.bucket, upload.key, bodies, etag, upload.metadata)
    await this.abort(upload)
    return object
  }

  async abort(upload: MultipartUpload): Promise<void> {
    this.#uploads.delete(upload.uploadId)
    await rm(this.#dir(upload), { recursive: true, force: true })
  }

  #dir(upload: MultipartUpload): string {
    return join(this.#storage.uploadsDir(upload.bucket), upload.uploadId)
  }

  async #save(upload: MultipartUpload): Promise<void> {
    await mkdir(this.#dir(upload), { recursive: true })
    await writeFile(join(this.#dir(upload), 'upload.json'), JSON.stringify(upload))
  }
}
