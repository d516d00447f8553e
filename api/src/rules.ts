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
 * Half a character (a lone surrogate), inside the brackets of a pattern with the flag `u`, and U+FFFD, as which the API server and everything else that writes UTF-8
 * keeps one: two names that differ in it would be one.
 */
export const halves = `${String.raw`\p{Cs}`}\ufffd`

/**
 * Blanks, control characters, halves and what else cannot be seen, inside the brackets of a pattern with the flag `u`. `\s` means one thing to JavaScript and
 * another to the API server, for whom only ASCII has blanks, so that what one admits the other refuses.
 */
export const invisible = `${String.raw`\p{Z}\p{Cc}\p{Cf}`}${halves}`

/** As the API server counts them. */
export const characters = (text: string) => [...text].length

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
