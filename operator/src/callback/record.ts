import type { CallbackStatus } from '@trtc-recorder/api'
import type { JsonPatchOperation, KubeClient } from '@trtc-recorder/kube'
import { isConflict, isInvalid, isNotFound } from '@trtc-recorder/kube'
import { conditionOf } from './policy.ts'
import type { Told, ToldKind } from './told.ts'

/**
 * Two controllers write one status. This one owns `status.callback` from the moment it is there, and the condition
 * `CallbackDelivered` from the first try on; the controller of the Recording, or of the clip, owns the rest. The patch below touches these two only, without
 * the object's resource version, so progress written meanwhile is no conflict; its tests (same object, same result, same number of tries)
 * make it fail if anybody else recorded this try, and the index of the condition is tested because it was counted in a copy.
 */
export function statusPatch(told: Told, tried: CallbackStatus, now: Date): JsonPatchOperation[] {
  const conditions = told.status?.conditions
  const index = conditions?.findIndex((condition) => condition.type === 'CallbackDelivered') ?? -1
  const condition = conditionOf(told, tried, now)
  const path = `/status/conditions/${index}`
  return [
    { op: 'test', path: '/metadata/uid', value: told.metadata.uid },
    { op: 'test', path: '/status/callback/id', value: tried.id },
    { op: 'test', path: '/status/callback/attempts', value: tried.attempts - 1 },
    { op: 'replace', path: '/status/callback', value: tried },
    ...(conditions === undefined
      ? [{ op: 'add' as const, path: '/status/conditions', value: [condition] }]
      : index === -1
        ? [{ op: 'add' as const, path: '/status/conditions/-', value: condition }]
        : [
            { op: 'test' as const, path: `${path}/type`, value: condition.type },
            { op: 'replace' as const, path, value: condition },
          ]),
  ]
}

export type Recorded<T extends Told> =
  | { is: 'written' | 'already'; told: T }
  /** It is gone, or no longer has this result. */
  | { is: 'obsolete' }

/** How often a patch is made anew because the object had changed, before the queue's back-off takes over. */
const rounds = 5

/**
 * Writes a try into the status. Throws if the API server cannot be reached or keeps changing the object; the try is then still to be
 * recorded, and must not be made again for that.
 */
export async function record<T extends Told>(
  client: KubeClient,
  resource: ToldKind<T>['resource'],
  told: T,
  tried: CallbackStatus,
  now: Date,
  signal: AbortSignal,
): Promise<Recorded<T>> {
  const { namespace, name, uid } = told.metadata
  let current = told
  for (let round = 1; ; round += 1) {
    const patch = { type: 'json' as const, operations: statusPatch(current, tried, now) }
    try {
      const written = await client.patch(resource, { namespace, name }, patch, { subresource: 'status', signal })
      return { is: 'written', told: written }
    } catch (error) {
      if (isNotFound(error)) return { is: 'obsolete' }
      if (!(isInvalid(error) || isConflict(error)) || round === rounds) throw error
    }
    const live = await client.get(resource, { namespace, name }, { signal }).catch((error) => {
      if (isNotFound(error)) return undefined
      throw error
    })
    const callback = live?.status?.callback
    if (live === undefined || live.metadata.uid !== uid || callback?.id !== tried.id) return { is: 'obsolete' }
    if (callback.attempts >= tried.attempts) return { is: 'already', told: live }
    current = live
  }
}
