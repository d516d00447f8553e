import type { CallbackStatus, Condition, Recording } from '@trtc-recorder/api'
import { describe, expect, it } from 'vitest'
import { afterTry, conditionOf, due } from './policy.ts'

const limits = { giveUpMillis: 86_400_000, giveUpDeletedMillis: 600_000 }
const since = Date.parse('2026-03-01T10:00:00Z')
const at = (seconds: number) => new Date(since + seconds * 1000)

const callback = (more: Partial<CallbackStatus> = {}): CallbackStatus => ({
  id: 'uid/result',
  state: 'Pending',
  attempts: 0,
  dueSince: at(0).toISOString(),
  nextAttemptTime: at(0).toISOString(),
  ...more,
})

function recording(
  status: CallbackStatus | undefined,
  more: { deletedAt?: Date; conditions?: Condition[]; wanted?: boolean } = {},
) {
  return {
    metadata: { generation: 2, ...(more.deletedAt && { deletionTimestamp: more.deletedAt.toISOString() }) },
    spec: more.wanted === false ? {} : { callback: { url: 'https://example.test/hook' } },
    status: { ...(status && { callback: status }), ...(more.conditions && { conditions: more.conditions }) },
  } as unknown as Recording
}

describe('due', () => {
  it.each<[string, Recording, Date, unknown]>([
    ['before there is a result', recording(undefined), at(0), { is: 'never' }],
    ['without a callback in the spec', recording(callback(), { wanted: false }), at(0), { is: 'never' }],
    ['after delivery', recording(callback({ state: 'Delivered' })), at(0), { is: 'never' }],
    ['after giving up', recording(callback({ state: 'GivenUp' })), at(0), { is: 'never' }],
    ['as soon as there is a result', recording(callback()), at(0), { is: 'now', callback: callback() }],
    [
      'before the next try',
      recording(callback({ nextAttemptTime: at(30).toISOString() })),
      at(10),
      { is: 'later', inMillis: 20_000 },
    ],
    [
      'after a clock was set back by a day',
      recording(callback({ nextAttemptTime: at(30).toISOString() })),
      at(-86_400),
      { is: 'now', callback: callback({ nextAttemptTime: at(30).toISOString() }) },
    ],
  ])('%s', (_, given, now, expected) => expect(due(given, now, limits)).toEqual(expected))

  it('does not let a deleted Recording wait longer than its time, wherever the back-off stands', () => {
    const waiting = callback({ attempts: 12, nextAttemptTime: at(900).toISOString() })
    expect(due(recording(waiting, { deletedAt: at(0) }), at(100), limits)).toEqual({ is: 'later', inMillis: 500_000 })
  })

  it('takes a missing next time for now', () => {
    const { nextAttemptTime: _, ...bare } = callback()
    expect(due(recording(bare), at(1), limits)).toMatchObject({ is: 'now' })
  })
})

describe('afterTry', () => {
  const failed = { outcome: 'refused' as const, statusCode: 503, message: 'https://example.test answered 503' }
  const next = (before: CallbackStatus, now: Date, deletedAt?: Date, random = () => 0) =>
    afterTry(recording(before, deletedAt ? { deletedAt } : {}), before, failed, now, limits, random)

  it('is over after an answer with 2xx, and forgets the last error', () => {
    const before = callback({ attempts: 2, lastError: 'refused', nextAttemptTime: at(5).toISOString() })
    expect(afterTry(recording(before), before, { outcome: 'delivered', statusCode: 204 }, at(9), limits)).toEqual({
      id: 'uid/result',
      state: 'Delivered',
      attempts: 3,
      dueSince: at(0).toISOString(),
      lastAttemptTime: at(9).toISOString(),
      lastStatusCode: 204,
      deliveredTime: at(9).toISOString(),
    })
  })

  it('waits 1 s, 2 s, 4 s … and never more than 10 min, with some jitter on top', () => {
    const waits = [0, 1, 2, 8, 9, 10, 40].map((attempts) => {
      const { nextAttemptTime } = next(callback({ attempts }), at(0))
      return (Date.parse(nextAttemptTime ?? '') - since) / 1000
    })
    expect(waits).toEqual([1, 2, 4, 256, 512, 600, 600])
    expect(Date.parse(next(callback(), at(0), undefined, () => 0.999).nextAttemptTime ?? '') - since).toBe(1199)
  })

  it('says what the last answer was, and keeps no code of an earlier one when there was none', () => {
    expect(next(callback(), at(0))).toMatchObject({ lastStatusCode: 503, lastError: failed.message, state: 'Pending' })
    const before = callback({ attempts: 1, lastStatusCode: 503 })
    const unreachable = { outcome: 'unreachable' as const, message: 'no connection' }
    expect(afterTry(recording(before), before, unreachable, at(2), limits)).not.toHaveProperty('lastStatusCode')
  })

  it('tries once more at the very end, and then gives up', () => {
    const late = next(callback({ attempts: 200 }), at(86_300))
    expect(late).toMatchObject({ state: 'Pending', nextAttemptTime: at(86_400).toISOString() })
    expect(next(late, at(86_400))).toMatchObject({ state: 'GivenUp', attempts: 202, lastError: failed.message })
    expect(next(late, at(86_400))).not.toHaveProperty('nextAttemptTime')
  })

  it('gives up sooner once the Recording is deleted, counted from the later of result and deletion', () => {
    expect(next(callback(), at(601), at(0)).state).toBe('GivenUp')
    expect(next(callback(), at(601), at(300)).state).toBe('Pending')
    expect(next(callback(), at(500), at(-7200)).state).toBe('Pending')
  })

  it('fits the error into the status', () => {
    const before = callback()
    const long = { outcome: 'unreachable' as const, message: 'x'.repeat(3000) }
    expect(afterTry(recording(before), before, long, at(0), limits).lastError).toHaveLength(512)
  })
})

describe('conditionOf', () => {
  const before: Condition = {
    type: 'CallbackDelivered',
    status: 'False',
    reason: 'Waiting',
    message: '',
    observedGeneration: 1,
    lastTransitionTime: at(-60).toISOString(),
  }

  it('moves its time only when its status changes', () => {
    const retrying = callback({
      attempts: 1,
      lastError: 'https://example.test answered 503',
      nextAttemptTime: at(1).toISOString(),
    })
    const first = conditionOf(recording(retrying, { conditions: [before] }), retrying, at(0))
    expect(first).toMatchObject({ status: 'False', reason: 'Retrying', lastTransitionTime: before.lastTransitionTime })
    expect(first.message).toBe(`Delivery 1 failed: https://example.test answered 503. The next is due at ${at(1).toISOString()}.`)
    const delivered = callback({ state: 'Delivered', attempts: 2, lastStatusCode: 200 })
    expect(conditionOf(recording(delivered, { conditions: [before] }), delivered, at(5))).toEqual({
      type: 'CallbackDelivered',
      status: 'True',
      reason: 'Delivered',
      message: 'Delivery 2 was answered with 200.',
      observedGeneration: 2,
      lastTransitionTime: at(5).toISOString(),
    })
  })
})
