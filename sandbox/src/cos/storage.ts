import { createHash, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Body } from './body.ts'
import { concatenatedCrc64 } from './crc64.ts'
import { CosError } from './errors.ts'

/** What is kept of an object besides its bytes. */
export interface ObjectMetadata {
  contentType: string
  storageClass: string
  /** Lower-case x-cos-meta-* headers. */
  custom: Record<string, string>
  tags: Record<string, string>
  encryption: Encryption | undefined
}

export type Encryption = { algorithm: 'AES256' } | { algorithm: 'cos/kms'; kmsKeyId: string }

export interface StoredObject extends ObjectMetadata {
  bucket: string
  key: string
  /** One after the other; several where parts made the object. Kept apart, so that completing takes no time. */
  bodies: Body[]
  bytes: number
  /** Of the whole. */
  crc64: string
  /** With quotes, as in the header. */
  etag: string
  lastModified: string
}

/**
 * Buckets and objects in a folder, indexed in memory: `<dir>/<bucket>/objects/<sha1 of key>.json` beside the bodies it names.
 * Opening the folder again finds everything. Not synced to disk: it stands in for COS, it does not compete with it.
 */
export class Storage {
  readonly dir: string
  readonly #buckets = new Map<string, Map<string, StoredObject>>()

  private constructor(dir: string) {
    this.dir = dir
  }

  static async open(dir: string): Promise<Storage> {
    const storage = new Storage(dir)
    await mkdir(dir, { recursive: true })
    for (const bucket of await readdir(dir)) {
      if (!existsSync(join(dir, bucket, 'objects'))) continue
      const objects = new Map<string, StoredObject>()
      for (const name of await readdir(join(dir, bucket, 'objects'))) {
        if (!name.endsWith('.json')) continue
        const object: StoredObject = JSON.parse(await readFile(join(dir, bucket, 'objects', name), 'utf8'))
        objects.set(object.key, object)
      }
      storage.#buckets.set(bucket, objects)
    }
    return storage
  }

  /** Where a bucket's uploads in progress lie. */
  uploadsDir(bucket: string): string {
    return join(this.dir, bucket, 'uploads')
  }

  get buckets(): string[] {
    return [...this.#buckets.keys()].sort()
  }

  hasBucket(bucket: string): boolean {
    return this.#buckets.has(bucket)
  }

  async createBucket(bucket: string): Promise<void> {
    if (this.#buckets.has(bucket)) throw new CosError('BucketAlreadyOwnedByYou')
    this.#buckets.set(bucket, new Map())
    await mkdir(join(this.dir, bucket, 'objects'), { recursive: true })
  }

  /** `force` deletes what is in it as well; COS itself refuses. */
  async deleteBucket(bucket: string, force = false): Promise<void> {
    if (this.#objects(bucket).size > 0 && !force) throw new CosError('BucketNotEmpty')
    this.#buckets.delete(bucket)
    await rm(join(this.dir, bucket), { recursive: true, force: true })
  }

  /** Takes the bodies over. */
  async put(
    bucket: string,
    key: string,
    received: readonly Body[],
    etag: string,
    metadata: ObjectMetadata,
  ): Promise<StoredObject> {
    const objects = this.#objects(bucket)
    const previous = objects.get(key)
    const bodies: Body[] = []
    for (const body of received) {
      const file = join(this.dir, bucket, 'objects', randomUUID())
      await rename(body.file, file)
      bodies.push({ ...body, file })
    }
    const object: StoredObject = {
      ...{ ...metadata, bucket, key, bodies, etag },
      bytes: bodies.reduce((sum, { bytes }) => sum + bytes, 0),
      crc64: bodies.reduce((crc64, body) => concatenatedCrc64(crc64, body.crc64, body.bytes), '0'),
      lastModified: new Date().toISOString(),
    }
    await writeFile(this.#metadataFile(bucket, key), JSON.stringify(object))
    objects.set(key, object)
    if (previous) await removeAll(previous.bodies)
    return object
  }

  get(bucket: string, key: string): StoredObject {
    const object = this.#objects(bucket).get(key)
    if (!object) throw new CosError('NoSuchKey')
    return object
  }

  /** Deleting what is not there is no error in COS. */
  async delete(bucket: string, key: string): Promise<void> {
    const object = this.#objects(bucket).get(key)
    if (!object) return
    this.#objects(bucket).delete(key)
    await rm(this.#metadataFile(bucket, key), { force: true })
    await removeAll(object.bodies)
  }

  /** In the order of COS: UTF-8 binary. */
  list(bucket: string): StoredObject[] {
    return [...this.#objects(bucket).values()].sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
  }

  #objects(bucket: string): Map<string, StoredObject> {
    const objects = this.#buckets.get(bucket)
    if (!objects) throw new CosError('NoSuchBucket')
    return objects
  }

  #metadataFile(bucket: string, key: string): string {
    return join(this.dir, bucket, 'objects', `${fileStem(key)}.json`)
  }
}

const fileStem = (key: string) => createHash('sha1').update(key).digest('hex')

async function removeAll(bodies: readonly Body[]): Promise<void> {
  for (const { file } of bodies) await rm(file, { force: true })
}
