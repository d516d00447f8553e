import { expect, test } from 'vitest'
import { Ledger, type NoticedLoss } from '../ledger/ledger.ts'
import type { FinishedMedia } from '../media/media-file.ts'
import { describe as describeFile, type Keeping } from './kept-file.ts'
import { aJob } from './testing.ts'

const finished: FinishedMedia = {
  ...{
    head: { kind: 'inMemory', data: new Uint8Array(), bytes: 0 },
    bodyBytes: 100,
    ends: {},
    durationSeconds: 9,
    clockErrorMs: 0,
  },
  ...{ startTime: new Date(0), endTime: new Date(9000), times: [], events: [], check: null },
}
const origin = { name: 'a.mp4', userId: 'alice', stream: 'main' as const, attempt: 1, part: 1, openedMicros: 0 }
const keeping: Keeping = { origin, state: 'finishing', content: undefined, finished, dealtWith: Promise.resolve(undefined) }
const loss = (reason: NoticedLoss['reason'], frames: number, more: Partial<NoticedLoss> = {}): NoticedLoss => ({
  ...{ userId: 'alice', stream: 'main', medium: 'video', fromMicros: 1e6, toMicros: 2e6, frames, bytes: 10, reason },
  ...{ file: 'a.mp4', detail: '' },
  ...more,
})

test('how many are missing at most is said, and that it is no more than that', () => {
  const ledger = new Ledger()
  ledger.add(loss('LostInNetwork', 3))
  ledger.add(loss('LostInNetwork', 20, { framesAre: 'AtMost' }))
  expect(describeFile(keeping, aJob(), ledger)).toMatchObject({
    message: 'ok, but at most 23 frames are missing in 1 s: LostInNetwork',
    lostFrames: 23,
    lostFramesAre: 'AtMost',
  })
})

test.each([
  [[], 'ok', 0],
  [[loss('Unproven', 7)], 'ok; 7 pictures may show disturbed', 0],
  [[loss('LostInNetwork', 3)], 'ok, but 3 frames are missing in 1 s: LostInNetwork', 3],
  [
    [loss('LostInNetwork', 3), loss('Unproven', 7)],
    'ok, but 3 frames are missing in 1 s: LostInNetwork; 7 pictures may show disturbed',
    3,
  ],
])('what is in a file and may show disturbed is said, and is not missing: %#', (losses, message, lostFrames) => {
  const ledger = new Ledger()
  for (const loss of losses) ledger.add(loss)
  expect(describeFile(keeping, aJob(), ledger)).toMatchObject({ message, lostFrames })
  expect(ledger.totals.frames).toBe(lostFrames)
})
