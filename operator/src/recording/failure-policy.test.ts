import { type RecorderOutcome, recorderOutcomes, type StopReason, type TroubleWord } from '@trtc-recorder/api'
import { describe, expect, test } from 'vitest'
import { type Circumstances, judge } from './failure-policy.ts'
import type { PodEnd } from './pod-state.ts'
import { aResult } from './testing.ts'

const ended = (over: Partial<PodEnd> = {}): PodEnd => ({
  time: '2026-03-01T10:00:00.000Z',
  node: 'node-1',
  ran: true,
  exitCode: 137,
  cause: undefined,
  message: 'Kubernetes said so',
  result: undefined,
  ...over,
})

const inTheRoom: Circumstances = {
  ...{ asked: undefined, entered: true, role: 'records', wasLatest: true },
  ...{ isOpenAgain: false, isOvertaken: false, isWanted: false },
}

const said = (outcome: RecorderOutcome, stopReason: StopReason, over: Partial<PodEnd> = {}) =>
  ended({ exitCode: recorderOutcomes[outcome].exitCode, result: aResult({ outcome, stopReason }), ...over })

describe('a recorder that left no result', () => {
  const rows: [string, Partial<PodEnd>, TroubleWord][] = [
    ['was evicted', { cause: 'Evicted' }, 'Evicted'],
    ['ran out of memory', { cause: 'OOMKilled' }, 'OOMKilled'],
    ['was on a node that was lost', { cause: 'NodeLost', exitCode: undefined }, 'NodeLost'],
    ['was in a Pod that was deleted', { cause: 'PodDeleted' }, 'PodDeleted'],
    ['never ran', { ran: false, exitCode: undefined }, 'NotStarted'],
    ['never ran and was evicted', { ran: false, exitCode: undefined, cause: 'Evicted' }, 'NotStarted'],
    ['was killed by a signal', { exitCode: 139 }, 'Crashed'],
    ['ended with an exit code of the contract', { exitCode: 14 }, 'RoomRefused'],
    ['ended with success but proves nothing', { exitCode: 0 }, 'Crashed'],
    ['ended as any process that throws', { exitCode: 1 }, 'Crashed'],
  ]
  test.each(rows)('and %s', (_, over, reason) => {
    const judgement = judge(ended(over), inTheRoom)
    expect(judgement.reason).toBe(reason)
    expect(judgement.stopReason).toBeUndefined()
    expect(judgement.message.length).toBeGreaterThan(10)
  })

  test('and never ran has made way, where somebody waits for its identity and it was in no room before', () => {
    const unscheduled = ended({ ran: false, exitCode: undefined, cause: 'PodDeleted' })
    const wanted = { ...inTheRoom, entered: false, isWanted: true }
    expect(judge(unscheduled, wanted)).toMatchObject({ reason: 'IdentityInUse' })
    expect(judge(unscheduled, { ...wanted, asked: 'StopRequested' }).stopReason).toBe('StopRequested')
    expect(judge(unscheduled, { ...wanted, entered: true }).reason).toBe('NotStarted')
    expect(judge(ended(), wanted).reason).toBe('Crashed')
  })

  test('is over when it was to be over', () => {
    expect(judge(ended(), { ...inTheRoom, asked: 'StopRequested' })).toMatchObject({
      reason: 'Crashed',
      stopReason: 'StopRequested',
    })
  })

  test('is told what to do about memory', () => {
    expect(judge(ended({ cause: 'OOMKilled' }), inTheRoom).message).toContain('spec.resources.limits.memory')
  })
})

