import type { KubeClient } from '@trtc-recorder/kube'

/** It was not written, because another operator may be at work by now. */
export class LeadershipInDoubt extends Error {
  override readonly name = 'LeadershipInDoubt'

  constructor(what: string) {
    super(`${what}: not sent, because the lease was not renewed in time and another operator may be at work`)
  }
}

/**
 * A client that reads as the given one does, and writes only while `isInForce` says that nobody else can be leading: a process that was frozen in the
 * middle of its work, on a machine that slept or was throttled, wakes up with the next write on its lips.
 */
export function fencedClient(client: KubeClient, isInForce: () => boolean): KubeClient {
  const inForce = (what: string) => {
    if (!isInForce()) throw new LeadershipInDoubt(what)
  }
  return {
    ...client,
    async create(resource, object, options) {
      inForce(`create ${resource.plural}`)
      return client.create(resource, object, options)
    },
    async replace(resource, object, options) {
      inForce(`replace ${resource.plural} ${object.metadata.name}`)
      return client.replace(resource, object, options)
    },
    async patch(resource, ref, patch, options) {
      inForce(`patch ${resource.plural} ${ref.name}`)
      return client.patch(resource, ref, patch, options)
    },
    async delete(resource, ref, options) {
      inForce(`delete ${resource.plural} ${ref.name}`)
      return client.delete(resource, ref, options)
    },
  }
}
