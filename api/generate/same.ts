import type { Schema } from './structural.ts'

/** A CEL expression that holds where two values of a schema mean the same, by what it and what is in it say of that (api/src/same.ts). */
export function sameMeaning(schema: Schema, self = 'self', oldSelf = 'oldSelf'): string {
  const { same, properties = {}, required = [] } = schema
  if (same !== undefined) return same.replaceAll(/\b(self|oldSelf)\b/g, (name) => (name === 'self' ? self : oldSelf))
  if (!Object.values(properties).some(saysMore)) return `${self} == ${oldSelf}`
  return Object.entries(properties)
    .map(([name, field]) => {
      const [one, other] = [`${self}.${name}`, `${oldSelf}.${name}`]
      const { absent } = field
      if (absent !== undefined) return sameMeaning(field, orElse(one, absent), orElse(other, absent))
      const inBoth = sameMeaning(field, one, other)
      if (required.includes(name) || field.default !== undefined) return inBoth
      return `has(${one}) ? has(${other}) && (${inBoth}) : !has(${other})`
    })
    .map((part) => `(${part})`)
    .join(' && ')
}

const orElse = (value: string, absent: string) => `(has(${value}) ? ${value} : ${absent})`

const saysMore = ({ same, absent, properties = {} }: Schema): boolean =>
  same !== undefined || absent !== undefined || Object.values(properties).some(saysMore)

/** A CRD knows nothing of it. */
export function withoutMeanings({ same: _, absent: __, ...schema }: Schema): Schema {
  const { properties, items, additionalProperties } = schema
  const each = (children: Record<string, Schema>) =>
    Object.fromEntries(Object.entries(children).map(([name, child]) => [name, withoutMeanings(child)]))
  return {
    ...schema,
    ...(properties === undefined ? {} : { properties: each(properties) }),
    ...(items === undefined ? {} : { items: withoutMeanings(items) }),
    ...(typeof additionalProperties === 'object' ? { additionalProperties: withoutMeanings(additionalProperties) } : {}),
  }
}
