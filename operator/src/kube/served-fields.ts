import { ApiError, type KubeClient, type KubeObject, type Resource } from '@trtc-recorder/kube'

interface Schema {
  properties?: Record<string, Schema>
  items?: Schema
  allOf?: Schema[]
  'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[]
}

/**
 * The fields of a kind that the API server keeps, as paths in which lists count for nothing (`status.attempts.pod`). It drops all others of what is written.
 * Undefined where it does not say: it does not serve the kind, or this user may not ask what it serves, as every user may by default.
 */
export async function servedFields(
  client: KubeClient,
  { group, version, kind }: Resource<KubeObject>,
  signal: AbortSignal,
): Promise<Set<string> | undefined> {
  const path = `/openapi/v3/apis/${group}/${version}`
  const text = await client.text('GET', path, { signal }).catch((error) => {
    if (error instanceof ApiError && [401, 403, 404].includes(error.code)) return undefined
    throw error
  })
  if (text === undefined) return undefined
  const { components } = JSON.parse(text) as { components?: { schemas?: Record<string, Schema> } }
  const schema = Object.values(components?.schemas ?? {}).find((one) =>
    one['x-kubernetes-group-version-kind']?.some((gvk) => gvk.group === group && gvk.version === version && gvk.kind === kind),
  )
  return schema && new Set(fieldsOf(schema))
}

function fieldsOf(schema: Schema, at = ''): string[] {
  const inner = [schema, ...(schema.allOf ?? [])].flatMap(({ properties = {} }) => Object.entries(properties))
  const own = inner.flatMap(([name, field]) => [at + name, ...fieldsOf(field, `${at}${name}.`)])
  return schema.items === undefined ? own : [...own, ...fieldsOf(schema.items, at)]
}
