import { type Attempt, recorderOutcomes, type TroubleWord } from '@trtc-recorder/api'
import { describe, expect, test } from 'vitest'
import { delayMillis, failuresInARow, keepLast, nextLookMillis, nextNumber } from './attempts.ts'
import { openRecorder, openUpload } from './stage.ts'
import { at } from './testing.ts'

/** Attempts that ended for these reasons; one with `+` had been in the room for so many seconds. */
function history(...words: `${TroubleWord}${'' | `+${number}`}`[]): Attempt[] {
  return words.map((word, index) => {
    const [reason, seconds] = word.split('+') as [keyof typeof recorderOutcomes, string | undefined]
    const begin = index * 1000
    return {
      number: index + 1,
      pod: `math-${index + 1}`,
      podUid: `uid-${index + 1}`,
      reason,
      endTime: at(begin + Number(seconds ?? 0)).toISOString(),
      ...(reason in recorderOutcomes ? { exitCode: recorderOutcomes[reason].exitCode } : {}),
      ...(seconds === undefined ? {} : { startTime: at(begin).toISOString() }),
    }
  })
}

const exitedWithSuccess = (attempt: Attempt): Attempt => ({ ...attempt, exitCode: 0 })

describe('how long to wait', () => {
  test.each([
    [['StartTimeout'], 5],
    [['StartTimeout', 'StartTimeout', 'Crashed'], 20],
    [Array(10).fill('StartTimeout'), 300],
    [['SecretNotFound'], 5],
    [['SecretNotFound', 'SecretNotFound', 'SecretNotFound', 'SecretNotFound'], 40],
    [Array(10).fill('SecretNotFound'), 300],
    [Array(10).fill('UploadRefused'), 300],
    [['StartTimeout', 'StartTimeout', 'SecretNotFound'], 5],
    [['Crashed+600', 'Interrupted+5'], 5],
    [['Interrupted+5', 'Interrupted+5'], 10],
    [['Interrupted+5', 'Interrupted+600'], 5],
  ] as [Parameters<typeof history>, number][])('after %j: %i s', (words, seconds) => {
    expect(delayMillis(history(...words))).toBe(seconds * 1000)
  })

  test.each([
    [['Evicted+3'], 0],
    [['Evicted+3', 'Terminated+3'], 5],
    [Array(10).fill('Terminated+3'), 300],
    [['Evicted+3', 'Evicted+3', 'Evicted+90'], 0],
    [['Evicted+90', 'Evicted+3'], 0],
  ] as [Parameters<typeof history>, number][])(
    'after recorders that were sent away in good health, %j: %i s',
    (words, seconds) => {
      expect(delayMillis(history(...words).map(exitedWithSuccess))).toBe(seconds * 1000)
    },
  )
})

test('what stays the same is looked at less and less often', () => {
  const after = { firstSeconds: 30, longestSeconds: 600 }
  expect([0, 10, 60, 300, 3600].map((seconds) => nextLookMillis(after, 0, seconds * 1000) / 1000)).toEqual([30, 30, 60, 300, 600])
})

describe('failures in a row', () => {
  test.each([
    [['StartTimeout', 'Crashed', 'OOMKilled'], 3],
    [['StartTimeout', 'Interrupted+5'], 0],
    [['StartTimeout', 'SecretNotFound', 'StartTimeout'], 1],
    [['Interrupted+5', 'StartTimeout'], 1],
    [['UploadIncomplete', 'UploadIncomplete'], 0],
  ] as [Parameters<typeof history>, number][])('%j: %i', (words, count) => {
    expect(failuresInARow(history(...words))).toBe(count)
  })
})

describe('the list', () => {
  test('keeps its numbers when it is cut', () => {
    const kept = keepLast(history(...(Array(25).fill('SecretNotFound') as 'SecretNotFound'[])))
    expect(kept).toHaveLength(20)
    expect(nextNumber(kept)).toBe(26)
  })

  test('loses what repeats itself before what explains the recording', () => {
    const kept = keepLast(history('OOMKilled+5', 'RoomRefused', ...(Array(20).fill('UploadIncomplete') as 'UploadIncomplete'[])))
    expect(kept.slice(0, 3).map((attempt) => attempt.reason)).toEqual(['OOMKilled', 'RoomRefused', 'UploadIncomplete'])
    expect(kept).toHaveLength(20)
  })

  test('keeps what has not ended, however old it is', () => {
    const leftBehind: Attempt = { number: 1, pod: 'math-1', podUid: 'x', state: 'LeftBehind' }
    const later = history(...(Array(24).fill('StartTimeout') as 'StartTimeout'[])).map((one) => ({
      ...one,
      number: one.number + 1,
    }))
    expect(keepLast([leftBehind, ...later])[0]).toBe(leftBehind)
  })

  test('has at most one recorder under way, and one upload', () => {
    const recorder: Attempt = { number: 2, pod: 'math-2' }
    const upload: Attempt = { number: 3, pod: 'math-3', uploadOnly: true }
    const all = [...history('Crashed'), recorder, upload]
    expect([openRecorder(all), openUpload(all)]).toEqual([recorder, upload])
    expect([openRecorder(history('Crashed')), openUpload(history('Crashed'))]).toEqual([undefined, undefined])
  })
})
