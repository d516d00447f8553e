import { type RecordedFile, recordedFileSchema, terminationMessageSchema } from '@trtc-recorder/api'
import type { Pod } from '@trtc-recorder/kube'
import { z } from 'zod'
import { recorderContainer } from './pod.ts'

/** Of a status that is not known here nobody can say that the file is in COS, whole: its message says which it was. */
const readableFileSchema = recordedFileSchema.extend({ status: z.json() }).transform(({ status, ...file }): RecordedFile => {
  if (status === 0 || status === 1) return { ...file, status }
  const unknown = `status ${JSON.stringify(status).slice(0, 32)}, which this release does not know; its recorder said: ${file.message}`
  return { ...file, status: 0, message: unknown.slice(0, 512) }
})

/** A result as this operator reads it: of a recorder of another release it may say words that are not known here. */
const readableResultSchema = terminationMessageSchema.extend({
  outcome: z.string().min(1),
  stopReason: z.string().min(1),
  files: z.array(readableFileSchema),
})
export type ReadResult = z.infer<typeof readableResultSchema>

export type ResultReading =
  | { kind: 'read'; result: ReadResult }
  /** Its log has the files that did not fit, and could not be read yet. */
  | { kind: 'pending'; why: string }
  | { kind: 'none' }

/** What a recorder left as its termination message. */
export function terminationResult(pod: Pod): ReadResult | undefined {
  const message = terminated(pod)?.message
  return message ? parse(readableResultSchema, message) : undefined
}

export const terminated = (pod: Pod) =>
  pod.status?.containerStatuses?.find((container) => container.name === recorderContainer)?.state?.terminated

/** The whole result, from the lines of a container's log: the last one that is `{"msg":"result","result":{…}}`. */
export function resultInLog(log: string): ReadResult | undefined {
  for (const line of log.split('\n').reverse()) {
    if (!line.includes('"result"')) continue
    const entry = parseJson(line) as { msg?: unknown; result?: unknown } | undefined
    if (entry?.msg !== 'result') continue
    const result = readableResultSchema.safeParse(entry.result)
    if (result.success) return result.data
  }
  return undefined
}

function parse<T>(schema: { safeParse(value: unknown): { success: true; data: T } | { success: false } }, text: string) {
  const result = schema.safeParse(parseJson(text))
  return result.success ? result.data : undefined
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
