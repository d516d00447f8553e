import type { Recording } from '@trtc-recorder/api'
import { isNotFound, resourcePath, resources } from '@trtc-recorder/kube'
import type { Caller } from '../callers/caller.ts'
import type { Gateway } from '../http/call.ts'
import { findRecording, isKept, listRecordings, stopRecording, unanswered } from '../recordings/find.ts'
import { lastPod, story } from '../recordings/story.ts'
import { type EventStatus, eventState, requestState } from '../template/state.ts'

/** What can be asked of requests by plain REST. */

const timesOf = ({ keepSeconds, now }: Gateway) => ({ keepSeconds, now: now() })

export async function stateOf(gateway: Gateway, caller: Caller, requestId: string) {
  return requestState(await findRecording(gateway.client, caller, requestId, timesOf(gateway)))
}

export interface Listing {
  limit: number
  offset: number
  state: EventStatus | undefined
}

/** Newest first. `total` counts all that match. */
export async function listStates(gateway: Gateway, caller: Caller, { limit, offset, state }: Listing) {
  const { keepSeconds, now } = timesOf(gateway)
  const found: Recording[] = []
  for await (const recording of listRecordings(gateway.client, caller)) {
    if (!isKept(recording, keepSeconds, now)) continue
    if (state === undefined || eventState(recording).status === state) found.push(recording)
  }
  found.sort((one, other) => Date.parse(other.metadata.creationTimestamp) - Date.parse(one.metadata.creationTimestamp))
  return { total: found.length, requests: found.slice(offset, offset + limit).map(requestState) }
}

export async function terminate(gateway: Gateway, caller: Caller, requestId: string): Promise<void> {
  await stopRecording(gateway.client, await findRecording(gateway.client, caller, requestId, timesOf(gateway)))
}

/** How many bytes of a recorder's log are given: the newest. */
const logBytes = 1024 * 1024

/** What is known of the request, and, as long as its Pod is there, the recorder's own log. */
export async function logOf(gateway: Gateway, caller: Caller, requestId: string): Promise<string> {
  const recording = await findRecording(gateway.client, caller, requestId, timesOf(gateway))
  const pod = lastPod(recording)
  const own = pod === undefined ? '' : await podLog(gateway, recording.metadata.namespace, pod)
  return `${story(recording).join('\n')}\n${own}`
}

async function podLog({ client }: Gateway, namespace: string, pod: string): Promise<string> {
  const path = `${resourcePath(resources.pods, namespace, pod, 'log')}?container=recorder&limitBytes=${logBytes}&tailLines=5000`
  return client.text('GET', path).catch((error) => {
    // The Pod is gone, or has no container yet.
    if (isNotFound(error) || (error as { code?: number }).code === 400) return ''
    throw unanswered(error)
  })
}
