import { group, type KnownAnnotations, recordingAnnotations, type UserAnnotation, userAnnotations } from '@trtc-recorder/api'

/** What a user can annotate: a Recording, or a clip. */
export interface Annotated {
  metadata: { annotations?: Record<string, string> }
  status?: { handled?: Record<string, string> | undefined } | undefined
}

/** As much of a value as the schema of the status takes. */
const longestValue = 256

/** Of annotations that there are not, for a status holds only so many. */
const mostUnknown = 8

const prefix = `${group}/`

export const isUserAnnotation = (annotation: string): annotation is UserAnnotation => Object.hasOwn(userAnnotations, annotation)

/** What a user asks for by an annotation, as it is noted when it has been heeded. */
export const askedBy = ({ metadata }: Pick<Annotated, 'metadata'>, annotation: string): string | undefined =>
  // Half a character would come back from the API server as another one, and be taken for a new value for ever.
  metadata.annotations?.[prefix + annotation]?.slice(0, longestValue).toWellFormed()

/** Annotations of trtc-recorder.dev that there are not: misspelt ones, mostly. */
const unknownAnnotations = ({ metadata }: Pick<Annotated, 'metadata'>, { asked, others }: KnownAnnotations): string[] =>
  Object.keys(metadata.annotations ?? {})
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length))
    .filter((annotation) => !Object.hasOwn(asked, annotation) && !others.includes(annotation))
    .sort()
    .slice(0, mostUnknown)

/** What a user asks for and has got no answer to yet, by the annotations of an object. */
export function unheeded(object: Annotated, known: KnownAnnotations = recordingAnnotations): string[] {
  return [...Object.keys(known.asked), ...unknownAnnotations(object, known)].filter((annotation) => {
    const value = askedBy(object, annotation)
    return value !== undefined && value !== object.status?.handled?.[annotation]
  })
}

/** A status holds only so many, and those that were taken away again are no longer of interest. */
export function withoutForgotten(object: Annotated, known: KnownAnnotations): Record<string, string> {
  const stays = unknownAnnotations(object, known)
  const handled = Object.entries(object.status?.handled ?? {})
  return Object.fromEntries(handled.filter(([name]) => Object.hasOwn(known.asked, name) || stays.includes(name)))
}
