import { describe, expect, test } from 'vitest'
import { holderOf, IdentityClaims } from './fencing.ts'
import { aRecording, at } from './testing.ts'

const made = (uid: string, seconds: number, status = {}) => ({
  ...aRecording({}, { uid, name: uid, namespace: `ns-${uid}`, creationTimestamp: at(seconds).toISOString() }),
  status,
})
const attempts = [{ number: 1, pod: 'x-1', podUid: 'x' }]
const finished = { completionTime: at(100).toISOString(), attempts }

describe('who holds an identity', () => {
  test('the earliest that is not finished, in whatever namespace', () => {
    expect(holderOf([made('b', 2), made('a', 3), made('c', 1)])?.metadata.uid).toBe('c')
    expect(holderOf([made('b', 2), made('c', 1, finished)])?.metadata.uid).toBe('b')
  })

  test('the smaller UID, of two made in the same second', () => {
    expect(holderOf([made('b', 1), made('a', 1)])?.metadata.uid).toBe('a')
  })

  test('the one whose recorder was made, whatever the order says', () => {
    expect(holderOf([made('a', 1), made('b', 1, { attempts })])?.metadata.uid).toBe('b')
  })

  test('not the one that only finishes and uploads its files, however long that takes', () => {
    const left = [{ number: 1, pod: 'x-1', podUid: 'x', leftTime: at(50).toISOString() }]
    const uploading = [{ number: 1, pod: 'x-1', podUid: 'x', uploadOnly: true }]
    const wants = made('b', 2)
    expect(holderOf([made('a', 1, { attempts: left }), wants])?.metadata.uid).toBe('b')
    expect(holderOf([made('a', 1, { attempts: uploading, stopReason: 'Idle' }), wants])?.metadata.uid).toBe('b')
    const between = [{ number: 1, pod: 'x-1', podUid: 'x', endTime: at(60).toISOString(), reason: 'UploadIncomplete' }]
    expect(holderOf([made('a', 1, { attempts: between, stopReason: 'Idle' }), wants])?.metadata.uid).toBe('b')
  })

  test('the one that was in the room and goes on, before one that never was', () => {
    const between = [{ number: 1, pod: 'x-1', podUid: 'x', endTime: at(60).toISOString(), reason: 'Interrupted' }]
    expect(holderOf([made('a', 1), made('b', 2, { attempts: between, startTime: at(5).toISOString() })])?.metadata.uid).toBe('b')
  })

  const condition = (type: 'Succeeded' | 'Stalled', status: 'True' | 'Unknown', reason: string) => ({
    ...{ type, status, reason, message: '', observedGeneration: 1, lastTransitionTime: at(9).toISOString() },
  })
  const ended = (reason: string, over: object = {}) => [
    { number: 1, pod: 'x-a1', podUid: 'x', startTime: at(2).toISOString(), endTime: at(9).toISOString(), reason, ...over },
  ]
  const open = (over: object = {}) => [{ number: 1, pod: 'x-a1', podUid: 'x', state: 'Running', ...over }]
  const entered = { startTime: at(2).toISOString() }
  /** Every stage of a Recording, and whether another with its identity has to wait for it. */
  const stages: [stage: string, holds: boolean, status: object][] = [
    ['nothing is told of it yet', true, {}],
    ['its Pod is about to be made', true, { attempts: open({ state: 'Planned', podUid: undefined }) }],
    ['its Pod waits for a node', true, { attempts: open({ state: 'Planned' }) }],
    ['its recorder is on its way', true, { attempts: open() }],
    ['its recorder is in the room', true, { attempts: open(entered), ...entered }],
    [
      'its recorder is paused',
      true,
      { attempts: open(entered), ...entered, conditions: [condition('Succeeded', 'Unknown', 'Paused')] },
    ],
    [
      'its node is silent',
      true,
      { attempts: open(entered), ...entered, conditions: [condition('Succeeded', 'Unknown', 'NodeLost')] },
    ],
    [
      'it was asked to stop, and its recorder is still there',
      true,
      { attempts: open(entered), ...entered, stopRequestedTime: at(8).toISOString() },
    ],
    [
      'its next attempt begins shortly',
      true,
      { attempts: ended('Interrupted'), ...entered, conditions: [condition('Succeeded', 'Unknown', 'RetryScheduled')] },
    ],
    [
      'its recorder was left behind, and the next one begins',
      true,
      { attempts: open({ state: 'LeftBehind', reason: 'NodeSilent' }), ...entered },
    ],
    ['its recorder finishes its files', false, { attempts: open({ ...entered, leftTime: at(8).toISOString() }), ...entered }],
    [
      'its recorder has ended, and what it has is uploaded',
      false,
      { attempts: ended('UploadIncomplete'), ...entered, stopReason: 'Idle' },
    ],
    [
      'its volume is being deleted, and holds what is not in COS',
      false,
      {
        attempts: ended('UploadIncomplete'),
        ...entered,
        stopReason: 'Idle',
        conditions: [condition('Succeeded', 'Unknown', 'Pending')],
      },
    ],
    [
      'all its volumes are out of reach, and only a person can help',
      false,
      {
        attempts: ended('NodeSilent'),
        ...entered,
        conditions: [condition('Succeeded', 'Unknown', 'VolumeUnreachable'), condition('Stalled', 'True', 'VolumeUnreachable')],
      },
    ],
    ['it waits for a Secret', false, { attempts: ended('SecretNotFound'), ...entered }],
    ['COS refuses what it has', false, { attempts: ended('UploadRefused'), ...entered }],
    [
      'it waits in line',
      false,
      { attempts: ended('Interrupted'), ...entered, conditions: [condition('Succeeded', 'Unknown', 'Queued')] },
    ],
    ['its Pod is refused', false, { attempts: [{ number: 1, pod: 'x-a1', refusedTimes: 1, refusedTime: at(1).toISOString() }] }],
    ['it was never in the room, and tries again', false, { attempts: ended('StartTimeout', { startTime: undefined }) }],
    ['it is over', false, { ...finished, stopReason: 'Idle' }],
  ]

  test.each(stages)('is held while %s: %s', (_, isHeld, status) => {
    const later = made('b', 2)
    expect(holderOf([made('a', 1, status), later], undefined, 'b')?.metadata.uid).toBe(isHeld ? 'a' : 'b')
  })

  test.each([
    ['whose Pod the API server refused', [{ number: 1, pod: 'x-a1', refusedTimes: 1, refusedTime: at(1).toISOString() }], {}],
    ['that has never been in the room, between two attempts', [{ number: 1, pod: 'x-a1', endTime: at(9).toISOString() }], {}],
    [
      'that waits for somebody to mend something',
      [{ number: 1, pod: 'x-a1', endTime: at(9).toISOString(), reason: 'RoomRefusedAgain' }],
      { startTime: at(5).toISOString() },
    ],
  ])('not one without a Pod %s', (_, attempts, more) => {
    expect(holderOf([made('a', 1, { attempts, ...more }), made('b', 2)])?.metadata.uid).toBe('b')
    expect(holderOf([made('a', 1, { attempts, ...more }), made('b', 2)], undefined, 'a')?.metadata.uid).toBe('a')
  })

  test('nobody, when all are finished', () => {
    expect(holderOf([made('a', 1, finished)])).toBeUndefined()
  })
})

describe('claims within one process', () => {
  test('hold against one that comes later with a smaller UID in the same second', () => {
    const claims = new IdentityClaims()
    const [b, a] = [made('b', 1), made('a', 1)]
    expect(claims.holderFor('room', b, [b]).metadata.uid).toBe('b')
    claims.claim('room', b)
    expect(claims.holderFor('room', a, [a, b]).metadata.uid).toBe('b')
  })

  test('go to the next when the holder is finished, deleted or released', () => {
    const claims = new IdentityClaims()
    const [a, b, c] = [made('a', 1), made('b', 2), made('c', 3)]
    claims.claim('room', a)
    expect(claims.holderFor('room', b, [{ ...a, status: finished }, b, c]).metadata.uid).toBe('b')
    claims.claim('room', b)
    claims.release('room', b)
    expect(claims.holderFor('room', c, [c]).metadata.uid).toBe('c')
  })

  test('of different identities do not meet', () => {
    const claims = new IdentityClaims()
    expect(claims.holderFor('one', made('a', 1), [made('a', 1)]).metadata.uid).toBe('a')
    expect(claims.holderFor('two', made('b', 2), [made('b', 2)]).metadata.uid).toBe('b')
  })
})
