import {
  type ClipReason,
  type ClipTrouble,
  type ConditionReason,
  clipAnnotations,
  clipCallbackRemedies,
  clipConditionTypes,
  clipExactness,
  clipReasons,
  clipTroubles,
  conditionReasons,
  conditionRemedies,
  conditionTypes,
  lossReasons,
  mostClipAttempts,
  policyConditionTypes,
  policyReasonRemedies,
  policyReasons,
  reasonRemedies,
  recorderOutcomes,
  stopReasons,
  type Trouble,
  troubles,
  userAnnotations,
  type Waker,
  wakers,
} from '../src/index.ts'
import { clipSpecSchema, clipStatusSchema } from './clip-crd.ts'
import { specSchema, statusSchema } from './crd.ts'
import { policySpecSchema, policyStatusSchema } from './policy-crd.ts'
import type { Schema } from './structural.ts'

/** The tables of docs/recording.md, by the name that stands in their markers. */
export function documentationTables(): Record<string, string> {
  return {
    spec: fieldTable(specSchema(), 'spec'),
    status: fieldTable(statusSchema(), 'status'),
    conditions: wordTable('Condition', conditionTypes),
    reasons: wordTable('Reason', conditionReasons),
    stopReasons: wordTable('Stop reason', stopReasons),
    lossReasons: wordTable('Reason', lossReasons),
    outcomes: table(
      ['Outcome', 'Exit code', 'Meaning'],
      Object.entries(recorderOutcomes).map(([name, { exitCode, meaning }]) => [code(name), String(exitCode), meaning]),
    ),
    annotations: wordTable('Annotation', userAnnotations),
    troubles: table(
      ['Word', 'Reason in conditions', 'Meaning', 'What is done', 'What you can do'],
      Object.entries(troubles).map(([word, trouble]) => [
        code(word),
        code(trouble.condition),
        trouble.meaning,
        whatIsDone(trouble),
        trouble.remedy,
      ]),
    ),
  }
}

/** The tables of docs/auto-record.md. What is in a template stands in those of docs/recording.md. */
export function policyTables(): Record<string, string> {
  const spec = policySpecSchema()
  const { properties: _, ...template } = spec.properties?.template ?? {}
  return {
    policySpec: fieldTable({ ...spec, properties: { ...spec.properties, template } }, 'spec'),
    policyStatus: fieldTable(policyStatusSchema(), 'status'),
    policyReasons: wordTable('Reason', policyReasons),
  }
}

/** The tables of docs/clips.md. */
export const clipTables = (): Record<string, string> => ({
  clipSpec: fieldTable(clipSpecSchema(), 'spec'),
  clipStatus: fieldTable(clipStatusSchema(), 'status'),
  clipExactness: wordTable('`exactness`', clipExactness),
  clipAnnotations: wordTable('Annotation', clipAnnotations.asked),
  clipReasons: wordTable('Reason', clipReasons),
  clipTroubles: table(
    ['What', 'Reason in conditions', 'Meaning', 'What is done', 'What you can do'],
    Object.entries(clipTroubles).map(([word, trouble]) => [
      code(word),
      code(trouble.condition),
      trouble.meaning,
      whatIsDoneForClip(trouble),
      trouble.remedy,
    ]),
  ),
})

/** The paragraphs of docs/operations.md: each condition and each reason with what is done about it, and what the reader can do. */
export const operationsParagraphs = (): Record<string, string> => ({
  waits: waitsTable(),
  conditionParagraphs: paragraphs(
    Object.entries(conditionTypes).map(([type, meaning]) => [
      type,
      `${meaning} ${conditionRemedies[type as keyof typeof conditionTypes]}`,
    ]),
  ),
  reasonParagraphs: paragraphs(
    Object.entries(conditionReasons).map(([reason, meaning]) => [reason, paragraphOf(reason as ConditionReason, meaning)]),
  ),
  clipParagraphs: paragraphs([
    ...Object.entries(clipConditionTypes).map(([type, meaning]): [string, string] => [headingOf('clip', type), meaning]),
    ...Object.entries(clipReasons).map(([reason, meaning]): [string, string] => [
      headingOf('clip', reason),
      clipParagraphOf(reason as ClipReason, meaning),
    ]),
  ]),
  policyParagraphs: paragraphs([
    ...Object.entries(policyConditionTypes).map(([type, meaning]): [string, string] => [headingOf('policy', type), meaning]),
    ...Object.entries(policyReasons).map(([reason, meaning]): [string, string] => [
      headingOf('policy', reason),
      `${meaning} **What you can do:** ${policyReasonRemedies[reason as keyof typeof policyReasons]}`,
    ]),
  ]),
})

