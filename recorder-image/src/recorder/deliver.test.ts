import type { Manifest } from '@trtc-recorder/api'
import { describe, expect, test } from 'vitest'
import { makingMillis } from './deliver.ts'

const files = (...seconds: number[]) => ({ files: seconds.map((durationSeconds) => ({ durationSeconds })) }) as Manifest

describe('what is made of a recording may take', () => {
  test.each([
    ['of an hour of four users, a quarter of an hour and four hours', files(3600, 3600, 3600, 3600), 900, 15_300],
    ['of one that has recorded nothing, as long as storing', files(), 900, 900],
    ['of one that is to be stored at once, a minute more than it lasts', files(10), 0, 70],
  ])('%s', (_, manifest, uploadSeconds, seconds) => {
    expect(makingMillis(manifest, uploadSeconds)).toBe(seconds * 1000)
  })
})
