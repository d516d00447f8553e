import type { Recording, RecordingStatus } from '@trtc-recorder/api'
import { ApiError, type KubeClient, resources } from '@trtc-recorder/kube'

/**
 * Writes a status, and one that says less where the API server or etcd will not take so much: what stands in the manifest as well goes first, and how the
 * recording stands never. A status that could not be written would be tried for ever, and hide all that it has to say.
 */
export async function writeWithinLimits(
  client: Pick<KubeClient, 'replace'>,
  recording: Recording,
  status: RecordingStatus,
  signal: AbortSignal,
): Promise<{ written: Recording; isShortened: boolean }> {
  const write = (status: RecordingStatus) =>
    client.replace(resources.recordings, { ...recording, status }, { subresource: 'status', signal })
  let refused: unknown
  for (const [step, shorter] of [status, ...shorterThan(status)].entries()) {
    try {
      return { written: await write(shorter), isShortened: step > 0 }
    } catch (error) {
      if (!isTooLarge(error)) throw error
      refused = error
    }
  }
  throw refused
}

/** Each says less than the one before. `fileCount` and the manifest's URL stay, so that it can be seen that there is more. */
function shorterThan(status: RecordingStatus): RecordingStatus[] {
  const { moreFiles, ...listed } = status
  const { outputs, ...withoutOutputs } = listed
  const isAmiss = <T extends { status: number }>(all: readonly T[] | undefined) => all?.filter(({ status }) => status === 0)
  const failed = isAmiss(status.files)?.slice(0, mostFailed) ?? []
  return [
    ...(moreFiles === undefined ? [] : [listed]),
    { ...withoutOutputs, ...(outputs === undefined ? {} : { outputs: isAmiss(outputs)!.slice(0, mostFailed) }) },
    { ...withoutOutputs, files: failed },
    { ...withoutOutputs, files: [] },
  ]
}

const mostFailed = 32

/**
 * The API server says 413 of what is more than a request may have; what its own client of etcd will not send (2 MB), and what etcd will not have (1.5 MB), comes as
 * a failure of the server.
 */
const isTooLarge = (error: unknown) =>
  error instanceof ApiError &&
  (error.code === 413 || (error.code >= 500 && /request is too large|message larger than max/.test(error.message)))
