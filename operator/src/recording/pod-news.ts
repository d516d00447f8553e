import type { KubeClient, KubeObject, Pod, Resource } from '@trtc-recorder/kube'

/** The old kind of Events, which the API server can select by the object they are about. */
const events: Resource<PodEvent> = { group: '', version: 'v1', plural: 'events', kind: 'Event', namespaced: true }

export interface PodEvent extends KubeObject {
  type?: string
  reason?: string
  message?: string
  /** With the path of the container that it is about. */
  involvedObject?: { fieldPath?: string }
  lastTimestamp?: string | null
  eventTime?: string | null
}

/** More than the kubelet says of one Pod in an hour. */
const mostRead = 100

/** What Events say of a Pod whose container is not made. */
export interface PodNews {
  /** What was last complained of, such as `FailedMount: …`. */
  complaint?: string | undefined
  /** When something last went on. */
  wentOnAt?: string | undefined
  /** Since when an image is being pulled: until it is there nothing more is heard, however long that takes. */
  pullingSince?: string | undefined
}

/**
 * What the kubelet says of a Pod. Of a volume, a network or a runtime class that is not there a Pod's status says nothing but ContainerCreating; only
 * Events have the cause.
 */
export async function newsOf({ metadata }: Pod, client: KubeClient, signal: AbortSignal): Promise<PodNews> {
  const { namespace, uid } = metadata
  try {
    const { items } = await client.list(events, {
      namespace,
      fieldSelector: `involvedObject.uid=${uid}`,
      limit: mostRead,
      signal,
    })
    return newsIn(items)
  } catch (error) {
    if (signal.aborted) throw error
    return { complaint: `its Events cannot be read: ${(error as Error).message}` }
  }
}

/** What tells that a Pod has come nearer to its start. A kubelet that fails again and again has other words for that, of which some are no warnings. */
const steps: readonly string[] = ['SuccessfulAttachVolume', 'Pulling', 'Pulled', 'Created', 'Started']

export function newsIn(all: readonly PodEvent[]): PodNews {
  const newestFirst = all.toSorted((a, b) => timeOf(b).localeCompare(timeOf(a)))
  const last = newestFirst.find(({ type }) => type === 'Warning')
  const step = newestFirst.find(({ reason = '' }) => steps.includes(reason))
  const isOver = (pull: PodEvent) =>
    all.some(
      (event) =>
        ['Pulled', 'Failed'].includes(event.reason ?? '') &&
        event.involvedObject?.fieldPath === pull.involvedObject?.fieldPath &&
        // Two of one second are one after the other.
        timeOf(event) >= timeOf(pull),
    )
  const pull = newestFirst.find((event) => event.reason === 'Pulling' && !isOver(event))
  return {
    ...(last && { complaint: `${last.reason}: ${last.message}` }),
    ...(step && { wentOnAt: timeOf(step) }),
    ...(pull && { pullingSince: timeOf(pull) }),
  }
}

const timeOf = ({ lastTimestamp, eventTime, metadata }: PodEvent) => lastTimestamp ?? eventTime ?? metadata.creationTimestamp
