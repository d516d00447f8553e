/** Text that is already HTML. */
export interface Html {
  html: string
}

type Value = Html | string | number | undefined | false | readonly Value[]

/** Template tag: everything put in is escaped, unless it is Html itself; nothing, `undefined` and `false` leave no trace. */
export function html(strings: TemplateStringsArray, ...values: Value[]): Html {
  return { html: strings.reduce((text, part, index) => text + render(values[index - 1]) + part) }
}

/** Vouches for a text being HTML. */
export const raw = (text: string): Html => ({ html: text })

function render(value: Value): string {
  if (value === undefined || value === false) return ''
  if (Array.isArray(value)) return value.map(render).join('')
  if (typeof value === 'object') return (value as Html).html
  return escapeText(String(value))
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escapeText = (text: string) => text.replace(/[&<>"']/g, (character) => entities[character]!)

/** JSON that can stand inside a script element. */
export const embeddedJson = (value: unknown): Html => raw(JSON.stringify(value).replaceAll('<', '\\u003c'))
