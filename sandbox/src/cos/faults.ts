import { z } from 'zod'
import { type CosTarget, cosOperations } from './operation.ts'

/** What goes wrong. Shapes of the control API; a fault stands until its `count` is used up or it is cleared. */
export const faultKindSchema = z.discriminatedUnion('kind', [
  z
    .object({ kind: z.literal('error'), status: z.int(), code: z.string(), message: z.string().optional() })
    .describe('Answers with this HTTP status and COS error code, and does nothing.'),
  z.object({ kind: z.literal('reset') }).describe('Resets the connection in the middle of the request.'),
  z.object({ kind: z.literal('lostAnswer') }).describe('Does what was asked, then resets the connection instead of answering.'),
  z.object({ kind: z.literal('silence') }).describe('Reads the request and never answers.'),
  z
    .object({ kind: z.literal('slow'), delayMillis: z.number().optional(), bytesPerSecond: z.number().optional() })
    .describe('Answers late, and takes the body, or gives an object, at no more than this rate.'),
  z
    .object({ kind: z.literal('corrupt') })
    .describe('Stores one byte of the body wrongly; reports the checksum of what it stored.'),
  z.object({ kind: z.literal('wrongChecksum') }).describe('Stores well, but reports a wrong x-cos-hash-crc64ecma.'),
  z.object({ kind: z.literal('wrongTag') }).describe('Stores well, but reports a wrong ETag.'),
  z
    .object({ kind: z.literal('garbage') })
    .describe('Does what was asked, and answers 200 with a page of HTML, as a proxy does that wants somebody to log in.'),
  z
    .object({ kind: z.literal('errorIn200'), code: z.string() })
    .describe('Answers 200, with an error document in its body, and does nothing, as CompleteMultipartUpload may.'),
  z.object({ kind: z.literal('emptyList') }).describe('Of ListParts: leaves out every part.'),
  z.object({ kind: z.literal('endlessList') }).describe('Of lists: says each time that there is more, from the same place on.'),
  z
    .object({ kind: z.literal('overwritten') })
    .describe('Does what was asked; then somebody else puts another object of that name.'),
])
export type FaultKind = z.infer<typeof faultKindSchema>

export const faultSchema = z.object({
  fault: faultKindSchema,
  operations: z.array(z.enum(cosOperations)).optional().describe('Only these operations. All where it is missing.'),
  bucket: z.string().optional(),
  key: z.string().optional().describe('Regular expression on the key.'),
  partNumber: z.int().optional(),
  count: z.int().min(1).optional().describe('How many matching requests it hits. Until cleared where it is missing.'),
})
export type Fault = z.infer<typeof faultSchema>

/** Faults in force. Each request meets at most one: the first that matches, in the order they were added. */
export class Faults {
  #faults: { fault: Fault; left: number }[] = []

  add(fault: Fault): void {
    this.#faults.push({ fault, left: fault.count ?? Number.POSITIVE_INFINITY })
  }

  /** Those of a bucket, or all. */
  clear(bucket?: string): void {
    this.#faults = bucket === undefined ? [] : this.#faults.filter(({ fault }) => fault.bucket !== bucket)
  }

  /** The fault this request meets; uses it up by one. */
  take(target: CosTarget): FaultKind | undefined {
    const found = this.#faults.find(({ fault }) => matches(fault, target))
    if (!found) return undefined
    found.left -= 1
    this.#faults = this.#faults.filter(({ left }) => left > 0)
    return found.fault.fault
  }
}

function matches(fault: Fault, target: CosTarget): boolean {
  if (fault.operations && !fault.operations.includes(target.operation)) return false
  if (fault.bucket !== undefined && fault.bucket !== target.bucket) return false
  if (fault.key !== undefined && !new RegExp(fault.key).test(target.key)) return false
  return fault.partNumber === undefined || String(fault.partNumber) === target.query.get('partNumber')
}

/** Flips one bit of the first byte. */
export async function* corrupted(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let first = true
  for await (const chunk of source) {
    const copy = Uint8Array.from(chunk)
    if (first && copy.length > 0) copy[0]! ^= 1
    first &&= copy.length === 0
    yield copy
  }
}

/** Hands a stream on at no more than this rate. */
export async function* throttled(source: AsyncIterable<Uint8Array>, bytesPerSecond: number): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    yield chunk
    await new Promise((resolve) => setTimeout(resolve, (chunk.length / bytesPerSecond) * 1000))
  }
}
