import { keyPrefix } from '@trtc-recorder/api'
import { Wake } from './retry.ts'
import { type StoreContext, until } from './store-context.ts'
import type { StoreError } from './upload.ts'

/** How long COS may be away before a recording is not even begun. */
const defaultPatienceMillis = 15_000

/**
 * Whether the bucket is there and can be written, found out with an upload that is begun and aborted: it leaves nothing behind
 * and needs no right that the recording does not need. Rejects with a StoreError that says what to do.
 */
export async function preflight({ client, attempt, log }: StoreContext, path: string, deadline?: Date): Promise<void> {
  const stop = new AbortController()
  const end = until(deadline ?? new Date(Date.now() + defaultPatienceMillis), stop)
  const wake = new Wake()
  const key = `${keyPrefix(path)}.trtc-recorder-preflight`
  const ask = <T>(request: (signal: AbortSignal) => Promise<T>) => attempt(request, stop.signal, wake, log)
  try {
    await ask((signal) => client.headBucket(signal)).catch((error: StoreError) => {
      // Its answer has no body, so that a 403 does not say why; and keys may be allowed to write without it. The next one tells.
      if (error.code !== 'AccessDenied') throw error
    })
    const uploadId = await ask((signal) => client.initiate(key, 'application/octet-stream', signal))
    await ask((signal) => client.abort(key, uploadId, signal)).catch((error: StoreError) => {
      // Gone already: the abort was done, and its answer lost.
      if (error.code !== 'NoSuchUpload') throw error
    })
  } finally {
    end()
  }
}
