import { randomUUID } from 'node:crypto'
import { keyPrefix } from '@trtc-recorder/api'
import { abortAbandoned, ignoreGone } from './abandoned.ts'
import { isCredentialProblem } from './cos-error.ts'
import { Wake } from './retry.ts'
import { type StoreContext, until } from './store-context.ts'
import { StoreError } from './upload.ts'

/** How long COS may be away before it counts as unavailable. */
const defaultPatienceMillis = 15_000
/** A probe takes seconds; what is as old as this was left by a process that was killed in it. */
const abandonedAfterMillis = 24 * 3600_000

/**
 * Whether a recording can be stored, found out with every right that it will need: an upload is begun, gets a part, and is aborted, and an
 * object that is not there is asked about. That an upload may be completed and an object be put shows by what COS refuses then, which it does not look at without the right. Leaves
 * nothing behind, even if answers are lost. Rejects with a StoreError that says what to do.
 */
export async function preflight({ client, attempt, log }: StoreContext, path: string, deadline?: number): Promise<void> {
  const stop = new AbortController()
  const end = until(deadline ?? performance.now() + defaultPatienceMillis, stop)
  const wake = new Wake()
  const probes = `${keyPrefix(path)}.trtc-recorder-preflight-`
  const key = probes + randomUUID()
  const ask = <T>(request: (signal: AbortSignal) => Promise<T>) =>
    attempt((signal) => request(signal).catch(finalIfKeysAreWrong), stop.signal, wake, log)
  try {
    await ask((signal) => client.headBucket(signal)).catch((error: StoreError) => {
      // Its answer has no body, so that a 403 or a 400 does not say why; and keys may be allowed to write without it. The next one tells.
      if (error.kind !== 'refused' || error.code === 'NoSuchBucket') throw error
    })
    const uploadId = await ask((signal) => client.initiate(key, 'application/octet-stream', signal))
    const abort = () => ask((signal) => client.abort(key, uploadId, signal)).catch(ignoreGone)
    const tried = await Promise.allSettled([
      ask((signal) => client.uploadPart(key, uploadId, 1, { head: Buffer.from('probe') }, signal)),
      ask((signal) => client.listParts(key, uploadId, signal)),
      // Whatever else it finds wrong with a part that is not there, it has let the keys ask.
      ask((signal) => client.complete(key, uploadId, [noPart], signal)).catch(only('AccessDenied')),
      ask((signal) => client.putOther(key, signal).catch(unless('BadDigest', 'InvalidDigest'))),
      ask((signal) => client.head(key, signal)).catch(unless('NoSuchKey')),
    ])
    const failed = tried.find((one) => one.status === 'rejected')
    if (failed !== undefined) {
      await abort().catch(() => undefined)
      throw failed.reason
    }
    await abort()
    const now = Date.now()
    const isOld = (initiatedAt: Date) => now - initiatedAt.getTime() > abandonedAfterMillis
    await abortAbandoned(client, probes, (upload) => upload.key === key || isOld(upload.initiatedAt), ask, log)
  } finally {
    end()
  }
}

/** There is none of this number. */
const noPart = { number: 2, etag: '"00000000000000000000000000000000"' }

const unless =
  (...codes: string[]) =>
  (error: StoreError) => {
    if (!codes.includes(error.code)) throw error
  }

/** Of refusals. */
const only = (code: string) => (error: StoreError) => {
  if (error.kind !== 'refused' || error.code === code) throw error
}

/** Once it has begun, a recording waits for better keys. Before that, wrong ones are better told at once; those that ran out may be followed by others. */
function finalIfKeysAreWrong(error: unknown): never {
  if (isCredentialProblem(error) && error.code !== 'ExpiredToken') {
    throw new StoreError('refused', error.code, error.message, { cause: error })
  }
  throw error
}
