import { group, type KnownAnnotations } from '@trtc-recorder/api'
import type { EventNote } from '../kube/events.ts'

/** What came of what a user asked for by an annotation, in a sentence for them. */
export type Answer = { is: 'heeded'; what: string } | { is: 'ignored'; why: string }
/** By annotation. */
export type Answers = Partial<Record<string, Answer>>
type Handled = { handled?: Record<string, string> | undefined } | undefined

/** The answer to one that is misspelt, or another kind's. `instead`: what else to do, in a sentence. */
export const noSuchAnnotation = (asked: KnownAnnotations['asked'], instead = ''): Answer => ({
  is: 'ignored',
  why: `There is no such annotation; there are ${Object.keys(asked).join(', ')}, and keep. ${instead}`.trim(),
})

/** An Event for each annotation that a status says is heeded, and did not before. `rest`: what else is to be said of one that was. */
export function answerEvents(
  before: Handled,
  after: Handled,
  answers: Answers,
  rest: (annotation: string) => string = () => '',
): EventNote[] {
  return Object.entries(after?.handled ?? {})
    .filter(([annotation, value]) => before?.handled?.[annotation] !== value)
    .map(([annotation, value]) => {
      const answer = answers[annotation]
      // As much of it as one needs to know it again.
      const about = `Annotation ${group}/${annotation} with the value ${JSON.stringify(value.slice(0, 40))}`
      if (answer?.is === 'ignored') {
        const note = `${about} has no effect. ${answer.why}`
        return { type: 'Warning', reason: 'AnnotationIgnored', action: 'Heed', note }
      }
      return {
        type: 'Normal',
        reason: 'AnnotationHeeded',
        action: 'Heed',
        note: `${about} was heeded. ${answer?.what ?? ''}${rest(annotation)}`.trim(),
      }
    })
}
