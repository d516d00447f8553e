import { type ClipOutcome, type ClipResult, clipOutcomes, recorderEnv, terminationMessageMaxBytes } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import { cosKeys } from '../recorder/cos-keys.ts'
import { createStore } from '../store/store.ts'
import { clipJobFrom, runClip } from './run-clip.ts'

/** How long a clip may take. What COS did not take by then is tried by another Pod. */
const patienceMillis = 30 * 60_000
/** What of that pictures may be encoded for: the rest is for storing. */
const encodeMillis = patienceMillis / 2

/** A recorder that cuts a clip instead of recording. Never rejects. */
export async function clip(environment: NodeJS.ProcessEnv, onSecret: (value: string) => void, log: Logger): Promise<ClipResult> {
  try {
    const job = clipJobFrom(environment)
    const root = environment[recorderEnv.secrets] ?? ''
    const credentials = cosKeys({ root, cos: job.cos, environment, onSecret, log })
    const store = createStore({ cos: job.cos, credentials, log })
    const workDirectory = environment[recorderEnv.work] ?? '/work'
    const now = performance.now()
    const encoding = { until: now + encodeMillis, whenLate: 'hide', onDone() {} } as const
    return await runClip(job, { store, workDirectory, deadline: now + patienceMillis, encoding, log })
  } catch (error) {
    return { version: 1, outcome: 'FilesFailed', message: String((error as Error).message).slice(0, 1024), files: [] }
  }
}

export const clipExitCode = ({ outcome }: ClipResult) => clipOutcomes[outcome satisfies ClipOutcome].exitCode

/** The result in at most 4096 bytes: without its files where they do not fit. */
export function clipTerminationMessage(result: ClipResult): string {
  const whole = JSON.stringify(result)
  if (Buffer.byteLength(whole) <= terminationMessageMaxBytes) return whole
  const short = { ...result, files: [], filesOmitted: Math.max(1, result.files.length) }
  const text = JSON.stringify(short)
  return Buffer.byteLength(text) <= terminationMessageMaxBytes
    ? text
    : JSON.stringify({ ...short, message: short.message.slice(0, 256) })
}
