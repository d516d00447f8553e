import { type ClipResult, clipAnnotations, clipResultSchema, type Recording, type RecordingClip } from '@trtc-recorder/api'
import { isNotFound, type KubeClient, type Pod, resources } from '@trtc-recorder/kube'
import type { Caches } from '../caches.ts'
import { recordingKeyOf } from '../caches.ts'
import { attemptOf, belongsTo } from '../recording/names.ts'
import { recorderContainer } from '../recording/pod.ts'
import { newsOf, type PodNews } from '../recording/pod-news.ts'
import { hasEnded, hasRecorderRunning, isBeingCreatedForLong, podState } from '../recording/pod-state.ts'
import { terminated } from '../recording/result.ts'
import { unheeded } from '../recording/unheeded.ts'
import { ownerKey } from '../runtime/objects.ts'
import type { ObservedClip, ObservedRecorder, PodHolder } from './decide.ts'
import { clipWork } from './pod.ts'
import type { RecorderAnswers } from './recorder-answers.ts'
import { toldRequests, volumeOfPod, wantedRequests } from './requests.ts'
import { attemptsBefore, clipStage, isClipOver, numberOf } from './stage.ts'

/** A Pod that should be gone for so long is on a node that is silent. */
const silenceMillis = 60_000
const logLines = 400

interface ObserveDependencies {
  client: KubeClient
  caches: Pick<Caches, 'recordings' | 'pods' | 'clips'>
  answers: RecorderAnswers
  /** The moment of the decision. */
  now: Date
}

/** Everything that a decision is made from, gathered. Of a Recording that is over the caches have only the half: it is read. */
export async function observeClip(
  clip: RecordingClip,
  dependencies: ObserveDependencies,
  signal: AbortSignal,
): Promise<ObservedClip> {
  const { caches } = dependencies
  const pods = caches.pods.byIndex('owner', ownerKey(clip.metadata)).toSorted((a, b) => (attemptOf(a) ?? 0) - (attemptOf(b) ?? 0))
  const pod = pods.filter((one) => !isLeftBehind(one, clip, dependencies.now)).at(-1)
  if (pod !== undefined) return { clip, recording: { is: 'unseen' }, pod: await observePod(pod, dependencies, signal) }
  const none = { is: 'none' } as const
  // Of what it was cut from nobody asks any more, but for who wants it cut anew.
  const isToBeSeen = !isClipOver(clip) || unheeded(clip, clipAnnotations).length > 0
  if (!isToBeSeen) return { clip, recording: { is: 'unseen' }, pod: none }
  return { clip, recording: await observeRecording(clip, dependencies, signal), pod: none }
}

/** It is of before the clip was begun anew; or it is lost with its node, and that was told: the next one is made without waiting for it. */
function isLeftBehind(pod: Pod, { status }: RecordingClip, now: Date): boolean {
  const stage = clipStage(status)
  if (stage.is === 'over') return false
  const number = attemptOf(pod) ?? 0
  if (number <= attemptsBefore(status)) return true
  const lostAt = lostTime(pod)
  if (lostAt === undefined || now < lostAt || hasEnded(pod)) return false
  const { attempt } = stage
  return attempt.is === 'failed' ? number <= attempt.number : number < numberOf(attempt)
}

/** When a Pod that was deleted is taken for lost. */
const lostTime = ({ metadata: { deletionTimestamp } }: Pod) =>
  deletionTimestamp === undefined ? undefined : new Date(Date.parse(deletionTimestamp) + silenceMillis)

/**
 * The Recording that a clip is of: the first that there was of its name. Whose it is, and that it is gone or over, is said by the API server itself: a cache may
 * not have heard of a namesake yet.
 */
async function observeRecording(
  clip: RecordingClip,
  dependencies: ObserveDependencies,
  signal: AbortSignal,
): Promise<ObservedClip['recording']> {
  const { client, caches } = dependencies
  const uid = clip.status?.recordingUid
  const cached = caches.recordings.get(recordingKeyOf(clip))
  if (cached === undefined && uid === undefined) return { is: 'missing' }
  const ref = { namespace: clip.metadata.namespace, name: clip.spec.recordingRef.name }
  const isKnown = cached?.metadata.uid === uid && cached?.status?.completionTime === undefined
  const recording: Recording | undefined = isKnown
    ? cached
    : await client.get(resources.recordings, ref, { signal }).catch((error) => {
        if (isNotFound(error)) return undefined
        throw error
      })
  if (recording === undefined) return { is: uid === undefined ? 'missing' : 'deleted' }
  if (isAnother(clip, recording)) return { is: 'deleted' }
  if (recording.status?.completionTime !== undefined) return { is: 'over', recording, work: clipWork(clip, recording) }
  return { is: 'underWay', recording, recorder: await observeRecorder(clip, recording, dependencies) }
}

/** Whose a clip is that an earlier release has brought to its end nobody noted. */
function isAnother({ status = {} }: RecordingClip, { metadata }: Recording): boolean {
  const { recordingUid, completionTime } = status
  if (recordingUid !== undefined) return metadata.uid !== recordingUid
  return completionTime !== undefined && Date.parse(metadata.creationTimestamp) > Date.parse(completionTime)
}

