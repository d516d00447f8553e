/** A copy of what is made of plain objects, lists and scalars, as all is that the API server says. structuredClone, which takes anything, takes five times as long. */
export function copyOf<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((inner) => copyOf(inner)) as T
  const copy: Record<string, unknown> = {}
  for (const [name, inner] of Object.entries(value)) copy[name] = copyOf(inner)
  return copy as T
}
