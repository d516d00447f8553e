import { createHash } from 'node:crypto'
import { group, otherAnnotation, type Recording, type RecordingPolicy } from '@trtc-recorder/api'
import { labelFrom, managedBy, managedByLabel } from '../recordings/names.ts'
import type { EventRoom } from './event.ts'

/** What a Recording says of the policy that it is of, and of the session. */
export const policyLabel = `${group}/policy`
/** Digest of application and room: a room's name may hold what no label can. */
export const roomLabel = `${group}/room`
/** Which session of the room, from 1. */
export const sessionLabel = `${group}/session`
/** When the event happened with which it began. */
export const beganAnnotation = otherAnnotation('session-event')
/** What happened from this time on is of another session. */
export const endedAnnotation = otherAnnotation('session-ended')

/** Generation of the policy that it was made of. */
export const generationAnnotation = otherAnnotation('policy-generation')

const roomWords = (sdkAppId: number, room: EventRoom) => [String(sdkAppId), typeof room, String(room)]

export const selectorOfPolicy = (policy: string) => `${managedByLabel}=${managedBy},${policyLabel}=${policy}`
export const selectorOfRoom = (policy: string, sdkAppId: number, room: EventRoom) =>
  `${selectorOfPolicy(policy)},${roomLabel}=${labelFrom(...roomWords(sdkAppId, room))}`

export const labelsOfSession = (policy: string, sdkAppId: number, room: EventRoom, number: number): Record<string, string> => ({
  [managedByLabel]: managedBy,
  [policyLabel]: policy,
  [roomLabel]: labelFrom(...roomWords(sdkAppId, room)),
  [sessionLabel]: String(number),
})

/** Names can be chosen by others, and policies deleted and made anew. */
export const isOfSession = ({ metadata: { labels = {} } }: Recording, wanted: Record<string, string>) =>
  Object.entries(wanted).every(([name, value]) => labels[name] === value)

/**
 * `<policy>-<room>-<digest>-<session>`: policy and room as far as they fit and can stand in a name, a digest of both with the application, and the
 * number of the session. At most 52 characters, as a Recording's name may have.
 */
export function sessionName({ metadata, spec }: RecordingPolicy, room: EventRoom, number: number): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([metadata.name, ...roomWords(spec.sdkAppId, room)]))
    .digest('hex')
  return [shortened(metadata.name, 18), shortened(String(room), 14), digest.slice(0, 10), number].join('-')
}

const shortened = (text: string, most: number) =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, most)
    .replace(/^-+|-+$/g, '') || 'room'

export const sessionNumberOf = ({ metadata: { labels = {} } }: Recording): number => Number(labels[sessionLabel]) || 0

export const beganMillisOf = ({ metadata: { annotations = {}, creationTimestamp } }: Recording): number =>
  millisOf(annotations[beganAnnotation]) ?? Date.parse(creationTimestamp)
export const endedMillisOf = ({ metadata: { annotations = {} } }: Recording): number | undefined =>
  millisOf(annotations[endedAnnotation])

/** Somebody may have written there what is no time. */
function millisOf(text: string | undefined): number | undefined {
  const millis = Date.parse(text ?? '')
  return Number.isNaN(millis) ? undefined : millis
}
