import type { KubeClient } from './client.ts'
import { ApiError } from './errors.ts'
import type { FittingCrds } from './fitting-crds.ts'

/**
 * The same client for somebody who needs certain CRDs: nothing is read from the API server after it may have changed one before it was asked what it keeps, and no
 * status is written of which it would drop what is needed. What it drops besides goes unsaid, as with any CRD that is a release older.
 */
export function guardedClient(client: KubeClient, crds: FittingCrds): KubeClient {
  /** Writes as it is refused where anything would be dropped, and otherwise only where that is needed. */
  async function write<T>(
    resource: Parameters<KubeClient['replace']>[0],
    subresource: string | undefined,
    call: (fieldValidation: 'Strict' | undefined) => Promise<T>,
  ): Promise<T> {
    if (subresource !== 'status') return call(undefined)
    try {
      return await call('Strict')
    } catch (error) {
      const unknown = unknownFields(error)
      if (unknown.length === 0 || crds.dropped(resource, unknown)) throw error
      return call(undefined)
    }
  }
  return {
    ...client,
    replace: (resource, object, options = {}) =>
      write(resource, options.subresource, (fieldValidation) =>
        client.replace(resource, object, { ...options, ...(fieldValidation && { fieldValidation }) }),
      ),
    patch: (resource, ref, patch, options = {}) =>
      write(resource, options.subresource, (fieldValidation) =>
        client.patch(resource, ref, patch, { ...options, ...(fieldValidation && { fieldValidation }) }),
      ),
    async list(resource, options = {}) {
      await crds.asked(options.signal ?? new AbortController().signal)
      return client.list(resource, options)
    },
    async *watch(resource, options) {
      await crds.asked(options.signal ?? new AbortController().signal)
      const began = performance.now()
      try {
        yield* client.watch(resource, options)
      } finally {
        const isOwnTimeout = performance.now() - began > options.timeoutSeconds * 1000 - 1000
        if (!isOwnTimeout && !options.signal?.aborted) crds.doubt()
      }
    },
  }
}

/** The fields that an API server refused to drop, as paths in which lists count for nothing. */
function unknownFields(error: unknown): string[] {
  if (!(error instanceof ApiError) || !error.message.includes('strict decoding error')) return []
  return [...error.message.matchAll(/unknown field "([^"]+)"/g)].map(([, path]) => path!.replaceAll(/\[\d+\]/g, ''))
}
