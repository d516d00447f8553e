import { parse, stringify } from 'yaml'

interface ValuesSchema {
  type?: string | string[]
  $ref?: string
  properties?: Record<string, ValuesSchema>
  definitions?: Record<string, ValuesSchema>
}
type Values = Record<string, unknown>

/**
 * A template with the groups of the chart's values, each as values.yaml has it. Helm takes away a group that somebody sets to null, and with it what the chart says of it; a map
 * that belongs to the user (labels, resources) may be null by the schema, and is then empty.
 */
export function chartGroups(valuesText: string, schemaText: string): string {
  const schema: ValuesSchema = JSON.parse(schemaText)
  const resolved = (node: ValuesSchema) => (node.$ref === undefined ? node : schema.definitions![node.$ref.split('/').at(-1)!]!)
  const groupsIn = (node: ValuesSchema, values: Values, path: string): [string, unknown][] =>
    Object.entries(node.properties ?? {}).flatMap(([name, given]) => {
      const part = resolved(given)
      if (part.type !== 'object' || part.properties === undefined) return []
      const inner = values[name] as Values
      return [[path + name, inner], ...groupsIn(part, inner, `${path}${name}.`)]
    })
  const groups = Object.fromEntries(groupsIn(schema, parse(valuesText), ''))
  const body = stringify(groups, { lineWidth: 0, aliasDuplicateObjects: false })
  return `{{/* Generated from values.yaml and values.schema.json by \`npm run generate\`. Do not edit. */}}
{{- define "trtc-recorder.groups" -}}
${body}{{- end }}
`
}
