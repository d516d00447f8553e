import { describe, expect, it } from 'vitest'
import { aacConfig } from './audio-format.ts'
import { buildMp4Head, type Mp4Track, mp4a } from './mp4-head.ts'
import { compareTables } from './mp4-tables.ts'

/** Ten samples of odd sizes, in two places. */
function track(): Mp4Track {
  const sizes = Uint32Array.from({ length: 10 }, (_, n) => 10 + n)
  const offsets = new Float64Array(10)
  sizes.forEach((size, n) => {
    if (n < 9) offsets[n + 1] = offsets[n]! + size + (n === 4 ? 100 : 0)
  })
  return {
    ...{ kind: 'audio', timescale: 48_000, sampleEntries: [mp4a(2, 48_000, aacConfig, 128_000)], width: 0, height: 0 },
    ...{ sizes, offsets, starts: Float64Array.from(sizes, (_, n) => n * 1024 + (n > 6 ? 5 : 0)), end: 10_300 },
    edit: { delay: 0, mediaTime: 0, duration: 10_300 },
  }
}

const bodyBytes = 245
const head = (of: Mp4Track = track()) => buildMp4Head({ creationTime: new Date(0), bodyBytes, tracks: [of] })

/** The head with one byte of a table changed. */
function changed(box: string, at: number): Buffer {
  const copy = head()
  copy[copy.indexOf(box) + at]! += 1
  return copy
}

describe('sample tables', () => {
  it('agree with what they were made from', () => {
    expect(compareTables(head(), bodyBytes, [track()])).toEqual([])
  })

  it.each([
    ['stsz', 19, 'the sizes of the audio samples are wrong from sample 0 on'],
    ['stts', 27, 'the times of the audio samples are wrong from sample 7 on'],
    ['stco', 19, 'the places of the audio samples are wrong from sample 5 on'],
  ])('that are wrong are found: %s', (box, at, problem) => {
    expect(compareTables(changed(box, at), bodyBytes, [track()])).toContain(problem)
  })

  it.each([
    ['more', 1],
    ['fewer', -1],
  ])('whose chunks have %s samples than there are sizes cannot be read', (_, by) => {
    const copy = head()
    copy[copy.indexOf('stsc') + 19]! += by
    expect(() => compareTables(copy, bodyBytes, [track()])).toThrow(/the chunks have .*samples/)
  })

  it('that lead beyond the end are found', () => {
    expect(compareTables(head(), bodyBytes - 1, [track()])).toEqual(['the audio samples go beyond the end of the file'])
  })

  it('of another track are found', () => {
    expect(compareTables(head(), bodyBytes, [])).toEqual(['the head has 1 tracks instead of 0'])
  })
})
