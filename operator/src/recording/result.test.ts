import { describe, expect, test } from 'vitest'
import type { Pod } from '../kube/types.ts'
import { mergeFiles, withResult } from './files.ts'
import { recorderPod } from './pod.ts'
import { podState } from './pod-state.ts'
import { resultInLog, terminationResult } from './result.ts'
import { aFile, aRecording, aResult, at, endPod, enter, podConfig, run } from './testing.ts'

const aPod = () => {
  const pod = structuredClone(recorderPod(aRecording(), { attempt: 1, uploadOnly: false }, podConfig)) as unknown as Pod
  pod.metadata.creationTimestamp = at(0).toISOString()
  return pod
}

describe('the termination message', () => {
  test('is the result', () => {
    const pod = aPod()
    endPod(pod, at(10), aResult({ files: [aFile('alice')] }))
    expect(terminationResult(pod)).toMatchObject({ outcome: 'Completed', files: [{ userId: 'alice' }] })
  })

  test.each(['', 'Error: boom', '{"outcome":"Completed"}', '{'])('is nothing when it is %j', (message) => {
    const pod = aPod()
    endPod(pod, at(10), undefined)
    pod.status!.containerStatuses![0]!.state!.terminated!.message = message
    expect(terminationResult(pod)).toBeUndefined()
  })
})

describe('the log', () => {
  const line = (value: unknown) => JSON.stringify(value)
  test('has the result in its last line that says so', () => {
    const log = [
      line({ msg: 'result', result: aResult({ attempt: 1 }) }),
      line({ msg: 'Uploaded', file: 'result' }),
      line({ level: 30, msg: 'result', result: aResult({ attempt: 2, files: [aFile('alice')] }) }),
      'Chromium says "result"',
      '',
    ].join('\n')
    expect(resultInLog(log)).toMatchObject({ attempt: 2, files: [{ userId: 'alice' }] })
  })

  test('may have none', () => {
    expect(resultInLog('nothing\n{"msg":"result"}')).toBeUndefined()
  })
})

describe('files of several attempts', () => {
  const failed = aFile('alice', { status: 0, message: 'writing to COS' })
  test('are one a path, and stored wins', () => {
    expect(mergeFiles([failed], [aFile('alice')])).toMatchObject([{ status: 1 }])
    expect(mergeFiles([aFile('alice')], [failed])).toMatchObject([{ status: 1 }])
    expect(mergeFiles([failed], [{ ...failed, message: 'later' }])).toMatchObject([{ message: 'later' }])
  })

  test('stand in the order of their start', () => {
    const second = aFile('bob', { path: 'b', startTime: '2026-03-01T10:00:09.000Z' })
    expect(mergeFiles([second], [aFile('alice')]).map((file) => file.userId)).toEqual(['alice', 'bob'])
  })

  test('are listed up to 500 and counted beyond', () => {
    const many = Array.from({ length: 600 }, (_, index) => aFile('alice', { path: `p${index}` }))
    const fields = withResult({}, aResult({ files: many }))
    expect(fields.files).toHaveLength(500)
    expect(fields.fileCount).toBe(600)
  })
})

describe('the state of a Pod', () => {
  const stateOf = (change: (pod: Pod) => void, now = at(100)) => {
    const pod = aPod()
    change(pod)
    return podState(pod, { kind: 'none' }, now)
  }
  const deleted =
    (seconds: number, change: (pod: Pod) => void = () => {}) =>
    (pod: Pod) => {
      change(pod)
      pod.metadata.deletionTimestamp = at(seconds).toISOString()
    }

  test('is unscheduled, starting, in the room', () => {
    expect(stateOf(() => {})).toMatchObject({ kind: 'unscheduled', reason: 'Pending' })
    expect(stateOf((pod) => run(pod, at(1)))).toMatchObject({ kind: 'starting' })
    expect(stateOf((pod) => enter(pod, at(3)))).toEqual({ kind: 'inRoom', since: at(3).toISOString() })
  })

  test('has ended when it was deleted before a node had it, and not when one has', () => {
    expect(stateOf(deleted(100))).toMatchObject({ kind: 'ended', end: { ran: false, cause: 'PodDeleted' } })
    expect(stateOf(deleted(100, (pod) => run(pod, at(1))))).toMatchObject({ kind: 'starting' })
  })

  test('is silent when its time is long up and its node says nothing', () => {
    expect(
      stateOf(
        deleted(30, (pod) => enter(pod, at(1))),
        at(91),
      ),
    ).toMatchObject({ kind: 'silent' })
    expect(
      stateOf(
        deleted(30, (pod) => enter(pod, at(1))),
        at(89),
      ),
    ).toMatchObject({ kind: 'inRoom' })
  })

  test.each([
    ['OOMKilled', { reason: 'OOMKilled' }],
    ['Evicted', { disruption: 'EvictionByEvictionAPI' }],
    ['Evicted', { disruption: 'PreemptionByKubeScheduler' }],
    ['Evicted', { podReason: 'Evicted' }],
    ['NodeLost', { disruption: 'DeletionByPodGC' }],
    [undefined, { reason: 'Error' }],
  ])('has ended by %s when Kubernetes says %j', (cause, end) => {
    expect(stateOf((pod) => endPod(pod, at(10), undefined, end))).toMatchObject({ kind: 'ended', end: { cause, ran: true } })
  })

  test('waits for the log when the result did not fit', () => {
    const pod = aPod()
    endPod(pod, at(10), aResult())
    expect(podState(pod, { kind: 'pending', why: 'no log' }, at(11))).toEqual({ kind: 'resultPending', message: 'no log' })
  })
})
