/** A slice of the body that is one part of the upload: bytes start to end, end not included. */
export interface PartRange {
  number: number
  start: number
  end: number
}

export interface PartPlan {
  /** Bytes of the body that go with the head, in part 1, which is sent last. */
  holdbackBytes: number
  /** Size of the parts after it, before they grow. */
  partBytes: number
}

/**
 * COS takes at most 10,000 parts, each but the last of at least 1 MiB (436/14112). The held-back bytes make part 1 large enough
 * whatever the head.
 */
export const maxParts = 10_000
export const minPartBytes = 1024 * 1024
export const defaultPlan: PartPlan = { holdbackBytes: minPartBytes, partBytes: 5 * minPartBytes }

/** Parts keep their size for the first half, 24 GiB, and then double every 500: 5 TB in all, past any recording. */
const steadyParts = 5000
const doublingParts = 500

/** Parts 2.. of a body of so many bytes; the last may be shorter than planned. Lazy, from part `from`. */
export function* partRanges(plan: PartPlan, bodyBytes: number, from: number = 2): Generator<PartRange> {
  for (let number = from, start = startOf(plan, from); number <= maxParts && start < bodyBytes; number++) {
    const end = start + sizeOf(plan, number)
    yield { number, start, end: Math.min(end, bodyBytes) }
    start = end
  }
}

/** Whether a part has all the bytes it will ever have, so that it can go while the body still grows. */
export const isFull = (plan: PartPlan, range: PartRange) => range.end - range.start === sizeOf(plan, range.number)

function sizeOf(plan: PartPlan, number: number): number {
  const doublings = Math.max(0, Math.floor((number - 2 - steadyParts) / doublingParts) + 1)
  return plan.partBytes * 2 ** doublings
}

function startOf(plan: PartPlan, number: number): number {
  const steady = Math.min(number - 2, steadyParts)
  let start = plan.holdbackBytes + steady * plan.partBytes
  for (let n = steadyParts + 2; n < number; n += doublingParts) {
    start += Math.min(doublingParts, number - n) * sizeOf(plan, n)
  }
  return start
}
