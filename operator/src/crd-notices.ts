import type { FittingCrds, KubeObject, Resource } from '@trtc-recorder/kube'
import type { EventRecorder, Regarding } from './kube/events.ts'
import type { Territory } from './runtime/controller.ts'
import type { Store } from './runtime/store.ts'

type Completed = KubeObject & { status?: { completionTime?: string | undefined } }

interface CrdNoticesOptions<T extends Completed> {
  crds: Pick<FittingCrds, 'has' | 'trouble' | 'onChange'>
  /** What would be worked on if the CRDs fitted. */
  territory: Pick<Territory, 'has' | 'onChange'>
  events: EventRecorder
  resource: Resource<T>
  cache: Pick<Store<T>, 'subscribe' | 'values'>
  /** The kinds whose CRDs have to fit before anything is done about these objects. */
  needs: readonly Resource<KubeObject>[]
}

/**
 * Says of the operator's own Pod that it waits for the CRDs, and why: that it is not ready, `helm` and `kubectl` show, and the kubelet's Event has no more than the status of
 * an answer. Before it leads it says nothing of any other object, for who has led so far may be of the CRDs' own release.
 */
export function sayThatCrdsAreAwaited(
  crds: Pick<FittingCrds, 'trouble' | 'onChange'>,
  events: EventRecorder,
  own: Regarding,
): void {
  crds.onChange(() => {
    const trouble = crds.trouble()
    if (trouble === undefined) return
    events.record(own, { type: 'Warning', reason: 'CrdOutdated', action: 'Wait', note: `It is not ready: ${trouble}` })
  })
}

/**
 * Says of each object that is left alone because of a CRD that it is, and why: whoever made it may see neither the operator's log nor whether it is ready. By an Event, once for
 * each trouble: of a status the API server would drop something.
 */
export function sayWhereCrdsDoNotFit<T extends Completed>(options: CrdNoticesOptions<T>): void {
  const { crds, territory, events, cache, needs } = options
  const { group, version, kind } = options.resource
  /** UIDs of those of which this trouble was said. */
  const told = new Set<string>()
  let trouble: string | undefined

  function look(): void {
    const current = needs.every((resource) => crds.has(resource)) ? undefined : crds.trouble()
    if (current !== trouble) told.clear()
    trouble = current
    if (trouble !== undefined) for (const object of cache.values()) say(object)
  }

  function say({ metadata, status }: T): void {
    const isDone = status?.completionTime !== undefined && metadata.deletionTimestamp === undefined
    if (trouble === undefined || isDone || told.has(metadata.uid) || !territory.has(metadata.namespace)) return
    told.add(metadata.uid)
    const note = `It is left alone as it is: ${trouble}`
    const regarding = { apiVersion: `${group}/${version}`, kind, metadata }
    events.record(regarding, { type: 'Warning', reason: 'CrdOutdated', action: 'Wait', note })
  }

  crds.onChange(look)
  territory.onChange(look)
  cache.subscribe(({ type, object }) => {
    if (type === 'deleted') told.delete(object.metadata.uid)
    else say(object)
  })
}
