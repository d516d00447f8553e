import type { Readable } from 'node:stream'
import { isDeepStrictEqual } from 'node:util'
import type { RecorderJob } from '@trtc-recorder/api'
import type COS from 'cos-nodejs-sdk-v5'
import { type Content, contentBytes, openContent } from './content.ts'
import { isCredentialProblem, isExpired, storeErrorOf, unreachable } from './cos-error.ts'
import { type CallHeaders, createSdk, RequestFailure } from './cos-sdk.ts'
import type { CosCredentials, CredentialProvider } from './credentials.ts'
import { objectHeaders } from './object-headers.ts'
import { objectUrl } from './object-url.ts'
import { StoreError } from './upload.ts'

export interface CosClientOptions {
  cos: RecorderJob['spec']['cos']
  credentials: CredentialProvider
  /** A request fails when its connection has been silent for so long. */
  silenceMillis: number
}

export interface ListedPart {
  number: number
  etag: string
  bytes: number
}

export interface ListedUpload {
  key: string
  uploadId: string
  initiatedAt: Date
}

export interface ObjectFacts {
  bytes: number
  /** Decimal; undefined where COS does not say. */
  crc64: string | undefined
}

/** What is said of one object, beside what is said of all. */
export interface ObjectAbout {
  contentType: string
  cacheControl?: string | undefined
}

export interface SentContent {
  etag: string
  crc64: bigint
  /** Whether COS said the same checksum of what it stored. */
  confirmed: boolean
}

export type CosClient = ReturnType<typeof createCosClient>

