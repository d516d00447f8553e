/** A stretch of bytes of a file; `end` is the first one behind it. */
export interface Bytes {
  start: number
  end: number
}

/** So much between two stretches is fetched along with them: a request costs more. */
const gapBytes = 16 * 1024
/** Most that is fetched, and held in memory, at once. */
const pieceBytes = 4 * 1024 * 1024

/** Where samples lie, in order, each byte once. */
export function rangesOf(tracks: readonly { sizes: Uint32Array; offsets: Float64Array }[]): Bytes[] {
  const samples = tracks.flatMap(({ sizes, offsets }) => Array.from(offsets, (start, at) => ({ start, end: start + sizes[at]! })))
  const ranges: Bytes[] = []
  for (const { start, end } of samples.sort((a, b) => a.start - b.start)) {
    const last = ranges.at(-1)
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end)
    else ranges.push({ start, end })
  }
  return ranges
}

/** Where what begins at these offsets comes to lie when the ranges are put one behind the other. */
export function placesIn(ranges: readonly Bytes[], offsets: Float64Array): Float64Array {
  const before: number[] = []
  let sum = 0
  for (const { start, end } of ranges) {
    before.push(sum)
    sum += end - start
  }
  return offsets.map((offset) => {
    let [low, high] = [0, ranges.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (ranges[middle]!.start <= offset) low = middle
      else high = middle - 1
    }
    return before[low]! + offset - ranges[low]!.start
  })
}

/** What is asked for at once: ranges that are near each other together, and none longer than fits into memory. */
export function fetchesOf(ranges: readonly Bytes[]): { fetch: Bytes; kept: Bytes[] }[] {
  const fetches: { fetch: Bytes; kept: Bytes[] }[] = []
  for (const range of ranges) {
    for (let start = range.start; start < range.end; start += pieceBytes) {
      const piece = { start, end: Math.min(range.end, start + pieceBytes) }
      const last = fetches.at(-1)
      const isNear = last !== undefined && piece.start - last.fetch.end <= gapBytes && piece.end - last.fetch.start <= pieceBytes
      if (!isNear) fetches.push({ fetch: { ...piece }, kept: [piece] })
      else {
        last.fetch.end = piece.end
        last.kept.push(piece)
      }
    }
  }
  return fetches
}
