import type { z } from 'zod'

/**
 * A rule that the API server checks too: the same thing said in CEL. `fieldPath` is relative to the schema that the rule stands on and
 * makes the error name the field; without it the error names the schema's own.
 */
export interface CelRule {
  rule: string
  message: string
  fieldPath?: string
}

/**
 * A string that must match. The message says what would be right, for a person: a bare `pattern` would be quoted by the API server
 * instead. The pattern must mean the same in RE2 (no look-around, no back references).
 */
export const matching = <Text extends z.ZodString>(schema: Text, pattern: RegExp, message: string): Text =>
  schema.regex(pattern, message).meta({ patternMessage: message }) as Text

/** Adds a rule that one JSON schema keyword cannot say, to both checks at once: `holds` for zod, `rule` (CEL) for the API server. */
export function ruled<Schema extends z.ZodType>(
  schema: Schema,
  holds: (value: z.output<Schema>) => boolean,
  { rule, message, fieldPath }: CelRule,
): Schema {
  const path = fieldPath === undefined ? [] : fieldPath.split('.').slice(1)
  const rules = [...((schema.meta()?.rules as CelRule[] | undefined) ?? []), { rule, message, ...(fieldPath && { fieldPath }) }]
  return schema.refine(holds, { message, path }).meta({ rules })
}
