import { type HalfCharacter, halfCharacterMessage, halfCharacters } from '@trtc-recorder/api'
import { type FieldProblem, invalid } from '../errors.ts'

/**
 * A body as JSON. Two readers must not understand one differently: of a field that is given twice one would be accepted and ignored, and half a
 * character is kept as another one wherever it is written as UTF-8. Throws RefusedRequest, which names the field.
 */
export const readJson = (bytes: Buffer): unknown => readJsonText(decoded(bytes))

/** The same of a text that stood in a body. `field`: the text, in the caller's words. */
export function readJsonText(text: string, field?: string): unknown {
  const value = parsed(text, field)
  const doubles = doubleFields(text)
  const problems = doubles.length > 0 ? doubles : halfCharacters(value).map(refused)
  if (problems.length > 0) throw invalid(problems)
  return value
}

const refused = (half: HalfCharacter): FieldProblem => ({
  field: half.path || 'body',
  kind: half.in === 'text' ? 'range' : 'unknown',
  message: halfCharacterMessage(half),
})

const noJson = (field?: string) =>
  invalid([
    { field: field ?? 'body', kind: 'type', message: `must be a JSON object, ${field === undefined ? 'in UTF-8' : 'as text'}` },
  ])

function decoded(bytes: Buffer): string {
  try {
    // A mark at the beginning is no JSON either.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw noJson()
  }
}

/** The parser's own words may quote the body, which holds secrets. */
function parsed(text: string, field?: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw noJson(field)
  }
}

/** No request is nested deeper than five. */
const deepest = 32
const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g

/** In JSON that is known to be right. */
function doubleFields(text: string): FieldProblem[] {
  const problems: FieldProblem[] = []
  /** Of each value that is open: the names so far, or none for a list. */
  const open: (Set<string> | undefined)[] = []
  let former = ''
  for (const [token] of text.matchAll(tokens)) {
    const names = open.at(-1)
    if (token === '{') open.push(new Set())
    else if (token === '[') open.push(undefined)
    else if (token === '}' || token === ']') open.pop()
    else if (token.startsWith('"') && names !== undefined && (former === '{' || former === ',')) {
      const name = JSON.parse(token) as string
      if (names.has(name)) problems.push({ field: name, kind: 'range', message: 'is given twice' })
      names.add(name)
    }
    if (open.length > deepest) throw invalid([{ field: 'body', kind: 'range', message: `is nested deeper than ${deepest}` }])
    former = token
  }
  return problems
}