/** The recorder of a Recording that goes on, and what it says of the clip if it was asked for it and the clip's end has come. */
async function observeRecorder(
  clip: RecordingClip,
  recording: Recording,
  { caches, answers, now }: ObserveDependencies,
): Promise<ObservedRecorder> {
  const pod = recorderPodOf(recording, caches.pods)
  if (pod === undefined) return { is: 'none', why: 'no recorder is in the room' }
  const { name } = pod.metadata
  const told = toldRequests(pod)
  if (told === undefined) return { is: 'none', why: `Pod ${name} was made by an earlier release, and cannot be asked` }
  const { uid } = clip.metadata
  const volume = volumeOfPod(pod)
  const state = podState(pod, { kind: 'none' }, now)
  const request = told.clips.find((one) => one.clip.uid === uid)
  if (request !== undefined && state.kind !== 'silent' && hasRecorderRunning(pod)) {
    const asked = { is: 'asked', pod: name, volume } as const
    const isDue = now.getTime() >= Date.parse(request.to)
    const answer = isDue ? await answers.of(pod, uid, now) : ({ is: 'silent', why: 'its end has not come' } as const)
    const { since, heard } = answers.times(pod, uid, now)
    return { ...asked, answer, since, heard }
  }
  if (state.kind === 'silent') return { is: 'none', why: state.message }
  if (state.kind !== 'inRoom') return { is: 'none', why: `the recorder of Pod ${name} is not in the room` }
  const ofRecording = caches.clips.byIndex('recording', recordingKeyOf(clip))
  const isWanted = wantedRequests(ofRecording, recording, volume, now).clips.some((one) => one.clip.uid === uid)
  if (!isWanted) return { is: 'busy', pod: name, volume }
  return { is: 'notAsked', pod: name, volume, since: answers.times(pod, uid, now).since }
}

/** The newest Pod of a Recording that was made to record; Pods that only upload enter no room. */
export function recorderPodOf(
  { metadata, status }: Pick<Recording, 'metadata' | 'status'>,
  pods: Caches['pods'],
): Pod | undefined {
  const uploadOnly = new Set(status?.attempts?.filter((attempt) => attempt.uploadOnly === true).map(({ number }) => number))
  return pods
    .byIndex('owner', ownerKey(metadata))
    .filter((pod) => belongsTo(pod, metadata.uid) && !hasEnded(pod) && !uploadOnly.has(attemptOf(pod) ?? 0))
    .toSorted((a, b) => (attemptOf(a) ?? 0) - (attemptOf(b) ?? 0))
    .at(-1)
}

async function observePod(pod: Pod, { client, now }: ObserveDependencies, signal: AbortSignal): Promise<ObservedClip['pod']> {
  const { name } = pod.metadata
  const about = { name, attempt: attemptOf(pod) ?? 1 }
  if (hasEnded(pod)) {
    const result = await resultOf(pod, client, signal)
    return result === undefined
      ? { is: 'lost', ...about, word: 'NoResult', message: endOf(pod) }
      : { is: 'ended', ...about, result }
  }
  const isLostAt = lostTime(pod)
  if (isLostAt !== undefined && now >= isLostAt) {
    const message = `Pod ${name} was deleted, and its node ${pod.spec?.nodeName ?? ''} says nothing of it`
    return { is: 'lost', ...about, word: 'NodeSilent', message }
  }
  const isCreating = isBeingCreatedForLong(pod, now)
  const news = isCreating ? await newsOf(pod, client, signal) : undefined
  return { is: 'atWork', ...about, ...holderOf(pod, now, news), ...(isLostAt === undefined ? {} : { isLostAt }) }
}

/** What a Pod is about, or what keeps it from beginning. */
function holderOf(pod: Pod, now: Date, news: PodNews | undefined): { word: PodHolder; message: string; since: Date } {
  const { name, creationTimestamp } = pod.metadata
  const state = podState(pod, { kind: 'none' }, now, { news })
  switch (state.kind) {
    case 'unscheduled':
      return {
        word: state.reason === 'Unschedulable' ? 'Unschedulable' : 'AtWork',
        message: `Pod ${name} waits for a node: ${state.message}`,
        since: new Date(state.since),
      }
    case 'blocked': {
      const word = state.word === 'ImagePullFailed' ? 'ImagePullFailed' : 'ContainerNotStarted'
      return { word, message: `Pod ${name} does not start: ${state.message}`, since: new Date(state.since) }
    }
    case 'silent':
      return { word: 'AtWork', message: state.message, since: new Date(state.since) }
    default:
      return { word: 'AtWork', message: `Pod ${name} is at work`, since: new Date(creationTimestamp) }
  }
}

async function resultOf(pod: Pod, client: KubeClient, signal: AbortSignal): Promise<ClipResult | undefined> {
  const short = parse(terminated(pod)?.message)
  if (short?.filesOmitted === undefined) return short
  const { namespace, name } = pod.metadata
  const path = `/api/v1/namespaces/${namespace}/pods/${name}/log?container=${recorderContainer}&tailLines=${logLines}`
  // Without its log there is still how it ended.
  const log = await client.text('GET', path, { signal }).catch(() => '')
  const line = log.split('\n').findLast((line) => line.includes('"msg":"result"'))
  return parse(line, 'result') ?? short
}

function parse(text = '', member?: string): ClipResult | undefined {
  try {
    const value = JSON.parse(text) as Record<string, unknown>
    return clipResultSchema.safeParse(member === undefined ? value : value[member]).data
  } catch {
    return undefined
  }
}

/** How a Pod ended that has left no result. */
function endOf(pod: Pod): string {
  const { name } = pod.metadata
  const { reason, message } = pod.status ?? {}
  const container = terminated(pod)
  const how = [reason ?? container?.reason, message, container === undefined ? undefined : `exit code ${container.exitCode}`]
  return `Pod ${name} ended without a result: ${how.filter((part) => part).join(', ') || 'nothing is known of why'}`
}
