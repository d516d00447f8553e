import type { Manifest, RecordedOutput, RecorderJob } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import type { Store } from '../store/upload.ts'
import type { Output } from './output.ts'
import { replayOutput } from './replay.ts'

export interface OutputOptions {
  job: RecorderJob
  store: Store
  /** File with the replay page as replay/ builds it. */
  replayPage: string
  deadline: Date
  log: Logger
}

/**
 * Makes and stores what spec.outputs asks for, from what the manifest says, which has not got them yet. Never rejects: what could not be made or
 * stored has a status of 0 and says why, and the files are what they are.
 */
export async function storeOutputs(manifest: Manifest, options: OutputOptions): Promise<RecordedOutput[]> {
  return Promise.all(wanted(options).map((output) => storeOutput(output, manifest, options)))
}

function wanted({ job, replayPage }: OutputOptions): Output[] {
  return job.spec.outputs.replay ? [replayOutput(job, replayPage)] : []
}

async function storeOutput(
  { kind, path, contentType, make }: Output,
  manifest: Manifest,
  { store, deadline, log }: OutputOptions,
): Promise<RecordedOutput> {
  try {
    const { url, bytes } = await store.put(path, await make(manifest), contentType, { deadline })
    return { kind, path, url, status: 1, message: 'ok', bytes }
  } catch (error) {
    const message = (error as Error).message.slice(0, 512)
    log.error({ output: kind, file: path, error: message }, 'Output not stored')
    return { kind, path, url: '', status: 0, message, bytes: 0 }
  }
}
