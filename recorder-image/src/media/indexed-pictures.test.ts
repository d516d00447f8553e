import { describe, expect, test } from 'vitest'
import { IndexedPictures } from './indexed-pictures.ts'
import type { StoredVideoConfig } from './video-codec.ts'

const config: StoredVideoConfig = { codec: 'h265', width: 320, height: 180, units: [], number: 0 }
/** A key frame, one that leads it, one that is behind it. */
type Kind = 'K' | 'L' | 'p'

/** Which of some pictures are in a file of whose index a record between two of its batches cannot be read, and how many are lost. */
function read(before: Kind[], missing: number, behind: Kind[]) {
  const pictures = new IndexedPictures([config])
  const batch = (kinds: Kind[], first: number) =>
    pictures.batch(
      first,
      kinds.map((kind, at) => {
        const times = { ssrc: 1, rtpTimestamp: (first + at) * 3000, receiveTimeMicros: (first + at) * 33_000 }
        const sample = { ...times, bytes: 10, setBytes: 0, config: 0, key: kind === 'K', leads: kind === 'L' }
        return { kind: 'inOrder' as const, sample, offset: (first + at) * 10 }
      }),
      0,
    )
  batch(before, 0)
  batch(behind, before.length + missing)
  const there = Array.from(pictures.columns.offsets.values, (offset) => offset / 10)
  return { there, lost: pictures.losses.reduce((sum, { frames }) => sum + frames, 0) }
}

describe('pictures of an index of which a part cannot be read', () => {
  test('are there again from the next key frame on, without what leads it, for that may refer to what is lost', () => {
    expect(read(['K', 'p', 'p'], 2, ['p', 'K', 'L', 'L', 'p', 'p'])).toEqual({ there: [0, 1, 2, 6, 9, 10], lost: 5 })
  })

  test('are all there from the key frame after that on', () => {
    const { there } = read(['K', 'p'], 1, ['K', 'L', 'p', 'K', 'L', 'p'])
    expect(there).toEqual([0, 1, 3, 5, 6, 7, 8])
  })

  test('are all there where nothing is missing', () => {
    expect(read(['K', 'p'], 0, ['K', 'L', 'p'])).toEqual({ there: [0, 1, 2, 3, 4], lost: 0 })
  })
})
