import { type FieldProblem, invalid } from '../errors.ts'
import { type Action, type TrtcField, trtcFields } from './fields.ts'

/** A request's members by their full names: `RecordParams.MaxIdleTime`. Objects are in it as well. */
export type Values = ReadonlyMap<string, unknown>

/**
 * Checks a request against the table: what is not in it, is missing, is of another type, out of range or not done here is refused by name. `stands` says
 * of a value that is limited whether it may stand all the same.
 */
export function readFields(
  action: Action,
  body: unknown,
  stands: (field: string, value: unknown) => boolean = () => false,
): Values {
  const fields = trtcFields[action]
  if (!isMap(body)) throw invalid([{ field: 'body', kind: 'type', message: 'must be a JSON object' }])
  const values = new Map<string, unknown>()
  const problems = [
    ...collect(fields, body, '', values),
    ...fields.flatMap((field) => problemsOf(field, values)),
    ...fields.flatMap((field) => handlingProblems(field, values.get(field.field), stands)),
  ]
  if (problems.length > 0) throw invalid(problems)
  return values
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Members that are null count as not given, as Tencent’s SDKs for some languages send them. */
function collect(fields: readonly TrtcField[], object: object, prefix: string, values: Map<string, unknown>): FieldProblem[] {
  return Object.entries(object).flatMap(([name, value]): FieldProblem[] => {
    const field = `${prefix}${name}`
    const known = fields.find((candidate) => candidate.field === field)
    if (known === undefined) return [{ field, kind: 'unknown', message: 'is no field of this action' }]
    if (value === null) return []
    values.set(field, value)
    return known.type === 'Object' && isMap(value) ? collect(fields, value, `${field}.`, values) : []
  })
}

function problemsOf({ field, type, need, range, longest, values: documented }: TrtcField, values: Values): FieldProblem[] {
  const value = values.get(field)
  const parent = field.slice(0, Math.max(0, field.lastIndexOf('.')))
  if (value === undefined) {
    // Of an object that is missing itself, that is enough to know.
    const isDue = need === 'required' && (parent === '' || isMap(values.get(parent)))
    return isDue ? [{ field, kind: 'missing', message: 'must be given' }] : []
  }
  if (!isOfType(value, type)) return [{ field, kind: 'type', message: `must be of type ${type}` }]
  if (type === 'String' && value === '' && need === 'required') return [{ field, kind: 'missing', message: 'must not be empty' }]
  if (longest !== undefined && String(value).length > longest)
    return [{ field, kind: 'range', message: `must have at most ${longest} characters` }]
  const isInside = range === undefined || (Number(value) >= range[0] && Number(value) <= range[1])
  const said = documented.replaceAll('**', '')
  return isInside
    ? []
    : [{ field, kind: 'range', message: `must be from ${range[0]} to ${range[1]}${said === '' ? '' : ` (${said})`}` }]
}

function isOfType(value: unknown, type: TrtcField['type']): boolean {
  switch (type) {
    case 'Integer':
      return Number.isSafeInteger(value)
    case 'String':
      return typeof value === 'string'
    case 'String[]':
      return Array.isArray(value) && value.every((item) => typeof item === 'string')
    case 'Object':
      return isMap(value)
    case 'Any':
      return true
  }
}

function handlingProblems(
  { field, type, handling }: TrtcField,
  value: unknown,
  stands: (field: string, value: unknown) => boolean,
): FieldProblem[] {
  if (value !== undefined && !isOfType(value, type)) return []
  switch (handling.is) {
    case 'honoured':
      return []
    case 'refused':
      return value === undefined ? [] : [{ field, kind: 'unsupported', message: `is not taken: ${handling.why}` }]
    case 'limited': {
      const isFine = value === undefined || handling.to.includes(Number(value)) || stands(field, value)
      return isFine
        ? []
        : [{ field, kind: 'unsupported', message: `${JSON.stringify(value)} is not taken: ${handling.otherwise}` }]
    }
  }
}
