import type { KubeClient, KubeObject, Pod, Resource } from '@trtc-recorder/kube'

/** The old kind of Events, which the API server can select by the object they are about. */
const events: Resource<PodEvent> = { group: '', version: 'v1', plural: 'events', kind: 'Event', namespaced: true }

export interface PodEvent extends KubeObject {
  type?: string
  reason?: string
  message?: string
  lastTimestamp?: string | null
  eventTime?: string | null
}

/** More than the kubelet says of one Pod in an hour. */
const mostRead = 100

/**
 * What the kubelet last complained of, such as `FailedMount: …`. Of a volume, a network or a runtime class that is not there a Pod's status
 * says nothing but ContainerCreating; only Events have the cause. Undefined where there is none, or none may be read.
 */
export async function eventsOfTrouble({ metadata }: Pod, client: KubeClient, signal: AbortSignal): Promise<string | undefined> {
  const { namespace, uid } = metadata
  const fieldSelector = `involvedObject.uid=${uid},type=Warning`
  try {
    const { items } = await client.list(events, { namespace, fieldSelector, limit: mostRead, signal })
    return latest(items)
  } catch (error) {
    if (signal.aborted) throw error
    return `its Events cannot be read: ${(error as Error).message}`
  }
}

export function latest(events: readonly PodEvent[]): string | undefined {
  const [last] = events.toSorted((a, b) => timeOf(b).localeCompare(timeOf(a)))
  return last && `${last.reason}: ${last.message}`
}

const timeOf = ({ lastTimestamp, eventTime, metadata }: PodEvent) => lastTimestamp ?? eventTime ?? metadata.creationTimestamp