/** The COS operations a recorder needs. Each tries once, rejects with a StoreError, and ends early when `signal` aborts. */
export function createCosClient({ cos, credentials, silenceMillis }: CosClientOptions) {
  const { bucket: Bucket, region: Region, endpoint } = cos
  let current: CosCredentials = { secretId: '', secretKey: '' }
  let clockOffsetMillis = 0
  const signing = () => ({ credentials: current, clockOffsetMillis })
  const sdk = createSdk({ endpoint, silenceMillis, signing })

  /** One request; `send` spreads `place` into the parameters of the SDK's call. */
  async function call<T>(
    operation: string,
    key: string,
    signal: AbortSignal,
    send: (cos: COS, place: Place, keys: CosCredentials) => Promise<T>,
  ): Promise<T> {
    const context = { operation, bucket: Bucket, key }
    const keys = await currentKeys(credentials)
    current = keys
    const signedBy = clockOffsetMillis
    try {
      return await sdk.call(operation, signal, (cos, Headers) => send(cos, { Bucket, Region, Key: key, Headers }, keys))
    } catch (error) {
      if (signal.aborted) {
        throw new StoreError('unavailable', 'DeadlineExceeded', `There was no time left for ${operation} of ${key} in ${Bucket}.`)
      }
      if (!(error instanceof RequestFailure)) throw error
      const { status, code, requestId } = error
      const detail = withoutSecrets(error.message, keys)
      const told = storeErrorOf({ ...context, status, code, detail, requestId })
      if (isCredentialProblem(told)) credentials.refused(keys)
      const worthAnotherTry = isClockProblem(error) && followClock(error, signedBy)
      throw worthAnotherTry ? new StoreError('unavailable', told.code, told.message) : told
    }
  }

  /**
   * Takes over COS's clock. False if the one that the request was signed by agreed with it already, so that asking again cannot help. Of several
   * that are on their way when a clock is set, all fail; the first of them sets ours.
   */
  function followClock({ serverDate = '' }: RequestFailure, signedBy: number): boolean {
    const offset = Date.parse(serverDate) - Date.now()
    if (Number.isNaN(offset) || Math.abs(offset - signedBy) < clockToleranceMillis) return false
    clockOffsetMillis = offset
    return true
  }

  /** Sends a body and compares COS's checksum of it with the one taken while sending. */
  async function send(
    operation: string,
    key: string,
    content: Content,
    signal: AbortSignal,
    request: (cos: COS, body: Place & { Body: Readable; ContentLength: number }) => Promise<SdkAnswer>,
  ): Promise<SentContent> {
    const { stream, crc64 } = openContent(content)
    try {
      const body = { Body: stream, ContentLength: contentBytes(content) }
      const answer = await call(operation, key, signal, (cos, place) => request(cos, { ...place, ...body }))
      const reported = answer.headers?.['x-cos-hash-crc64ecma']
      if (reported !== undefined && reported !== String(crc64.digest())) {
        const detail = `COS stored other bytes than were sent in ${operation} of ${key} in bucket ${Bucket}`
        throw new StoreError('unavailable', 'ChecksumMismatch', `${detail}: checksum ${reported}, not ${crc64.digest()}.`)
      }
      return { etag: answer.headers?.etag ?? '', crc64: crc64.digest(), confirmed: reported !== undefined }
    } finally {
      stream.destroy()
    }
  }

  /** A place, with what is said of the object that comes to be there. */
  const described = <P extends Place>(place: P, { contentType, cacheControl }: ObjectAbout) => ({
    ...place,
    ContentType: contentType,
    ...(cacheControl === undefined ? {} : { CacheControl: cacheControl }),
    Headers: { ...place.Headers, ...objectHeaders(cos) },
  })

  /** Somebody between here and COS answers 200, and not what COS answers, or not all of it. Whether it was done nobody knows; it is asked again. */
  const notAnswered = (operation: string, key: string) =>
    new StoreError(
      'unavailable',
      'NoAnswer',
      `What ${operation} of ${key} in bucket ${Bucket} was answered with is no answer of COS. ${unreachable}`,
    )

  /**
   * An answer to HEAD has no body that says why, but for a status, which of keys that have run out is 403 or 400; a GET of the same object tells them from keys
   * without the right. Not where others have come meanwhile: those have not been tried.
   */
  async function explained(error: StoreError, key: string, signal: AbortSignal, refused: CosCredentials): Promise<never> {
    if (error.kind !== 'refused' || error.code === 'NoSuchKey') throw error
    let areOthers = false
    const get = (cos: COS, place: Place, keys: CosCredentials) => {
      areOthers = !isDeepStrictEqual(keys, refused)
      return cos.getObject({ ...place, Range: 'bytes=0-0' })
    }
    await call('GetObject', key, signal, get).catch((why) => {
      if (isCredentialProblem(why)) throw why
    })
    throw areOthers ? new StoreError('unavailable', error.code, error.message) : error
  }

  return {
    bucket: Bucket,

    url: (key: string) => objectUrl(cos, key),

    async headBucket(signal: AbortSignal): Promise<void> {
      await call('HeadBucket', '', signal, (cos, place) => cos.headBucket(place))
    },

    put: (key: string, content: Content, about: ObjectAbout, signal: AbortSignal): Promise<SentContent> =>
      send('PutObject', key, content, signal, (cos, body) =>
        // SkipTask: the SDK's own queue would keep every file's parameters in memory.
        cos.putObject({ ...described(body, about), SkipTask: true } as COS.PutObjectParams),
      ),

    /** Puts something whose MD5 it tells wrongly: COS refuses that as BadDigest, if it lets the keys put anything there. */
    putOther: (key: string, signal: AbortSignal): Promise<SentContent> =>
      send('PutObject', key, { head: Buffer.from('probe') }, signal, (cos, body) => {
        const put = described(body, { contentType: 'application/octet-stream' })
        put.Headers = { ...put.Headers, 'Content-MD5': md5OfNothing }
        return cos.putObject({ ...put, SkipTask: true } as COS.PutObjectParams)
      }),

    async initiate(key: string, contentType: string, signal: AbortSignal): Promise<string> {
      const answer = await call('InitiateMultipartUpload', key, signal, (cos, place) =>
        cos.multipartInit(described(place, { contentType }) as COS.MultipartInitParams),
      )
      if (!answer.UploadId) throw notAnswered('InitiateMultipartUpload', key)
      return answer.UploadId
    },

    async uploadPart(key: string, UploadId: string, number: number, content: Content, signal: AbortSignal): Promise<SentContent> {
      const sent = await send('UploadPart', key, content, signal, (cos, body) =>
        cos.multipartUpload({ ...body, UploadId, PartNumber: number } as COS.MultipartUploadParams),
      )
      if (sent.etag === '') throw notAnswered('UploadPart', key)
      return sent
    },

    /** Every part COS has of an upload. */
    async listParts(key: string, UploadId: string, signal: AbortSignal): Promise<ListedPart[]> {
      const parts: ListedPart[] = []
      for (let marker = '0'; ; ) {
        const answer = await call('ListParts', key, signal, (cos, place) =>
          cos.multipartListPart({ ...place, UploadId, PartNumberMarker: marker }),
        )
        // What is no list has no parts either, and would have all of them sent again.
        if ((answer as { UploadId?: string }).UploadId !== UploadId) throw notAnswered('ListParts', key)
        parts.push(...answer.Part.map((part) => ({ number: Number(part.PartNumber), etag: part.ETag, bytes: Number(part.Size) })))
        if (String(answer.IsTruncated) !== 'true') return parts
        const next = String(answer.NextPartNumberMarker)
        if (!(Number(next) > Number(marker))) throw notAnswered('ListParts', key)
        marker = next
      }
    },

    /** Uploads in progress of every key that begins so. */
    async listUploads(prefix: string, signal: AbortSignal): Promise<ListedUpload[]> {
      const uploads: ListedUpload[] = []
      for (let markers: { KeyMarker?: string; UploadIdMarker?: string } = {}; ; ) {
        const answer = await call('ListMultipartUploads', prefix, signal, (cos, { Key: _, ...place }) =>
          cos.multipartList({ ...place, ...markers, Prefix: prefix } as COS.MultipartListParams),
        )
        if (answer.Upload === undefined) throw notAnswered('ListMultipartUploads', prefix)
        uploads.push(
          ...answer.Upload.map(({ Key, UploadId, Initiated }) => ({
            key: Key,
            uploadId: UploadId,
            initiatedAt: new Date(Initiated),
          })),
        )
        if (String(answer.IsTruncated) !== 'true') return uploads
        const next = { KeyMarker: answer.NextKeyMarker, UploadIdMarker: answer.NextUploadIdMarker }
        if (isDeepStrictEqual(next, markers)) throw notAnswered('ListMultipartUploads', prefix)
        markers = next
      }
    },

    async complete(
      key: string,
      UploadId: string,
      parts: readonly { number: number; etag: string }[],
      signal: AbortSignal,
    ): Promise<void> {
      const Parts = parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag }))
      const { ETag } = await call('CompleteMultipartUpload', key, signal, (cos, place) =>
        cos.multipartComplete({ ...place, UploadId, Parts }),
      )
      if (!ETag) throw notAnswered('CompleteMultipartUpload', key)
    },

    async abort(key: string, UploadId: string, signal: AbortSignal): Promise<void> {
      await call('AbortMultipartUpload', key, signal, (cos, place) => cos.multipartAbort({ ...place, UploadId }))
    },

    /** Bytes of an object, `end` being the first one behind them; of all of it without a range, which then must be small. */
    async get(key: string, range: { start: number; end: number } | undefined, signal: AbortSignal): Promise<Buffer> {
      const Range = range === undefined ? {} : { Range: `bytes=${range.start}-${range.end - 1}` }
      const { Body } = await call('GetObject', key, signal, (cos, place) => cos.getObject({ ...place, ...Range }))
      const wanted = range === undefined ? Body.length : range.end - range.start
      if (Body.length === wanted) return Body
      const message = `COS gave ${Body.length} of ${wanted} bytes of ${key} in bucket ${Bucket}.`
      throw new StoreError('unavailable', 'IncompleteBody', message)
    },

    async head(key: string, signal: AbortSignal): Promise<ObjectFacts> {
      let used: CosCredentials = { secretId: '', secretKey: '' }
      const ask = (cos: COS, place: Place, keys: CosCredentials) => {
        used = keys
        return cos.headObject(place)
      }
      const { headers = {} } = await call('HeadObject', key, signal, ask).catch((error) => explained(error, key, signal, used))
      // What is no object of COS is not what was stored wrongly either, and would have all of it sent again.
      if (headers.etag === undefined) throw notAnswered('HeadObject', key)
      return { bytes: Number(headers['content-length']), crc64: headers['x-cos-hash-crc64ecma'] }
    },
  }
}

const md5OfNothing = '1B2M2Y8AsgTpgAmY7PhCfg=='

/** Less than this may be the network. */
const clockToleranceMillis = 30_000

interface SdkAnswer {
  headers?: Record<string, string>
}

/** What every call of the SDK takes. */
interface Place {
  Bucket: string
  Region: string
  Key: string
  Headers: CallHeaders
}

/** An answer to HEAD has no body that could say so; then the clocks are compared to find out. */
const isClockProblem = ({ status, code, message }: RequestFailure) =>
  code === 'RequestTimeTooSkewed' || isExpired({ code, detail: message }) || (status === 403 && code === '')

async function currentKeys(credentials: CredentialProvider): Promise<CosCredentials> {
  try {
    return await credentials.current()
  } catch (cause) {
    if (cause instanceof StoreError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new StoreError('unavailable', 'NoCredentials', `There are no keys for COS: ${why}`, { cause })
  }
}

/** COS repeats what it was sent in some messages. */
const withoutSecrets = (text: string, { secretId, secretKey, token }: CosCredentials) =>
  [secretKey, token, secretId].reduce<string>((clean, secret) => (secret ? clean.replaceAll(secret, '…') : clean), text)
