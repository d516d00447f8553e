import { expect, it } from 'vitest'
import { expectationOfSent } from './sent.ts'

const epochMillis = 1_800_000_000_000
const video = { track: 'video' as const, epochMillis, intervalMillis: 100, clipFrames: 50 }
const audio = { track: 'audio' as const, epochMillis, intervalMillis: 20, clipFrames: 0 }
const file = (second: number, durationSeconds: number) => ({
  startTime: new Date(epochMillis + second * 1000).toISOString(),
  durationSeconds,
  stream: 'main' as const,
})

it('says which number stood in the picture when', () => {
  const { sent, framesPerSecond, framesInLoop } = expectationOfSent([{ ...video, first: 49, last: 51 }], file(4, 1))
  expect({ framesPerSecond, framesInLoop }).toEqual({ framesPerSecond: 10, framesInLoop: 50 })
  expect(sent).toEqual([
    { frameNumber: 49, timeMillis: epochMillis + 4900 },
    { frameNumber: 0, timeMillis: epochMillis + 5000 },
    { frameNumber: 1, timeMillis: epochMillis + 5100 },
  ])
})

it('takes pauses inside the file for gaps, in file time', () => {
  const spans = [
    { ...video, first: 0, last: 29 },
    { ...video, first: 50, last: 99 },
    { ...audio, first: 0, last: 499 },
  ]
  expect(expectationOfSent(spans, file(1, 8))).toMatchObject({ videoGaps: [{ startSeconds: 2, endSeconds: 4 }], audioGaps: [] })
  expect(expectationOfSent(spans, file(6, 3))).toMatchObject({ videoGaps: [] })
})

it('takes a mute that lasts until the end of the file for a gap', () => {
  const spans = [
    { ...audio, first: 0, last: 99 },
    { ...audio, first: 900, last: 999 },
  ]
  expect(expectationOfSent(spans, file(0, 6)).audioGaps).toEqual([{ startSeconds: 2, endSeconds: 6 }])
})
