import { expect, test } from 'vitest'
import { outlookOf } from './outlook.ts'

const GiB = 1024 ** 3
const room = (seconds: number, freeBytes: number, releasableBytes = 0) => ({
  ...{ at: seconds * 1000, freeBytes, releasableBytes },
  totalBytes: 10 * GiB,
})

test.each([
  ['nothing is known of the pace at first', [room(0, 5 * GiB)], null, false, false],
  ['2 GiB used in two minutes, 4 left', [room(0, 6 * GiB), room(120, 4 * GiB)], 4, true, true],
  ['a slow recording', [room(0, 6 * GiB), room(120, 6 * GiB - 15e6)], 856, false, false],
  ['files that are stored free more than is written', [room(0, 4 * GiB), room(120, 5 * GiB)], null, false, false],
  ['little is left, though nothing is used', [room(0, 0.9 * GiB), room(120, 0.9 * GiB)], null, true, true],
  ['what COS has can be given back', [room(0, 0.9 * GiB, 8 * GiB), room(120, 0.8 * GiB, 8.1 * GiB)], null, false, true],
  ['COS takes nothing any more', [room(0, 1 * GiB, 3 * GiB), room(120, 0.5 * GiB, 3 * GiB)], 14, true, true],
  ['the same at a tenth of the pace', [room(0, 1 * GiB, 3 * GiB), room(120, 0.95 * GiB, 3 * GiB)], 158, false, true],
])('%s', (_, rooms, minutesLeft, isLow, releaseIsDue) => {
  expect(outlookOf(rooms)).toMatchObject({ outlook: { minutesLeft, isLow }, releaseIsDue })
})
