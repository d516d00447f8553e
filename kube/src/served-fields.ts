import type { KubeClient } from './client.ts'
import { ApiError } from './errors.ts'
import type { KubeObject, Resource } from './types.ts'

interface Schema {
  properties?: Record<string, Schema>
  items?: Schema
  allOf?: Schema[]
  'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[]
}

/**
 * The fields of kinds of one group that the API server keeps, as paths in which lists count for nothing (`status.attempts.pod`). It drops all others of what is
 * written. Undefined where it does not say: this user may not ask what it serves, as every user may by default. A kind that it does not serve is missing.
 */
export async function servedFields(
  client: KubeClient,
  kinds: readonly Resource<KubeObject>[],
  signal: AbortSignal,
): Promise<Map<Resource<KubeObject>, Set<string>> | undefined> {
  const [{ group, version } = { group: '', version: '' }] = kinds
  const text = await client.text('GET', `/openapi/v3/apis/${group}/${version}`, { signal }).catch((error) => {
    if (error instanceof ApiError && [401, 403, 404].includes(error.code)) return undefined
    throw error
  })
  if (text === undefined) return undefined
  const { components } = JSON.parse(text) as { components?: { schemas?: Record<string, Schema> } }
  const schemas = Object.values(components?.schemas ?? {})
  const found = kinds.flatMap((resource) => {
    const { group, version, kind } = resource
    const schema = schemas.find((one) =>
      one['x-kubernetes-group-version-kind']?.some((gvk) => gvk.group === group && gvk.version === version && gvk.kind === kind),
    )
    return schema === undefined ? [] : [[resource, new Set(fieldsOf(schema))] as const]
  })
  return new Map(found)
}

function fieldsOf(schema: Schema, at = ''): string[] {
  const inner = [schema, ...(schema.allOf ?? [])].flatMap(({ properties = {} }) => Object.entries(properties))
  const own = inner.flatMap(([name, field]) => [at + name, ...fieldsOf(field, `${at}${name}.`)])
  return schema.items === undefined ? own : [...own, ...fieldsOf(schema.items, at)]
}
