import { expect, test } from 'vitest'
import { outlookOf } from './outlook.ts'

const GiB = 1024 ** 3
const room = (seconds: number, freeBytes: number, totalBytes = 10 * GiB) => ({ at: seconds * 1000, freeBytes, totalBytes })

test.each([
  ['nothing is known of the pace at first', [room(0, 5 * GiB)], null, false],
  ['2 GiB used in two minutes, 4 left', [room(0, 6 * GiB), room(120, 4 * GiB)], 4, true],
  ['a slow recording', [room(0, 6 * GiB), room(120, 6 * GiB - 15e6)], 856, false],
  ['uploads free more than is written', [room(0, 4 * GiB), room(120, 5 * GiB)], null, false],
  ['little is left, though nothing is used', [room(0, 0.9 * GiB), room(120, 0.9 * GiB)], null, true],
])('%s', (_, rooms, minutesLeft, isLow) => expect(outlookOf(rooms)).toMatchObject({ minutesLeft, isLow }))
