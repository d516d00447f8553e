import type { Numbers } from '../timeline/numbers.ts'
import type { Mp4Track } from './mp4-head.ts'
import { Box, placesOf, shownAfterOf, sizesOf, startsOf } from './mp4-read.ts'

/**
 * Reads the sample tables of a head back, box by box and by none of the code that wrote them, and says where they differ from what
 * they were made from. Looks at every sample; takes some milliseconds for an hour.
 */
export function compareTables(head: Uint8Array, bodyBytes: number, tracks: readonly Mp4Track[]): string[] {
  const file = Box.of(head)
  const problems: string[] = []
  const traks = file.child('moov').children('trak')
  if (traks.length !== tracks.length) return [`the head has ${traks.length} tracks instead of ${tracks.length}`]
  traks.forEach((trak, number) => {
    const track = tracks[number]!
    const table = trak.child('mdia').child('minf').child('stbl')
    const sizes = sizesOf(table)
    const { offsets, entries } = placesOf(table, sizes)
    const found = [sizes, startsOf(table), offsets, shownAfterOf(table), entries] as const
    const places = new Float64Array(track.offsets)
    for (let sample = 0; sample < places.length; sample++) places[sample]! += head.length
    const described = track.entries ?? new Uint8Array(sizes.length)
    const expected = [track.sizes, track.starts, places, track.shownAfter ?? new Uint32Array(), described] as const
    for (const [at, what] of (['sizes', 'times', 'places', 'display times', 'descriptions'] as const).entries()) {
      const wrong = firstDifference(found[at]!, expected[at]!)
      if (wrong !== undefined) problems.push(`the ${what} of the ${track.kind} samples are wrong from sample ${wrong} on`)
    }
    let end = 0
    for (let sample = 0; sample < sizes.length; sample++) {
      const sampleEnd = offsets[sample]! + sizes[sample]!
      if (sampleEnd > end) end = sampleEnd
    }
    if (end > head.length + bodyBytes) problems.push(`the ${track.kind} samples go beyond the end of the file`)
  })
  return problems
}

function firstDifference(found: Numbers, expected: Numbers): number | undefined {
  if (Buffer.compare(bytesOf(found), bytesOf(expected)) === 0) return undefined
  if (found.length !== expected.length) return Math.min(found.length, expected.length)
  for (let at = 0; at < found.length; at++) if (found[at] !== expected[at]) return at
  return undefined
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Numbers) => new Uint8Array(buffer, byteOffset, byteLength)
