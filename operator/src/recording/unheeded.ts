import { annotationName, type Recording, type UserAnnotation, userAnnotations } from '@trtc-recorder/api'

/** As much of a value as the schema of the status takes. */
const longestValue = 256

/** What a user asks for by an annotation, as it is noted when it has been heeded. */
export const askedBy = ({ metadata }: Pick<Recording, 'metadata'>, annotation: UserAnnotation): string | undefined =>
  // Half a character would come back from the API server as another one, and be taken for a new value for ever.
  metadata.annotations?.[annotationName(annotation)]?.slice(0, longestValue).toWellFormed()

/** What a user asks for and has not got yet, by the annotations of a Recording. */
export function unheeded(recording: Pick<Recording, 'metadata' | 'status'>): UserAnnotation[] {
  return (Object.keys(userAnnotations) as UserAnnotation[]).filter((annotation) => {
    const value = askedBy(recording, annotation)
    return value !== undefined && value !== recording.status?.handled?.[annotation]
  })
}
