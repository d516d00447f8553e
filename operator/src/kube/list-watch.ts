import type { KubeClient, KubeObject, Resource } from '@trtc-recorder/kube'
import { ApiError, isGone, isNotFound, isTooManyRequests } from '@trtc-recorder/kube'
import type { ListWatch } from '../runtime/reflector.ts'

/** What a reflector reads: a kind, in one namespace or in all of them, as far as the selectors match. */
export function listWatch<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  scope: { namespace?: string; labelSelector?: string; fieldSelector?: string } = {},
): ListWatch<T> {
  return {
    list: (options) => client.list(resource, { ...scope, ...options }),
    watch: (options) => client.watch(resource, { ...scope, ...options, allowWatchBookmarks: true }),
    causeOf(error) {
      if (!(error instanceof ApiError)) return 'cut'
      if (isGone(error)) return 'expired'
      // A namespace that is not there has empty lists: only a kind that is not served is not found.
      if (isNotFound(error)) return 'missing'
      return isTooManyRequests(error) ? 'refused' : 'failed'
    },
  }
}
