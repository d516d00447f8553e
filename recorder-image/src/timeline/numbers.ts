export type Numbers = Uint8Array | Uint32Array | Float64Array

/** Fills numbers by their places. `from` of a typed array says the same and takes ten times as long, which for a day of pictures is a second. */
export function filled<T extends Numbers>(numbers: T, numberAt: (at: number) => number): T {
  for (let at = 0; at < numbers.length; at++) numbers[at] = numberAt(at)
  return numbers
}
