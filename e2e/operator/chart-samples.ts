/** Values for a chart, taken from what its values.schema.json admits. */

/** As much of JSON Schema as the chart's uses. */
export interface Schema {
  type?: string | string[]
  $ref?: string
  enum?: unknown[]
  pattern?: string
  minLength?: number
  maxLength?: number
  minimum?: number
  maximum?: number
  minItems?: number
  maxItems?: number
  minProperties?: number
  maxProperties?: number
  items?: Schema
  oneOf?: Schema[]
  properties?: Record<string, Schema>
  required?: string[]
  propertyNames?: Schema & { not?: Schema }
  additionalProperties?: Schema | boolean
  definitions?: Record<string, Schema>
}

/** Parts of Pods and policies, which only make sense as a whole. */
const wholes = new Set(
  ['tolerations', 'affinity', 'topologySpread', 'podSecurityContext', 'securityContext', 'env', 'volumes', 'volumeMounts'].concat(
    [...['hostAliases', 'dnsConfig', 'peers', 'selector']],
  ),
)

export const resolved = (node: Schema, root: Schema): Schema =>
  node.$ref === undefined ? node : root.definitions![node.$ref.split('/').at(-1)!]!

const isWhole = ({ $ref = '' }: Schema) => wholes.has($ref.split('/').at(-1)!)

/** Some of each kind of value that a leaf of the schema admits: the ends of its range, each word, text that looks like a number. */
function samplesOf(given: Schema, root: Schema): unknown[] {
  const node = resolved(given, root)
  if (isWhole(given)) return [[node.type].flat().includes('array') ? [] : {}, null]
  const { type = [], enum: words, pattern, minLength, maxLength, minimum, maximum, items, oneOf } = node
  if (words !== undefined) return words
  if (oneOf !== undefined) return oneOf.flatMap((one) => samplesOf(one, root))
  const of: Record<string, () => unknown[]> = {
    boolean: () => [true, false],
    null: () => [null],
    // Helm reads numbers as floats, which from seven digits on it would write as 1.2e+07.
    number: () => [minimum ?? 7, maximum ?? Math.max(123_456_789, minimum ?? 0)],
    integer: () => [minimum ?? 1, maximum ?? 3],
    string: () =>
      pattern === undefined
        ? [...(minLength === undefined ? [''] : []), 'text', '0123', 'true', '1e3']
        : oddTexts.filter((text) => new RegExp(pattern).test(text) && text.length <= (maxLength ?? text.length)),
    array: () => [[], ...samplesOf(items ?? {}, root).map((item) => [item])],
    object: () =>
      node.properties === undefined
        ? mapsOf(node, root)
        : [Object.fromEntries(Object.entries(node.properties).map(([name, inner]) => [name, samplesOf(inner, root)[0]]))],
  }
  return [type].flat().flatMap((name) => of[name]!())
}

/** What people write, and what looks like something else in YAML, in a template or in a message. Only what a pattern admits is taken. */
export const oddTexts = [
  ...[
    'a',
    '0123',
    '10.0.0.0/8',
    'fd00::/8',
    '64Mi',
    '1.5G',
    '',
    '1e3',
    'true',
    'null',
    '~',
    'no',
    '0x1F',
    '-1',
    '1',
    '07',
    '50%',
    '150%',
  ],
  ...[
    '100%',
    '0',
    '0%',
    '30s',
    '1h30m',
    '500ms',
    '1d',
    's',
    'a b',
    ' a',
    'a ',
    "it's",
    'say "so"',
    'a: b',
    'a #b',
    '{{ .x }}',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: what somebody may write who thinks of a shell
    '${x}',
    'a,b',
  ],
  ...[
    '*',
    '*.example',
    'a.example',
    'UPPER',
    'a_b',
    'a..b',
    '.a',
    'a.',
    '-a',
    'a-',
    'a/b',
    'example.com/key',
    'a\nb',
    'ü',
    'x'.repeat(63),
  ],
  ...[
    'x'.repeat(64),
    `${'x'.repeat(49)}--y`,
    '10.0.0.1',
    '010.0.0.0/8',
    '0.0.0.0/0',
    '1.2.3.4/32',
    '1.2.3.4/33',
    '::/0',
    '::',
    '1:2:3',
    ':::/8',
  ],
  ...[
    '::1/128',
    '2001:db8::/32',
    '::ffff:1.2.3.4/128',
    'http://proxy:3128',
    'proxy:3128',
    'https://cos.example:8443',
    'localhost:5000/x',
  ],
  ...[
    '500m',
    '0.5',
    '.5',
    '5.',
    '2Gi',
    '2gi',
    '1e3Mi',
    '1Ei',
    `sha256:${'a'.repeat(64)}`,
    'sha256:a',
    'kubernetes.io/hostname',
    'app.kubernetes.io/name',
  ],
]

/** Maps with no key, one, and all that are admitted. */
function mapsOf({ propertyNames, additionalProperties }: Schema, root: Schema): unknown[] {
  if (typeof additionalProperties !== 'object') return [{}]
  const { enum: words, pattern = '', not } = propertyNames ?? {}
  const keys = words ?? oddTexts.filter((text) => new RegExp(pattern).test(text) && !not?.enum?.includes(text))
  const samples = samplesOf(additionalProperties, root)
  const valued = (each: unknown[]) => Object.fromEntries(each.map((key, index) => [key, samples[index % samples.length]]))
  return [{}, ...keys.map((key, index) => ({ [key as string]: samples[index % samples.length] })), valued(keys)]
}

/** The samples of each leaf. */
function samplesIn(node: Schema, root: Schema): unknown[][] {
  const { properties } = resolved(node, root)
  if (properties === undefined || isWhole(node)) return [samplesOf(node, root)]
  return Object.values(properties).flatMap((property) => samplesIn(property, root))
}

/** Values with the same sample of every leaf. */
function withSamples(node: Schema, root: Schema, round: number): unknown {
  const { properties } = resolved(node, root)
  if (properties === undefined || isWhole(node)) {
    const samples = samplesOf(node, root)
    return samples[round % samples.length]
  }
  return Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, withSamples(property, root, round)]))
}

/** As few values as have every sample of every leaf among them. */
export function everySample(schema: Schema): unknown[] {
  const rounds = Math.max(...samplesIn(schema, schema).map((samples) => samples.length))
  return Array.from({ length: rounds }, (_, round) => withSamples(schema, schema, round))
}
