import type { ListWatch } from '../runtime/reflector.ts'
import type { KubeClient } from './client.ts'
import { ApiError, isGone, isTooManyRequests } from './errors.ts'
import type { KubeObject, Resource } from './types.ts'

/** What a reflector reads: a kind, in one namespace or in all of them, as far as the selector matches. */
export function listWatch<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  scope: { namespace?: string; labelSelector?: string } = {},
): ListWatch<T> {
  return {
    list: (options) => client.list(resource, { ...scope, ...options }),
    watch: (options) => client.watch(resource, { ...scope, ...options, allowWatchBookmarks: true }),
    causeOf(error) {
      if (!(error instanceof ApiError)) return 'cut'
      if (isGone(error)) return 'expired'
      return isTooManyRequests(error) ? 'refused' : 'failed'
    },
  }
}
