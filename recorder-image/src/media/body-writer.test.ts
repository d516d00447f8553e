import fc from 'fast-check'
import { expect, test } from 'vitest'
import { syncIsDue } from './body-writer.ts'

/** How old the oldest byte is when a sync that takes 100 ms is through, and how many batches a sync covers. */
function oldestAtSync(batchMs: number): { ageMs: number; batches: number } {
  for (let batches = 1; ; batches++) {
    const sinceFirstWriteMs = (batches - 1) * batchMs
    // What the first of these batches brought came up to one batch before it.
    if (syncIsDue(sinceFirstWriteMs, batchMs)) return { ageMs: batchMs + sinceFirstWriteMs + 100, batches }
  }
}

test('what arrives is safe within a second, however long a batch is', () =>
  fc.assert(
    fc.property(fc.integer({ min: 10, max: 900 }), (batchMs) => {
      expect(oldestAtSync(batchMs).ageMs).toBeLessThanOrEqual(1000)
    }),
  ))

test.each([
  [200, 4],
  [500, 1],
])('with batches of %i ms there is a sync for every %i of them', (batchMs, batches) =>
  expect(oldestAtSync(batchMs).batches).toBe(batches),
)
