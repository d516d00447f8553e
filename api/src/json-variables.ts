/** Linux takes 128 KiB of one variable, with its name and the zero at its end. As much as that is in one, which recorders of an earlier release read alone. */
const mostBytes = 130_000

/**
 * A value as variables of a container, as JSON: as many as it needs, `NAME`, `NAME_2`, `NAME_3` and so on. No `$` stands in them, for Kubernetes makes one of two and
 * puts the value of another variable in place of `$(NAME)`.
 */
export function jsonVariables(name: string, value: unknown): Record<string, string> {
  const parts = partsOf(JSON.stringify(value).replaceAll('$', '\\u0024'))
  return Object.fromEntries(parts.map((part, index) => [variable(name, index + 1), part]))
}

/** The JSON in them; undefined where there is none. */
export function jsonOfVariables(name: string, environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const parts: string[] = []
  for (let part = environment[name]; part !== undefined; part = environment[variable(name, parts.length + 1)]) parts.push(part)
  return parts.length === 0 ? undefined : parts.join('')
}

const variable = (name: string, number: number) => (number === 1 ? name : `${name}_${number}`)

/** Cut between characters, for half of one could not be told from another. */
function partsOf(text: string): string[] {
  if (Buffer.byteLength(text) <= mostBytes) return [text]
  const parts: string[] = []
  let [begin, end, bytes] = [0, 0, 0]
  for (const character of text) {
    const more = Buffer.byteLength(character)
    if (bytes + more > mostBytes) {
      parts.push(text.slice(begin, end))
      ;[begin, bytes] = [end, 0]
    }
    end += character.length
    bytes += more
  }
  return [...parts, text.slice(begin)]
}
