import { expect, it } from 'vitest'
import { sendingOrder } from './clip.ts'

it('frames are sent in the order in which they are shown', () =>
  expect(sendingOrder({ codec: 'h264', fps: 3, loopSeconds: 2 })).toEqual([0, 1, 2, 3, 4, 5]))

it('but for B frames, two of which come after the frame that follows them, each second on its own', () =>
  expect(sendingOrder({ codec: 'h264 b', fps: 6, loopSeconds: 2 })).toEqual([0, 3, 1, 2, 5, 4, 6, 9, 7, 8, 11, 10]))
