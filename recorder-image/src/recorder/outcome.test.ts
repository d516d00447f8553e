import { type LossTotals, noLosses } from '@trtc-recorder/api'
import { describe, expect, test } from 'vitest'
import { RecorderFailure } from './failure.ts'
import { type Fate, type FileFate, verdictOf } from './outcome.ts'
import type { Stop } from './stop-policy.ts'

const file = (fate: Fate, message = 'ok'): FileFate => ({
  fate,
  file: {
    userId: 'alice',
    stream: 'main',
    path: `lessons/${fate}.mp4`,
    url: '',
    status: fate === 'stored' ? 1 : 0,
    message,
    bytes: 1,
    durationSeconds: 1,
    startTime: '2026-01-01T00:00:00.000Z',
    attempt: 1,
    lostFrames: 0,
    lostSeconds: 0,
  },
})
const idle: Stop = { reason: 'Idle', message: 'Nobody there' }
const lost: Stop = { reason: 'BrowserFailed', message: 'The page crashed' }

describe('how the process ends', () => {
  test.each([
    ['everything is stored', idle, [file('stored')], 'Completed'],
    ['nobody sent anything', idle, [], 'Completed'],
    ['a file is not in COS yet', idle, [file('stored'), file('incomplete'), file('refused'), file('broken')], 'UploadIncomplete'],
    ['COS refused a file', idle, [file('broken'), file('refused')], 'UploadRefused'],
    ['a file is not whole', idle, [file('stored'), file('broken')], 'FileFailed'],
    ['the browser crashed, all is stored', lost, [file('stored')], 'Interrupted'],
    ['the browser crashed, a file is broken', lost, [file('broken')], 'Interrupted'],
    ['the browser crashed, COS refused', lost, [file('refused')], 'Interrupted'],
    ['the browser crashed, a file is not in COS yet', lost, [file('incomplete')], 'UploadIncomplete'],
  ] as const)('%s', (_, stop, fates, outcome) => {
    expect(verdictOf(stop, undefined, [...fates], noLosses).outcome).toBe(outcome)
  })

  test('a failure before recording comes first', () => {
    const failure = new RecorderFailure('RoomRefused', 'TRTC said no')
    expect(verdictOf(undefined, failure, [file('incomplete')], noLosses)).toEqual({
      outcome: 'RoomRefused',
      message: 'TRTC said no',
    })
  })

  test('what is missing is said, also where nothing of it could be counted, or nobody was recorded at all', () => {
    const lost = { stretches: 2, frames: 0, bytes: 0 }
    expect(verdictOf(idle, undefined, [file('stored')], lost).message).toBe(
      'Nobody there. 1 file is stored; something is missing in 2 stretches of time, see the manifest',
    )
    expect(verdictOf(idle, undefined, [], { ...lost, stretches: 1 }).message).toBe(
      'Nobody there. There is no file; something is missing in 1 stretch of time, see the manifest',
    )
  })

  test('how much is missing is said as it is known', () => {
    const message = (lost: LossTotals) => verdictOf(idle, undefined, [file('stored')], lost).message
    const lost = { stretches: 1, frames: 12, bytes: 0 }
    expect(message(lost)).toContain('; 12 frames are missing in 1 stretch of time')
    expect(message({ ...lost, frames: 1 })).toContain('; 1 frame is missing in')
    expect(message({ ...lost, framesAre: 'AtMost' })).toContain('; at most 12 frames are missing in')
  })

  test('the message says what is wrong with which file, and never exceeds the schema', () => {
    expect(verdictOf(idle, undefined, [file('stored'), file('refused', 'AccessDenied')], noLosses).message).toBe(
      'Nobody there. 1 of 2 files wait on the volume; lessons/refused.mp4: AccessDenied',
    )
    expect(verdictOf(idle, undefined, [file('refused', 'x'.repeat(3000))], noLosses).message.length).toBe(1024)
  })
})
