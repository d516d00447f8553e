import { expect, test } from 'vitest'
import { framesAsSent } from './check-file.ts'
import type { Media, VideoFrame } from './read-media.ts'

const sound = {} as NonNullable<Media['sound']>
const frame = (ptsSeconds: number, frameNumber: number) => ({ ptsSeconds, frameNumber, flash: false }) as VideoFrame

test('a first picture that is held from the start, because sound came before it, was sent once', () =>
  expect(framesAsSent({ sound, frames: [frame(0, 7), frame(0.12, 7), frame(0.15, 8)] })).toEqual([
    frame(0.12, 7),
    frame(0.15, 8),
  ]))

test.each([
  ['without sound there is nothing to wait for', { sound: undefined, frames: [frame(0, 7), frame(0.12, 7)] }],
  ['a picture that comes twice later on', { sound, frames: [frame(0, 6), frame(0.1, 7), frame(0.2, 7)] }],
  ['pictures that differ', { sound, frames: [frame(0, 6), frame(0.1, 7)] }],
  ['no pictures', { sound, frames: [] }],
])('%s: stays as it is', (_, media) => expect(framesAsSent(media)).toBe(media.frames))
