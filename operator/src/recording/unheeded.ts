import { group, otherAnnotations, type Recording, type UserAnnotation, userAnnotations } from '@trtc-recorder/api'

/** As much of a value as the schema of the status takes. */
const longestValue = 256

/** Of annotations that there are not, for a status holds only so many. */
const mostUnknown = 8

const prefix = `${group}/`
const others: readonly string[] = otherAnnotations

export const isUserAnnotation = (annotation: string): annotation is UserAnnotation => Object.hasOwn(userAnnotations, annotation)

/** What a user asks for by an annotation, as it is noted when it has been heeded. */
export const askedBy = ({ metadata }: Pick<Recording, 'metadata'>, annotation: string): string | undefined =>
  // Half a character would come back from the API server as another one, and be taken for a new value for ever.
  metadata.annotations?.[prefix + annotation]?.slice(0, longestValue).toWellFormed()

/** Annotations of trtc-recorder.dev that there are not: misspelt ones, mostly. */
export const unknownAnnotations = ({ metadata }: Pick<Recording, 'metadata'>): string[] =>
  Object.keys(metadata.annotations ?? {})
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length))
    .filter((annotation) => !isUserAnnotation(annotation) && !others.includes(annotation))
    .sort()
    .slice(0, mostUnknown)

/** What a user asks for and has got no answer to yet, by the annotations of a Recording. */
export function unheeded(recording: Pick<Recording, 'metadata' | 'status'>): string[] {
  return [...Object.keys(userAnnotations), ...unknownAnnotations(recording)].filter((annotation) => {
    const value = askedBy(recording, annotation)
    return value !== undefined && value !== recording.status?.handled?.[annotation]
  })
}
