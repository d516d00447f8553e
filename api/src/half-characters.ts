/** A text in a value that has half a character (a lone surrogate), which is kept as another one wherever it is written as UTF-8. */
export interface HalfCharacter {
  /** Where the text is, such as `spec.cos.path`; of a name, the object that has it. Empty for the whole. */
  path: string
  in: 'text' | 'name'
}

/** All of them in a value as JSON has it. */
export function halfCharacters(value: unknown, path = ''): HalfCharacter[] {
  if (typeof value === 'string') return value.isWellFormed() ? [] : [{ path, in: 'text' }]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => {
    if (!name.isWellFormed()) return [{ path, in: 'name' }] satisfies HalfCharacter[]
    return halfCharacters(inner, Array.isArray(value) ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`)
  })
}

/** The same for a person. */
export const halfCharacterMessage = ({ in: where }: HalfCharacter) =>
  where === 'text' ? 'has half a character (a lone surrogate)' : 'has a name with half a character'