/** Words that Recordings, clips and policies share have a paragraph for each. */
export const headingOf = (kind: 'clip' | 'policy', word: string) => `${word} of a ${kind}`

/** A reason is that of some troubles, of the callback, or of both. */
function clipParagraphOf(reason: ClipReason, meaning: string): string {
  const rows = Object.entries(clipTroubles).filter(([, trouble]) => trouble.condition === reason)
  const isSaid = rows.length === 1 && rows[0]![0] === reason
  const each = (words: [string, ClipTrouble][], what: string) =>
    isSaid ? what : `${words.map(([word]) => code(word)).join(', ')}: ${what}`
  const grouped = (of: (trouble: ClipTrouble) => string) =>
    [...Map.groupBy(rows as [string, ClipTrouble][], ([, trouble]) => of(trouble))].map(([what, words]) => each(words, what))
  const ofCallback = Object.hasOwn(clipCallbackRemedies, reason)
    ? clipCallbackRemedies[reason as keyof typeof clipCallbackRemedies]
    : undefined
  const remedies = [
    ...grouped(({ remedy }) => remedy),
    ...(ofCallback === undefined ? [] : [rows.length === 0 ? ofCallback : `Of the callback: ${ofCallback}`]),
  ]
  return [meaning, ...grouped(whatIsDoneForClip), `**What you can do:** ${remedies.join(' ')}`].join(' ')
}

/** What is done meanwhile stands in the table of troubles; several troubles may stand under one reason. */
function paragraphOf(reason: ConditionReason, meaning: string): string {
  const rows = Object.entries(troubles).filter(([, trouble]) => trouble.condition === reason)
  const done = [...Map.groupBy(rows, ([, trouble]) => whatIsDone(trouble))].map(([what, those]) =>
    rows.length === 1 && those[0]![0] === reason ? what : `${those.map(([word]) => code(word)).join(', ')}: ${what}`,
  )
  return [meaning, ...done, `**What you can do:** ${reasonRemedies[reason]}`].join(' ')
}

const paragraphs = (each: [string, string][]) => each.map(([heading, text]) => `### ${heading}\n\n${text}`).join('\n\n')

function whenOf({ firstSeconds, longestSeconds }: { firstSeconds: number; longestSeconds: number }): string {
  if (longestSeconds === 0) return 'at once'
  return firstSeconds === longestSeconds ? `after ${firstSeconds} s` : `after ${firstSeconds} s, growing to ${longestSeconds} s`
}

const whatIsDoneForClip = (trouble: ClipTrouble) => `${stepOfClip(trouble)}${atOnceWhen(trouble)}`

function stepOfClip({ next, after }: ClipTrouble): string {
  const when = after === undefined ? undefined : whenOf(after)
  switch (next) {
    case 'over':
      return 'The clip is over.'
    case 'again':
      return `Another Pod ${when}; ${mostClipAttempts} in all.`
    case 'wait':
      return `Asked for again ${when}, without end.`
    case 'stay':
      return when === undefined ? 'Waited for.' : `Waited for; looked at ${when}.`
  }
}

const whatIsDone = (trouble: Trouble) => `${stepOf(trouble)}${atOnceWhen(trouble)}`

