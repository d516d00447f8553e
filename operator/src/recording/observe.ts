import type { Recording, TerminationMessage } from '@trtc-recorder/api'
import { type Caches, identityOf } from '../caches.ts'
import type { KubeClient } from '../kube/client.ts'
import { isNotFound } from '../kube/errors.ts'
import { resources } from '../kube/resources.ts'
import type { PersistentVolumeClaim, Pod } from '../kube/types.ts'
import { keyOf } from '../runtime/objects.ts'
import { openAttempt } from './attempts.ts'
import { type IdentityClaims, isFinished } from './fencing.ts'
import { belongsTo, volumeName } from './names.ts'
import type { Observed, ObservedPod } from './plan.ts'
import { recorderContainer } from './pod.ts'
import { creatingMillis, isBeingCreatedFor, podState } from './pod-state.ts'
import { troubleOf } from './pod-trouble.ts'
import type { ProgressReader } from './progress.ts'
import { type ResultReading, resultInLog, terminated, terminationResult } from './result.ts'

export interface ObserveDependencies {
  client: KubeClient
  caches: Pick<Caches, 'recordings' | 'pods' | 'claims'>
  claims: IdentityClaims
  progress: ProgressReader
  image: string
}

/** A log that cannot be read for this long after the end is done without: the files are in the manifest, in COS. */
const logPatienceMillis = 120_000
/** The last lines of a log. The runtime cuts long ones into pieces of 16 KiB, and each piece counts. */
const logLines = 400

/** Gathers what a decision about one Recording rests on: from the caches, and live where the caches may be behind. */
export async function observe(
  recording: Recording,
  dependencies: ObserveDependencies,
  now: Date,
  signal: AbortSignal,
): Promise<Observed> {
  const { uid } = recording.metadata
  const pods = await podsOf(recording, dependencies, signal)
  const observed: ObservedPod[] = []
  for (const pod of pods) {
    const reading = await readResult(pod, dependencies.client, now, signal)
    const trouble = isBeingCreatedFor(pod, creatingMillis, now) ? await troubleOf(pod, dependencies.client, signal) : undefined
    observed.push({ pod, state: podState(pod, reading, now, trouble) })
  }
  const entered = observed.find(
    ({ pod, state }) => state.kind === 'inRoom' || (state.kind === 'starting' && hasEntered(recording, pod)),
  )
  return {
    recording,
    pods: observed,
    volume: dependencies.caches.claims.byIndex('recordingUid', uid).find((claim) => isVolumeOf(recording, claim)),
    identityHeldBy: identityHeldBy(recording, dependencies),
    progress: entered === undefined ? undefined : await dependencies.progress.read(entered.pod, now, entered.state.kind),
    image: dependencies.image,
  }
}

/** It was in the room and is no longer ready: it finishes its files. */
const hasEntered = ({ status }: Recording, { metadata }: Pod) =>
  status?.attempts?.some((attempt) => attempt.podUid === metadata.uid && attempt.startTime !== undefined) ?? false

function isVolumeOf({ metadata }: Recording, claim: PersistentVolumeClaim): boolean {
  return claim.metadata.name === volumeName(metadata.name) && belongsTo(claim, metadata.uid)
}

/** A Pod that the cache does not have may be younger than the cache. Only the API server can say that it is gone. */
async function podsOf(recording: Recording, { caches, client }: ObserveDependencies, signal: AbortSignal): Promise<Pod[]> {
  const { uid, namespace } = recording.metadata
  const cached = caches.pods.byIndex('recordingUid', uid).filter((pod) => belongsTo(pod, uid))
  const attempt = openAttempt(recording.status?.attempts ?? [])
  if (attempt === undefined || attempt.podUid === '' || cached.some((pod) => pod.metadata.uid === attempt.podUid)) return cached
  const live = await client.get(resources.pods, { namespace, name: attempt.pod }, { signal }).catch((error) => {
    if (isNotFound(error)) return undefined
    throw error
  })
  return live?.metadata.uid === attempt.podUid ? [...cached, live] : cached
}

async function readResult(pod: Pod, client: KubeClient, now: Date, signal: AbortSignal): Promise<ResultReading> {
  const end = terminated(pod)
  if (end === undefined) return { kind: 'none' }
  const said = terminationResult(pod)
  if (said !== undefined && said.filesOmitted === undefined) return { kind: 'read', result: said }
  const ended = Date.parse(end.finishedAt ?? pod.metadata.creationTimestamp)
  try {
    const result = resultInLog(await readLog(pod, client, signal))
    if (result !== undefined) return { kind: 'read', result }
  } catch (error) {
    const why = `The result of Pod ${pod.metadata.name} is too long for its termination message, and its log cannot be read yet: ${(error as Error).message}`
    if (said !== undefined && now.getTime() - ended < logPatienceMillis) return { kind: 'pending', why }
  }
  return said === undefined ? { kind: 'none' } : { kind: 'read', result: said satisfies TerminationMessage }
}

function readLog({ metadata }: Pod, client: KubeClient, signal: AbortSignal): Promise<string> {
  const path = `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}/log?container=${recorderContainer}&tailLines=${logLines}`
  return client.text('GET', path, { signal })
}

function identityHeldBy(recording: Recording, { caches, claims }: ObserveDependencies): string | undefined {
  if (isFinished(recording)) return undefined
  const identity = identityOf(recording)
  const holder = claims.holderFor(identity, recording, caches.recordings.byIndex('identity', identity))
  return holder.metadata.uid === recording.metadata.uid ? undefined : keyOf(holder.metadata)
}
