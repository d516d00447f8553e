import type { KubeClient, KubeObject, Pod, Resource } from '@trtc-recorder/kube'

/** The old kind of Events, which the API server can select by the object they are about. */
const events: Resource<PodEvent> = { group: '', version: 'v1', plural: 'events', kind: 'Event', namespaced: true }

export interface PodEvent extends KubeObject {
  type?: string
  reason?: string
  message?: string
  firstTimestamp?: string | null
  lastTimestamp?: string | null
  eventTime?: string | null
}

/** More than the kubelet says of one Pod in an hour. */
const mostRead = 100

/** What was last complained of, such as `FailedMount: …`. `isLast`: nothing went on since. */
export interface PodComplaint {
  message: string
  since: string
  isLast: boolean
}

/**
 * What the kubelet last complained of. Of a volume, a network or a runtime class that is not there a Pod's status says nothing but ContainerCreating; only
 * Events have the cause. Undefined where there is none.
 */
export async function eventsOfTrouble(
  { metadata }: Pod,
  client: KubeClient,
  signal: AbortSignal,
): Promise<PodComplaint | undefined> {
  const { namespace, uid, creationTimestamp } = metadata
  try {
    const { items } = await client.list(events, {
      namespace,
      fieldSelector: `involvedObject.uid=${uid}`,
      limit: mostRead,
      signal,
    })
    return latest(items)
  } catch (error) {
    if (signal.aborted) throw error
    return { message: `its Events cannot be read: ${(error as Error).message}`, since: creationTimestamp, isLast: false }
  }
}

export function latest(events: readonly PodEvent[]): PodComplaint | undefined {
  const newestFirst = events.toSorted((a, b) => timeOf(b).localeCompare(timeOf(a)))
  const last = newestFirst.find(({ type }) => type === 'Warning')
  if (last === undefined) return undefined
  const since = last.firstTimestamp ?? last.eventTime ?? last.metadata.creationTimestamp
  // Two of one second are as good as one after the other.
  return { message: `${last.reason}: ${last.message}`, since, isLast: timeOf(newestFirst[0]!) <= timeOf(last) }
}

const timeOf = ({ lastTimestamp, eventTime, metadata }: PodEvent) => lastTimestamp ?? eventTime ?? metadata.creationTimestamp