function stepOf({ next, after, counts }: Trouble): string {
  const when = whenOf(after)
  const limit = counts ? '; five in a row end the recording' : ''
  switch (next) {
    case 'over':
      return 'The recording ends.'
    case 'again':
      return `A new attempt ${when}${limit}.`
    case 'wait':
      return `Tried again ${when}, without end.`
    case 'elsewhere':
      return `A new attempt on a volume of its own, ${when}${limit}.`
    case 'stay':
      return `Waited for; looked at ${when}.`
  }
}

const atOnceWhen = ({ wokenBy }: { wokenBy: readonly Waker[] }) =>
  wokenBy.length === 0 ? '' : ` At once when ${listed(wokenBy.map((waker) => wakers[waker]))}.`

const listed = (parts: readonly string[]) => [parts.slice(0, -1).join('; '), parts.at(-1)].filter(Boolean).join('; or when ')

/** Everything that waits, with what wakes it. */
function waitsTable(): string {
  const rows = (kind: string, all: Record<string, Trouble | ClipTrouble>) =>
    Object.entries(all)
      .filter(([, { next }]) => next !== 'over')
      .map(([word, { condition, wokenBy, after }]) => [
        `${kind} ${code(word)}`,
        code(condition),
        wokenBy.length === 0 ? 'nothing that is watched' : listed(wokenBy.map((waker) => wakers[waker])),
        after === undefined ? 'by that alone' : whenOf(after),
      ])
  const head = ['What waits, and for what', 'Reason in conditions', 'Goes on at once when', 'Otherwise']
  return table(head, [...rows('Recording,', troubles), ...rows('Clip,', clipTroubles)])
}

/** Replaces what stands between `<!-- generated: NAME -->` and `<!-- end: NAME -->`. Throws if a table has no place in the text. */
export function insertTables(text: string, tables: Record<string, string>): string {
  for (const [name, content] of Object.entries(tables)) {
    const [begin, end] = [`<!-- generated: ${name} -->\n`, `<!-- end: ${name} -->`]
    const [from, to] = [text.indexOf(begin), text.indexOf(end)]
    if (from < 0 || to < from) throw new Error(`the text has no place for the table "${name}": write ${begin.trim()} and ${end}`)
    text = `${text.slice(0, from)}${begin}\n${content}\n\n${text.slice(to)}`
  }
  return text
}

function fieldTable(schema: Schema, prefix: string): string {
  return table(['Field', 'Type', 'Default', 'Meaning'], fieldRows(schema, prefix))
}

function fieldRows(schema: Schema, path: string): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const fieldPath = `${path}.${name}`
    const required = schema.required?.includes(name) ?? false
    const row = [code(fieldPath), typeOf(field), required ? '**required**' : defaultOf(field), meaning(field)]
    const inner = field.items?.properties === undefined ? field : field.items
    const innerPath = inner === field ? fieldPath : `${fieldPath}[]`
    return [row, ...fieldRows(inner, innerPath)]
  })
}

function typeOf(field: Schema): string {
  if (field.enum !== undefined) return field.enum.map((value) => code(String(value))).join(' \\| ')
  if (field.items !== undefined) return `list of ${field.items.properties === undefined ? typeOf(field.items) : 'objects'}`
  if (typeof field.additionalProperties === 'object') return 'map of strings'
  if (field.format === 'date-time') return 'time'
  return field.type ?? 'any'
}

function defaultOf(field: Schema): string {
  if (field.default === undefined || typeof field.default === 'object') return ''
  return code(String(field.default))
}

function meaning(field: Schema): string {
  const range =
    field.type === 'integer' && field.minimum !== undefined && field.maximum !== undefined
      ? ` (${field.minimum}–${field.maximum})`
      : ''
  return `${field.description ?? ''}${range}`
}

const wordTable = (title: string, words: Record<string, string>) =>
  table(
    [title, 'Meaning'],
    Object.entries(words).map(([word, text]) => [code(word), text]),
  )

export function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll('\n', ' ')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

export const code = (text: string) => `\`${text.replaceAll('|', '\\|')}\``
