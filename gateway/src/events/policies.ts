import type { Recording, RecordingPolicy } from '@trtc-recorder/api'
import { isNotFound, type KubeClient, resources } from '@trtc-recorder/kube'
import type { Logger } from 'pino'
import type { Applications } from './applications.ts'
import { writeStatus } from './status.ts'

export async function listPolicies(client: KubeClient, namespace: string): Promise<RecordingPolicy[]> {
  const { items } = await client.list(resources.recordingPolicies, { namespace })
  return items
}

/** Looks at each policy without an event: whether it can hear any, and what became of its last Recording. */
export async function reviewPolicies(
  client: KubeClient,
  { applications, namespaces, log, now }: { applications: Applications; namespaces: readonly string[]; log: Logger; now(): Date },
): Promise<void> {
  for (const namespace of namespaces) {
    try {
      for (const policy of await listPolicies(client, namespace)) {
        const isHeard = applications.get(String(policy.spec.sdkAppId))?.namespaces.includes(namespace) ?? false
        await writeStatus(client, policy, { is: 'reviewed', isHeard, last: await lastRecording(client, policy) }, now())
      }
    } catch (error) {
      log.error({ err: error, namespace }, 'Policies could not be looked at')
    }
  }
}

async function lastRecording(client: KubeClient, { metadata, status }: RecordingPolicy): Promise<Recording | undefined> {
  if (status?.lastRecording === undefined) return undefined
  return client.get(resources.recordings, { namespace: metadata.namespace, name: status.lastRecording }).catch((error) => {
    if (isNotFound(error)) return undefined
    throw error
  })
}
