import { isMap, isScalar, parseDocument, type YAMLMap } from 'yaml'
import { code, table } from './tables.ts'

/** The table of a chart's values, from the comments of its values.yaml: a row for each value, and one for a map whose inside says nothing. */
export function valuesTable(text: string): string {
  const document = parseDocument(text)
  if (!isMap(document.contents)) throw new Error('values.yaml is no map')
  return table(['Value', 'Default', 'Meaning'], rows(document.contents as YAMLMap, ''))
}

function rows(map: YAMLMap, prefix: string): string[][] {
  return map.items.flatMap(({ key, value }, index) => {
    const path = `${prefix}${key}`
    // The comment over the first key of a map is the map's own to the parser.
    const own = isScalar(key) ? key.commentBefore : undefined
    const comment = (index === 0 ? [map.commentBefore, own] : [own]).filter((part) => part).join(' ')
    // What stands apart from it by an empty line is about something else.
    const meaning = (comment.split(/\n\s*\n/).at(-1) ?? '').replace(/\s*\n\s*/g, ' ').trim()
    const inner = isMap(value) && value.items.length > 0 && speaks(value as YAMLMap) ? rows(value as YAMLMap, `${path}.`) : []
    if (inner.length > 0) return meaning === '' ? inner : [[code(path), '', meaning], ...inner]
    return [[code(path), code(JSON.stringify((value as { toJSON?: () => unknown })?.toJSON?.() ?? null)), meaning]]
  })
}

/** Whether anything is said of what is in a map. */
function speaks(map: YAMLMap): boolean {
  return (
    map.commentBefore != null ||
    map.items.some(({ key, value }) => (isScalar(key) && key.commentBefore != null) || (isMap(value) && speaks(value as YAMLMap)))
  )
}
