/** A JSON schema as zod writes it, and as a CRD wants it (OpenAPI v3, structural). */
export interface Schema {
  type?: string
  format?: string
  description?: string
  default?: unknown
  enum?: unknown[]
  anyOf?: Schema[]
  minimum?: number
  maximum?: number
  pattern?: string
  minLength?: number
  maxLength?: number
  maxItems?: number
  maxProperties?: number
  /** What the names in a map have to be, which a structural schema cannot say. */
  propertyNames?: Schema
  required?: string[]
  properties?: Record<string, Schema>
  additionalProperties?: boolean | Schema
  items?: Schema
  /** See api/src/recording.ts, api/src/rules.ts and api/src/same.ts. */
  immutable?: boolean
  same?: string
  absent?: string
  patternMessage?: string
  rules?: Rule[]
  'x-kubernetes-validations'?: Rule[]
  'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map'
  'x-kubernetes-list-map-keys'?: string[]
}

export interface Rule {
  rule: string
  message: string
  /** Relative to the schema the rule stands on; makes the error name the field. */
  fieldPath?: string
  /** `oldSelf` may be none: the rule is judged also where there is nothing before. */
  optionalOldSelf?: true
  reason?: 'FieldValueInvalid' | 'FieldValueForbidden' | 'FieldValueRequired' | 'FieldValueDuplicate'
}

/** Entries of a map that names no limit of its own: without one the API server refuses CEL rules over it as too expensive. */
const mostProperties = 64

/**
 * Turns zod's output into a structural schema: no `additionalProperties` beside `properties`, unions of literals as one enum,
 * `date-time` without zod's own pattern, a list type on every list, and no bounds that only say "a JavaScript integer".
 * `immutable`, `same` and `absent` are left in place for the rules; the rules that stand beside zod's checks become CEL rules, and so,
 * where users write it, does that a number is whole.
 */
export function structural(schema: Schema, isOfUsers = false): Schema {
  const { patternMessage, propertyNames, rules = [], ...out }: Schema = { ...schema }
  if (patternMessage !== undefined) {
    rules.unshift({ rule: `self.matches(${JSON.stringify(out.pattern)})`, message: patternMessage })
    delete out.pattern
  }
  if (isOfUsers && (propertyNames?.maxLength ?? propertyNames?.pattern) !== undefined) {
    throw new Error('what the names in a map have to be can be said by a rule only')
  }
  if (rules.length > 0) out['x-kubernetes-validations'] = rules
  if (out.properties !== undefined) {
    delete out.additionalProperties
    out.properties = Object.fromEntries(
      Object.entries(out.properties).map(([name, child]) => [name, structural(child, isOfUsers)]),
    )
  } else if (typeof out.additionalProperties === 'object') {
    out.additionalProperties = structural(out.additionalProperties, isOfUsers)
    out.maxProperties ??= mostProperties
  }
  if (out.items !== undefined) {
    out.items = structural(out.items, isOfUsers)
    out['x-kubernetes-list-type'] ??= 'atomic'
  }
  if (out.anyOf !== undefined) {
    const literals = out.anyOf.flatMap((option) => option.enum ?? [])
    if (literals.length !== out.anyOf.length) throw new Error('only unions of literals can stand in a structural schema')
    delete out.anyOf
    out.type = literals.every(Number.isInteger) ? 'integer' : 'string'
    out.enum = literals
  }
  if (out.format === 'date-time') delete out.pattern
  if (out.type === 'integer') {
    if (out.minimum === Number.MIN_SAFE_INTEGER) delete out.minimum
    if (out.maximum === Number.MAX_SAFE_INTEGER) delete out.maximum
    if (out.enum === undefined) {
      out.format = 'int64'
      if (isOfUsers) out['x-kubernetes-validations'] = [...rules, whole]
    }
  }
  return out
}

/** The API server's own check of integers overlooks a fraction as small as that of 5.0000000001, and keeps it. */
const whole: Rule = { rule: 'dyn(self) == int(dyn(self))', message: 'must be a whole number' }
