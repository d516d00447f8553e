import { z } from 'zod'
import { invalid } from '../errors.ts'
import { problemOf } from '../recordings/spec.ts'
import type { Listing } from '../rest/requests.ts'

/** The query of a listing. */
export const listingSchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20).describe('How many.'),
  offset: z.coerce.number().int().min(0).max(1_000_000).default(0).describe('From which on.'),
  state: z.enum(['RUNNING', 'FINISHED', 'ABORTED', 'FAILED']).optional().describe('Those in this state only.'),
})

export function readListing(query: unknown): Listing {
  // 1e2, 0x10 and nothing at all are numbers to JavaScript, too.
  for (const name of ['limit', 'offset'] as const) {
    const written = (query as Record<string, unknown>)[name]
    if (typeof written === 'string' && !/^\d+$/.test(written))
      throw invalid([{ field: name, kind: 'type', message: 'must be a whole number, in digits' }])
  }
  const parsed = listingSchema.safeParse(query)
  if (!parsed.success) throw invalid(parsed.error.issues.map((issue) => problemOf(issue, query)))
  return { ...parsed.data, state: parsed.data.state }
}
