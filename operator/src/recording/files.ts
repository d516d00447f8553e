import { maxListedOutputs, type RecordedFile, type RecorderProgress, type RecordingStatus } from '@trtc-recorder/api'
import { allFiles, inOrder, listed } from '../file-list.ts'
import type { ReadResult } from './result.ts'

type FileFields = Pick<
  RecordingStatus,
  | 'files'
  | 'moreFiles'
  | 'fileCount'
  | 'outputs'
  | 'live'
  | 'manifestUrl'
  | 'moreManifestUrls'
  | 'recordedBytes'
  | 'uploadedBytes'
>

/** As many as the schema takes beside the first; as there are volumes. */
const mostManifests = 15
/** As the schema has them, whatever a recorder of another release says. */
const longestUrl = 2048
const mostLive = 8

/** What a status says of files once a recorder has said its result. */
export function withResult(status: RecordingStatus, result: ReadResult): FileFields {
  const files = mergeFiles(allFiles(status), result.files)
  return {
    ...listed(files),
    fileCount: files.length + (result.filesOmitted ?? 0),
    recordedBytes: sum(files, () => true),
    uploadedBytes: sum(files, (file) => file.status === 1),
    ...withOutputs(status, result),
    ...(result.live.length === 0 ? {} : { live: result.live.slice(0, mostLive) }),
    ...manifestsOf(status, result.manifestUrl),
  }
}

/** One entry an object: the last recorder has seen the whole recording. */
function withOutputs({ outputs: known = [] }: RecordingStatus, { outputs: said }: ReadResult): Pick<RecordingStatus, 'outputs'> {
  const outputs = [...known.filter(({ path }) => !said.some((one) => one.path === path)), ...said]
  return outputs.length === 0 ? {} : { outputs: outputs.slice(0, maxListedOutputs) }
}

/** Each volume has a manifest of its own, which its attempts write anew. */
function manifestsOf(
  { manifestUrl, moreManifestUrls = [] }: RecordingStatus,
  said: string | undefined,
): Pick<RecordingStatus, 'manifestUrl' | 'moreManifestUrls'> {
  if (said === undefined || said.length > longestUrl || said === manifestUrl || moreManifestUrls.includes(said)) return {}
  return manifestUrl === undefined
    ? { manifestUrl: said }
    : { moreManifestUrls: [...moreManifestUrls, said].slice(0, mostManifests) }
}

/** One entry a path, in the order of their start. What is stored stays stored, whatever a later attempt says of it. */
export function mergeFiles(known: readonly RecordedFile[], said: readonly RecordedFile[]): RecordedFile[] {
  const files = new Map(known.map((file) => [file.path, file]))
  for (const file of said) {
    if (files.get(file.path)?.status !== 1 || file.status === 1) files.set(file.path, file)
  }
  return inOrder([...files.values()])
}

/** What a status says of files while a recorder is at work. */
export function withProgress(
  status: RecordingStatus,
  progress: RecorderProgress,
): FileFields & Pick<RecordingStatus, 'participants' | 'minutesLeft' | 'userSigExpireTime'> {
  const current = new Set(progress.files.map((file) => file.path))
  const earlier = allFiles(status).filter((file) => !current.has(file.path))
  return {
    participants: progress.participants.length,
    ...(progress.volume?.minutesLeft == null ? {} : { minutesLeft: progress.volume.minutesLeft }),
    ...(progress.userSigExpiresAt === undefined ? {} : { userSigExpireTime: progress.userSigExpiresAt }),
    fileCount: earlier.length + progress.files.length,
    ...(progress.live.length === 0 ? {} : { live: progress.live.slice(0, mostLive) }),
    recordedBytes: sum(earlier, () => true) + progress.recordedBytes,
    uploadedBytes: sum(earlier, (file) => file.status === 1) + progress.uploadedBytes,
  }
}

/** Of a recorder that is at work. */
export function forgetWhatWasTrueThen(status: RecordingStatus): void {
  delete status.participants
  delete status.minutesLeft
}

const sum = (files: readonly RecordedFile[], which: (file: RecordedFile) => boolean) =>
  files.reduce((total, file) => total + (which(file) ? file.bytes : 0), 0)
