import { z } from 'zod'
import { recordingSpecSchema } from '../recording.ts'
import { recordingClipSpecSchema } from '../recording-clip.ts'

/** Specs with every field, every list full, and every string as long as it may be: nothing larger is admitted. */

type Schema = z.core.JSONSchema.JSONSchema

const x63 = 'x'.repeat(63)
const domain = `${x63}.${x63}.${x63}`
/** What no character alone can fill. */
const special: Record<string, unknown> = {
  from: '10s',
  to: '3h',
  'storage.size': '100Gi',
  'cos.bucket': `${'x'.repeat(52)}-1250000000`,
  'cos.endpoint': `https://${domain.slice(-180).replace(/^[.]/, 'x')}:65535`,
  'networkProxy.unifiedProxy': `${domain}.${'x'.repeat(61)}.:65535`,
  'networkProxy.scheduleProxy': `${domain}.${'x'.repeat(61)}.:65535`,
  'networkProxy.turnServer.url': `${domain}.${'x'.repeat(61)}.:65535`,
  resources: {
    requests: { cpu: '4', memory: '8Gi', 'ephemeral-storage': '1Gi' },
    limits: { cpu: '4', memory: '8Gi', 'ephemeral-storage': '1Gi' },
  },
  nodeSelector: Object.fromEntries(Array.from({ length: 16 }, (_, n) => [`${domain}.${'x'.repeat(58)}${n + 10}/${x63}`, x63])),
  tolerations: Array.from({ length: 16 }, () => ({
    ...{ key: `${domain}.${'x'.repeat(60)}/${x63}`, operator: 'Equal', value: x63 },
    ...{ effect: 'NoExecute', tolerationSeconds: 31_536_000 },
  })),
}

/** What stands before what fills the rest. */
const begins: Record<string, string> = {
  'networkProxy.websocketProxy': 'wss://h/',
  'networkProxy.loggerProxy': 'https://h/',
  'callback.url': 'https://h/',
  'live.pcm.url': 'wss://h/',
}

/** Where less fits than the schema says, for the limit is one of bytes. */
const bytesAt: Record<string, number> = { 'cos.path': 512 }

const others = { strRoomId: undefined, appSecretKeyRef: undefined, mode: '02', desiredState: 'Running' }

/** `fills`: characters that strings are filled with, the first that may stand in one. */
export const largestSpec = (fills: readonly string[]): object => {
  const { strRoomId, userSigSecretRef, ...spec } = largest(recordingSpecSchema, fills) as Record<string, object>
  return { ...spec, ...others, appSecretKeyRef: undefined, userSigSecretRef, cos: { ...spec.cos, ...tagged(fills) } }
}

export const largestClipSpec = (fills: readonly string[]) => largest(recordingClipSpecSchema, fills) as object

const tagged = (fills: readonly string[]) => {
  const fill = fills.find((character) => /^[\p{L}\p{N} +\-=._:/@]$/u.test(character)) ?? 'x'
  const tag = (n: number) => [`${fill.repeat(126)}${n}`, fill.repeat(255)]
  const meta = (n: number) => [`${'x'.repeat(127)}${n}`, 'x'.repeat(128)]
  return {
    tags: Object.fromEntries(Array.from({ length: 10 }, (_, n) => tag(n))),
    metadata: Object.fromEntries(Array.from({ length: 8 }, (_, n) => meta(n))),
    encryption: { type: 'SSE-KMS', kmsKeyId: 'x'.repeat(128) },
  }
}

function largest(source: z.ZodType, fills: readonly string[]): unknown {
  const schema = z.toJSONSchema(source, { target: 'openapi-3.0', io: 'input', reused: 'inline' })
  return valueFor(schema, '', [...fills, ...'😀ü~-x7'])
}

function valueFor(schema: Schema, path: string, fills: readonly string[]): unknown {
  if (Object.hasOwn(special, path)) return special[path]
  if (schema.anyOf !== undefined) return valueFor(schema.anyOf.at(-1) as Schema, path, fills)
  if (schema.enum !== undefined) return longestOf(schema.enum)
  switch (schema.type) {
    case 'object':
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([name, child]) => [
          name,
          valueFor(child as Schema, path === '' ? name : `${path}.${name}`, fills),
        ]),
      )
    case 'array': {
      const item = schema.items as Schema
      const isText = item.type === 'string' && item.enum === undefined
      return Array.from({ length: schema.maxItems ?? 0 }, (_, n) =>
        isText ? distinct(textOf(item, path, fills), path, n) : valueFor(item, path, fills),
      )
    }
    case 'string':
      return textOf(schema, path, fills)
    case 'integer':
    case 'number':
      return schema.maximum
    case 'boolean':
      return true
  }
  throw new Error(`${path}: what is the largest ${schema.type}?`)
}

const longestOf = (words: readonly unknown[]) => words.toSorted((a, b) => String(b).length - String(a).length)[0]

function textOf({ pattern = '', maxLength = 0 }: Schema, path: string, fills: readonly string[]): string {
  const begin = begins[path] ?? ''
  for (const fill of fills) {
    const bytes = bytesAt[path]
    const room = bytes === undefined ? maxLength : Math.min(maxLength, Math.floor(bytes / Buffer.byteLength(fill)))
    const text = begin + fill.repeat(room - begin.length)
    if (new RegExp(pattern, 'u').test(text)) return text
  }
  throw new Error(`${path}: which text of ${maxLength} characters is a ${pattern}?`)
}

/** Who is included is not excluded as well, and nobody twice. */
function distinct(text: string, path: string, n: number): string {
  const last = /(exclude|right)$/.test(path) ? 0x1f400 : 0x1f600
  return [...text].slice(0, -1).join('') + String.fromCodePoint(last + n)
}
