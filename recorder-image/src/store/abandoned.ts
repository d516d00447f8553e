import type { Logger } from 'pino'
import type { CosClient, ListedUpload } from './cos-client.ts'
import { StoreError } from './upload.ts'

export type Ask = <T>(request: (signal: AbortSignal) => Promise<T>) => Promise<T>

/**
 * Aborts the uploads in progress whose key begins with `prefix` and of which `isAbandoned` says so: COS keeps their parts, and charges for
 * them, for ever. Such are left where an answer to InitiateMultipartUpload was lost, or a process between that answer and its log.
 * It is not worth a recording: keys that may not list leave them, with a warning.
 */
export async function abortAbandoned(
  client: CosClient,
  prefix: string,
  isAbandoned: (upload: ListedUpload) => boolean,
  ask: Ask,
  log: Logger,
): Promise<void> {
  try {
    const uploads = await ask((signal) => client.listUploads(prefix, signal))
    for (const { key, uploadId } of uploads.filter(isAbandoned)) {
      await ask((signal) => client.abort(key, uploadId, signal)).catch(ignoreGone)
      log.info({ file: key, uploadId }, 'Aborted an abandoned upload')
    }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    log.warn({ file: prefix, code: error.code }, 'Abandoned uploads were not looked for; COS keeps what there is of them')
  }
}

/** The abort was done, and its answer lost. */
export function ignoreGone(error: StoreError): void {
  if (error.code !== 'NoSuchUpload') throw error
}
