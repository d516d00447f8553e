import { createHash, randomUUID } from 'node:crypto'
import { group, otherAnnotation, type Recording } from '@trtc-recorder/api'

/**
 * The gateway keeps nothing: what it knows of a request stands in the Recording that the request became. One id for all: `x-scf-reqid`, SCF's
 * InvokeRequestId and TRTC's TaskId; the Recording's name follows from it, so that it is found without a search, and cannot be made twice.
 */

export const managedBy = 'trtc-recorder-gateway'
export const managedByLabel = 'app.kubernetes.io/managed-by'

export const callerLabel = `${group}/caller`
export const contractLabel = `${group}/contract`
/** Of TRTC's API: which application, room and user, so that a second task for them is found. */
export const identityLabel = `${group}/identity`
/** Digest of what a request said, but for its secrets: another one under the same Idempotency-Key is refused. */
export const fingerprintAnnotation = otherAnnotation('request-fingerprint')
/** Until when TRTC's API knows the task (ResourceExpiredHour). */
export const expiresAnnotation = otherAnnotation('task-expires')

export const isExpired = ({ metadata }: Pick<Recording, 'metadata'>, now: Date) =>
  !(Date.parse(metadata.annotations?.[expiresAnnotation] ?? '') > now.getTime())

/** StreamType of the task, which a change of its lists has to know. */
export const streamTypeAnnotation = otherAnnotation('stream-type')
/** What the task gets instead of what its request means, by leave of its grant. */
export const substitutedAnnotation = otherAnnotation('substituted')

export type Contract = 'Template' | 'TRTC'

export const labelsOf = (caller: string, contract: Contract): Record<string, string> => ({
  [managedByLabel]: managedBy,
  [callerLabel]: caller,
  [contractLabel]: contract,
})

export const selectorOf = (caller: string) => `${managedByLabel}=${managedBy},${callerLabel}=${caller}`

/** Whether this is a Recording that the gateway made for this caller. Names can be chosen by others. */
export const isOf = ({ metadata: { labels = {} } }: Pick<Recording, 'metadata'>, caller: string) =>
  labels[managedByLabel] === managedBy && labels[callerLabel] === caller

const prefix = 'request-'
const requestIdPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export const newRequestId = (): string => randomUUID()
export const isRequestId = (text: string) => requestIdPattern.test(text)
export const recordingName = (requestId: string) => `${prefix}${requestId}`
export const requestIdOf = ({ metadata }: Pick<Recording, 'metadata'>) => metadata.name.slice(prefix.length)

/** The same words give the same id (a UUID of version 8), whichever replica is asked. */
export function requestIdFrom(...words: string[]): string {
  const hex = digest(JSON.stringify(words))
  const variant = ((Number.parseInt(hex[16]!, 16) & 0x3) | 0x8).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** Digest of a JSON value, whatever the order of its members. */
export const fingerprint = (value: unknown) => digest(JSON.stringify(sorted(value))).slice(0, 40)

/** A label value of at most 63 characters that stands for these words. */
export const labelFrom = (...words: string[]) => digest(JSON.stringify(words)).slice(0, 40)

const digest = (text: string) => createHash('sha256').update(text, 'utf8').digest('hex')

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, inner]) => [name, sorted(inner)]),
  )
}
