import { describe, expect, test } from 'vitest'
import { type StopInput, stopDue } from './stop-policy.ts'

const seconds = (n: number) => n * 1000
const entered = seconds(1000)

const input = (more: Partial<StopInput> = {}): StopInput => ({
  startedAt: entered,
  idleSince: undefined,
  nothingSince: undefined,
  ...more,
})
const limits = { idleTimeoutSeconds: 300, startTimeoutSeconds: 60, reconnectWindowSeconds: 0 }

describe('stopping without being asked', () => {
  test.each([
    ['somebody publishes', input(), limits, entered + seconds(100_000), undefined],
    ['nobody has published yet', input({ idleSince: entered }), limits, entered + seconds(299), undefined],
    ['nobody ever published', input({ idleSince: entered }), limits, entered + seconds(300), 'Idle'],
    ['the limit is near', input(), { ...limits, maxDurationSeconds: 60 }, entered + seconds(59), undefined],
    ['the limit is reached', input(), { ...limits, maxDurationSeconds: 60 }, entered + seconds(60), 'MaxDuration'],
    ['nothing has arrived for a while', input({ nothingSince: entered }), limits, entered + seconds(59), undefined],
    ['nothing ever arrives', input({ nothingSince: entered }), limits, entered + seconds(60), 'MediaUnreachable'],
  ] as const)('%s', (_, state, limits, now, reason) => {
    expect(stopDue(state, limits, now)?.reason).toBe(reason)
  })

  test('the message names the limit and its value', () => {
    expect(stopDue(input({ idleSince: entered }), limits, entered + seconds(300))?.message).toContain(
      'limits.idleTimeoutSeconds (300 s)',
    )
  })
})
