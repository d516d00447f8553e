import COS from 'cos-nodejs-sdk-v5'
import type { TemporaryKeys } from './cloud.ts'
import type { Settings } from './settings.ts'

export type Keys = Pick<TemporaryKeys, 'secretId' | 'secretKey'> & Partial<TemporaryKeys>

/** What COS refused; its SDK rejects with plain objects. */
export class CosRefusal extends Error {
  override readonly name = 'CosRefusal'
  readonly status: number
  readonly code: string

  constructor({ statusCode = 0, code = '', message = '' }: { statusCode?: number; code?: string; message?: string }) {
    super(`COS answered ${statusCode} ${code}: ${message}`)
    this.status = statusCode
    this.code = code
  }
}

/** The bucket by COS's own SDK. */
export function bucketWith({ secretId, secretKey, token }: Keys, { bucket, region, endpoints }: Settings) {
  const [protocol, domain = ''] = endpoints?.cos.split('://') ?? []
  const cos = new COS({
    SecretId: secretId,
    SecretKey: secretKey,
    ...(token === undefined ? {} : { SecurityToken: token }),
    Protocol: protocol === 'http' ? 'http:' : 'https:',
    ...(endpoints === undefined ? {} : { Domain: `{Bucket}.${domain}` }),
    AutoSwitchHost: false,
  })
  const at = { Bucket: bucket, Region: region }
  return {
    head: async (key: string) => {
      const { headers = {} } = await told(cos.headObject({ ...at, Key: key }))
      return { bytes: Number(headers['content-length']), crc64: String(headers['x-cos-hash-crc64ecma'] ?? '') }
    },
    get: async (key: string) => (await told(cos.getObject({ ...at, Key: key }))).Body as Buffer,
    begin: async (key: string) => (await told(cos.multipartInit({ ...at, Key: key }))).UploadId,
    part: async (key: string, upload: string, number: number, content: Buffer) =>
      (await told(cos.multipartUpload({ ...at, Key: key, UploadId: upload, PartNumber: number, Body: content }))).ETag,
    complete: (key: string, upload: string, etags: readonly string[]) => {
      const Parts = etags.map((ETag, i) => ({ PartNumber: i + 1, ETag }))
      return told(cos.multipartComplete({ ...at, Key: key, UploadId: upload, Parts }))
    },

    /** Keys of objects, and unfinished uploads, below a folder. */
    async below(folder: string): Promise<{ keys: string[]; uploads: { key: string; upload: string }[] }> {
      const { Contents } = await told(cos.getBucket({ ...at, Prefix: `${folder}/` }))
      const { Upload = [] } = await told(cos.multipartList({ ...at, Prefix: `${folder}/`, Delimiter: '' }))
      return {
        keys: Contents.map(({ Key }) => Key),
        uploads: Upload.map(({ Key, UploadId }) => ({ key: Key, upload: UploadId })),
      }
    },
    remove: (key: string) => told(cos.deleteObject({ ...at, Key: key })),
    abort: (key: string, upload: string) => told(cos.multipartAbort({ ...at, Key: key, UploadId: upload })),
  }
}
export type Bucket = ReturnType<typeof bucketWith>

const told = <T>(answer: Promise<T>): Promise<T> =>
  answer.catch((error) => {
    throw error instanceof Error ? new CosRefusal(error as object) : new CosRefusal(error ?? {})
  })
