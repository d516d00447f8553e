import { expect, it } from 'vitest'
import { defaultClip, keyFramesOf, sendingOrder } from './clip.ts'

it('frames are sent in the order in which they are shown', () =>
  expect(sendingOrder({ codec: 'h264', fps: 3, loopSeconds: 2 })).toEqual([0, 1, 2, 3, 4, 5]))

it('but for B frames, two of which come after the frame that follows them, each second on its own', () =>
  expect(sendingOrder({ codec: 'h264 b', fps: 6, loopSeconds: 2 })).toEqual([0, 3, 1, 2, 5, 4, 6, 9, 7, 8, 11, 10]))

it.each([
  [5, [0, 1, 2, 3, 4]],
  [15, [0, 3, 6, 9, 12]],
  [3, [0, 1, 2]],
])('a clip of %i frames a second can have a key frame within a fifth of a second', (fps, frames) =>
  expect(keyFramesOf({ ...defaultClip, fps, keyFrames: 'onRequest' })).toEqual(frames),
)
