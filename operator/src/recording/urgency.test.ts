import type { Recording } from '@trtc-recorder/api'
import { expect, test } from 'vitest'
import { aRecording } from './testing.ts'
import { World } from './testing-world.ts'
import { urgencyOfPod, urgencyOfRecording } from './urgency.ts'

const fresh = aRecording()
const known: Recording = {
  ...fresh,
  status: { ...fresh.status!, attempts: [{ number: 1, pod: 'math-a1', volume: 'math-v1' }] },
} as Recording
const becomes = (metadata: Partial<Recording['metadata']>) =>
  urgencyOfRecording({ type: 'updated', previous: known, object: { ...known, metadata: { ...known.metadata, ...metadata } } })

test('who has no recorder yet comes before who has one', () => {
  expect(urgencyOfRecording({ type: 'added', object: fresh })).toBe('high')
  expect(urgencyOfRecording({ type: 'added', object: known })).toBe('low')
  expect(urgencyOfRecording({ type: 'resynced', object: known })).toBe('low')
})

test('what somebody wants of a Recording comes before what the operator says of it', () => {
  expect(becomes({ resourceVersion: '2', annotations: structuredClone(known.metadata.annotations)! })).toBe('low')
  expect(becomes({ generation: 2 })).toBe('high')
  expect(becomes({ deletionTimestamp: '2026-03-01T10:00:00Z' })).toBe('high')
  expect(becomes({ annotations: { 'trtc-recorder.dev/give-up': 'now' } })).toBe('high')
})

test('the end of a recorder comes before the news of one that goes on', () => {
  const world = new World().settle().scheduled().inRoom()
  expect(urgencyOfPod({ type: 'updated', previous: world.pod, object: world.pod })).toBe('low')
  expect(urgencyOfPod({ type: 'deleted', object: world.pod })).toBe('high')
  const running = world.pod
  world.carryOut = () => {}
  world.ends(undefined)
  expect(urgencyOfPod({ type: 'updated', previous: running, object: world.pod })).toBe('high')
})
