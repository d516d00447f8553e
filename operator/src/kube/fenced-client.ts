import type { KubeClient } from '@trtc-recorder/kube'

/** It was not sent, because another operator may be at work by now. */
export class LeadershipInDoubt extends Error {
  override readonly name = 'LeadershipInDoubt'

  constructor(what: string) {
    super(`${what}: not sent, because the lease was not renewed in time and another operator may be at work`)
  }
}

/** Asked before anything is sent that must not be sent by two; throws LeadershipInDoubt. */
export type Fence = (what: string) => void

export const fenceOf =
  (isInForce: () => boolean): Fence =>
  (what) => {
    if (!isInForce()) throw new LeadershipInDoubt(what)
  }

/**
 * A client that reads as the given one does, and writes only while the fence says that nobody else can be leading: a process that was frozen in the
 * middle of its work, on a machine that slept or was throttled, wakes up with the next write on its lips.
 */
export function fencedClient(client: KubeClient, fence: Fence): KubeClient {
  return {
    ...client,
    async create(resource, object, options) {
      fence(`create ${resource.plural}`)
      return client.create(resource, object, options)
    },
    async replace(resource, object, options) {
      fence(`replace ${resource.plural} ${object.metadata.name}`)
      return client.replace(resource, object, options)
    },
    async patch(resource, ref, patch, options) {
      fence(`patch ${resource.plural} ${ref.name}`)
      return client.patch(resource, ref, patch, options)
    },
    async delete(resource, ref, options) {
      fence(`delete ${resource.plural} ${ref.name}`)
      return client.delete(resource, ref, options)
    },
  }
}