describe('a recorder that says what happened', () => {
  // outcome, why it stopped, asked to stop, had entered → reason, recording is over because
  const rows: [RecorderOutcome, StopReason, StopReason | undefined, boolean, TroubleWord, StopReason | undefined][] = [
    ['Completed', 'RoomDismissed', undefined, true, 'Completed', 'RoomDismissed'],
    ['Completed', 'RemovedByApi', undefined, true, 'Completed', 'RemovedByApi'],
    ['Completed', 'DuplicateUser', undefined, true, 'Completed', 'DuplicateUser'],
    ['Completed', 'Idle', undefined, true, 'Completed', 'Idle'],
    ['Completed', 'MaxDuration', undefined, true, 'Completed', 'MaxDuration'],
    ['Completed', 'Terminated', 'StopRequested', true, 'Completed', 'StopRequested'],
    ['Completed', 'Terminated', 'Deleted', true, 'Completed', 'Deleted'],
    ['Completed', 'Terminated', undefined, true, 'Terminated', undefined],
    ['Interrupted', 'RoomLost', undefined, true, 'Interrupted', undefined],
    ['Interrupted', 'BrowserFailed', undefined, true, 'Interrupted', undefined],
    ['Interrupted', 'RoomLost', 'StopRequested', true, 'Interrupted', 'StopRequested'],
    ['MediaUnreachable', 'MediaUnreachable', undefined, true, 'MediaUnreachable', undefined],
    ['MediaUnreachable', 'RoomDismissed', undefined, true, 'MediaUnreachable', 'RoomDismissed'],
    ['MediaUnreachable', 'Terminated', 'StopRequested', true, 'MediaUnreachable', 'StopRequested'],
    ['StorageFull', 'StorageFull', undefined, true, 'StorageFull', undefined],
    ['StorageFull', 'StorageFull', 'StopRequested', true, 'StorageFull', 'StopRequested'],
    ['UploadIncomplete', 'Idle', undefined, true, 'UploadIncomplete', 'Idle'],
    ['UploadIncomplete', 'Terminated', undefined, true, 'UploadIncomplete', undefined],
    ['UploadRefused', 'Idle', undefined, true, 'UploadRefused', 'Idle'],
    ['UploadRefused', 'RoomLost', undefined, true, 'UploadRefused', undefined],
    ['FileFailed', 'RemovedByApi', undefined, true, 'FileFailed', 'RemovedByApi'],
    ['FileFailed', 'Terminated', undefined, true, 'FileFailed', undefined],
    ['InternalError', 'BrowserFailed', undefined, false, 'InternalError', undefined],
    ['StartTimeout', 'NeverStarted', undefined, false, 'StartTimeout', undefined],
    ['SecretNotFound', 'NeverStarted', undefined, false, 'SecretNotFound', undefined],
    ['InvalidJob', 'NeverStarted', undefined, false, 'InvalidJob', 'NeverStarted'],
    ['RoomRefused', 'NeverStarted', undefined, false, 'RoomRefused', 'NeverStarted'],
    ['RoomRefused', 'NeverStarted', undefined, true, 'RoomRefusedAgain', undefined],
    ['VolumeUnusable', 'NeverStarted', undefined, false, 'VolumeUnusable', undefined],
  ]
  test.each(rows)('%s, %s, asked: %s, entered: %s', (outcome, stop, asked, entered, reason, over) => {
    const judgement = judge(said(outcome, stop), { ...inTheRoom, asked, entered })
    expect(judgement.reason).toBe(reason)
    expect(judgement.stopReason).toBe(over)
  })

  test('covers every outcome', () => {
    expect(new Set(rows.map(([outcome]) => outcome))).toEqual(new Set(Object.keys(recorderOutcomes)))
  })

  test('and was sent away is told from one that was evicted and one whose Pod was deleted', () => {
    expect(judge(said('Completed', 'Terminated', { cause: 'Evicted' }), inTheRoom).reason).toBe('Evicted')
    expect(judge(said('Completed', 'Terminated', { cause: 'PodDeleted' }), inTheRoom).reason).toBe('PodDeleted')
  })
})

describe('a recorder that was left behind', () => {
  const leftBehind: Circumstances = { ...inTheRoom, role: 'leftBehind' }

  test.each(['DuplicateUser', 'Idle', 'MaxDuration', 'Terminated', 'RoomLost'] as const)(
    'and stopped for %s says nothing of the recording',
    (stop) => {
      for (const asked of [undefined, 'StopRequested'] as const)
        expect(judge(said('Completed', stop), { ...leftBehind, asked }).stopReason).toBeUndefined()
    },
  )

  test.each(['RoomDismissed', 'RemovedByApi'] as const)(
    'and stopped for %s ends it, unless one that came later was there',
    (stop) => {
      expect(judge(said('Completed', stop), leftBehind)).toMatchObject({ reason: 'Completed', stopReason: stop })
      expect(judge(said('UploadIncomplete', stop), leftBehind)).toMatchObject({ reason: 'UploadIncomplete', stopReason: stop })
      expect(judge(said('Completed', stop), { ...leftBehind, wasLatest: false }).stopReason).toBeUndefined()
      expect(judge(said('Completed', stop), { ...leftBehind, role: 'uploads' }).stopReason).toBeUndefined()
    },
  )

  test.each([
    ['RoomDismissed', undefined],
    ['RemovedByApi', 'RemovedByApi'],
  ] as const)('and stopped for %s, where one that came later records in the room, ends it: %s', (stop, over) => {
    expect(judge(said('Completed', stop), { ...leftBehind, isOpenAgain: true }).stopReason).toBe(over)
  })
})

test('a recorder that one left behind has sent out does not end the recording', () => {
  const judgement = judge(said('Completed', 'DuplicateUser'), { ...inTheRoom, isOvertaken: true })
  expect(judgement).toMatchObject({ reason: 'Terminated', message: expect.stringContaining('left behind on a silent node') })
  expect(judgement.stopReason).toBeUndefined()
})

test('an upload says nothing of when the recording ends', () => {
  const judgement = judge(said('Completed', 'NeverStarted'), { ...inTheRoom, asked: 'StopRequested', role: 'uploads' })
  expect(judgement).toEqual({ reason: 'Completed', message: expect.any(String) })
})

describe('a recorder of another release', () => {
  const words = { ...aResult(), outcome: 'Paused', stopReason: 'RoomMerged' }

  test('that says what is not known here is not taken at its exit code, and its own word is told', () => {
    const judgement = judge(ended({ exitCode: 0, result: words }), inTheRoom)
    expect(judgement).toMatchObject({ reason: 'ResultUnknown', message: expect.stringContaining('Paused') })
    expect(judgement.stopReason).toBeUndefined()
  })

  test('still ends the recording where that is known', () => {
    expect(judge(ended({ result: { ...words, stopReason: 'Idle' } }), inTheRoom)).toMatchObject({ stopReason: 'Idle' })
  })
})

test('a result of which not all could be read is said to be that', () => {
  const judgement = judge(said('Completed', 'Idle', { result: aResult({ filesOmitted: 30, stopReason: 'Idle' }) }), inTheRoom)
  expect(judgement).toMatchObject({ reason: 'ResultUnknown', stopReason: 'Idle', message: expect.stringContaining('30 files') })
})
