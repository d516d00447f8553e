import { group } from './recording.ts'

/**
 * Annotations of a Recording that are for programs, or, as `keep`, say how it is to be dealt with, and ask for nothing. With `userAnnotations` these are all there
 * are, so that one which was misspelt can be told as that.
 */
export const otherAnnotations = [
  'keep',
  // Of the gateway, on the Recordings that it makes.
  'request-fingerprint',
  'session-ended',
  'session-event',
  'policy-generation',
  'stream-type',
  'substituted',
  'task-expires',
  'task-id',
] as const
export type OtherAnnotation = (typeof otherAnnotations)[number]

export const otherAnnotation = (annotation: OtherAnnotation) => `${group}/${annotation}` as const

/** On a Recording or a clip, with any value but `false`: neither its time nor the chart's limit on finished Recordings deletes it. */
export const keepAnnotation = otherAnnotation('keep')

/**
 * Annotations by which a user gets a Recording out of where it is stuck. Each is heeded once for each value it has; the values that were heeded stand
 * in `status.handled`, and an Event tells what came of it.
 */
export const userAnnotations = {
  'retry-upload':
    'Uploads what is left on volumes now, without recording: after rights were mended, or a bucket was made. A recorder that is at work gets changed Secrets at once instead of within a minute or two. Also of a Recording that is finished; its callback is then sent anew.',
  'redeliver-callback':
    'Sends the callback of a finished Recording again, with the same Idempotency-Key; one that is still being tried is sent at once.',
  'force-new-attempt':
    'Begins the next attempt now: does not wait any longer, and ends the recorder that is under way (it finishes its files first, if it can).',
  'give-up':
    'Lets go of what cannot be saved: ends the recording, waits for no node and no upload any more, and leaves the volumes to you. status.volumes says what is on them.',
  'take-over-volume':
    'Takes over a PersistentVolumeClaim that a deleted Recording of the same name left, which is in the way (VolumeNotOwned): what is on it is uploaded when this recording is over.',
} as const
export type UserAnnotation = keyof typeof userAnnotations

/** The annotations of trtc-recorder.dev that a kind has: by `asked` a user asks for something. */
export interface KnownAnnotations {
  asked: Readonly<Record<string, string>>
  others: readonly string[]
}

export const recordingAnnotations = { asked: userAnnotations, others: otherAnnotations } as const satisfies KnownAnnotations

/** Heeded as those of a Recording are. What a clip would let go of goes with it when it is deleted, so that there is no `give-up`. */
export const clipAnnotations = {
  asked: {
    'retry-upload':
      'Cuts the clip now: after rights were mended, or a quota was raised. One that is tried again later does not wait for its time; one that is over and lacks something begins anew, with five more Pods, and its callback is sent anew then.',
    'redeliver-callback':
      'Sends the callback of a clip that is over again, with the same Idempotency-Key; one that is still being tried is sent at once.',
  },
  others: ['keep'],
} as const satisfies KnownAnnotations
export type ClipAnnotation = keyof typeof clipAnnotations.asked

export const annotationName = (annotation: UserAnnotation) => `${group}/${annotation}`
