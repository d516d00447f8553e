/** Values for a chart, taken from what its values.schema.json admits. */

/** As much of JSON Schema as the chart's uses. */
export interface Schema {
  type?: string | string[]
  $ref?: string
  enum?: unknown[]
  pattern?: string
  minLength?: number
  minimum?: number
  maximum?: number
  items?: Schema
  oneOf?: Schema[]
  properties?: Record<string, Schema>
  definitions?: Record<string, Schema>
}

const resolved = (node: Schema, root: Schema): Schema =>
  node.$ref === undefined ? node : root.definitions![node.$ref.split('/').at(-1)!]!

/** Some of each kind of value that a leaf of the schema admits: the ends of its range, each word, text that looks like a number. */
function samplesOf(node: Schema, root: Schema): unknown[] {
  const { type = [], enum: words, pattern, minLength, minimum, maximum, items, oneOf } = node
  if (words !== undefined) return words
  if (oneOf !== undefined) return oneOf.flatMap((one) => samplesOf(resolved(one, root), root))
  const of: Record<string, () => unknown[]> = {
    boolean: () => [true, false],
    null: () => [null],
    // Helm reads numbers as floats, which from seven digits on it would write as 1.2e+07.
    number: () => [minimum ?? 7, maximum ?? Math.max(123_456_789, minimum ?? 0)],
    integer: () => [minimum ?? 1, maximum ?? 3],
    string: () =>
      pattern === undefined
        ? [...(minLength === undefined ? [''] : []), 'text', '0123', 'true', '1e3']
        : ['a', '0123', '10.0.0.0/8', 'fd00::/8', '64Mi', '1.5G', ''].filter((text) => new RegExp(pattern).test(text)),
    // What is in a list of parts of a Pod is Kubernetes' to say, not the schema's.
    array: () => [[], ...(items?.type === 'object' ? [] : samplesOf(resolved(items ?? {}, root), root).map((item) => [item]))],
    object: () =>
      node.properties === undefined
        ? [{}]
        : [
            Object.fromEntries(
              Object.entries(node.properties).map(([name, inner]) => [name, samplesOf(resolved(inner, root), root)[0]]),
            ),
          ],
  }
  return [type].flat().flatMap((name) => of[name]!())
}

/** The samples of each leaf. */
export function samplesIn(node: Schema, root: Schema): unknown[][] {
  const { properties } = resolved(node, root)
  if (properties === undefined) return [samplesOf(resolved(node, root), root)]
  return Object.values(properties).flatMap((property) => samplesIn(property, root))
}

/** Values with the same sample of every leaf. */
export function withSamples(node: Schema, root: Schema, round: number): unknown {
  const { properties } = resolved(node, root)
  if (properties === undefined) {
    const samples = samplesOf(resolved(node, root), root)
    return samples[round % samples.length]
  }
  return Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, withSamples(property, root, round)]))
}
