import type { Pod } from '@trtc-recorder/kube'
import { describe, expect, test } from 'vitest'
import { mergeFiles, withResult } from './files.ts'
import { recorderPod } from './pod.ts'
import { resultInLog, terminationResult } from './result.ts'
import { aFile, aRecording, aResult, at, podConfig } from './testing.ts'
import { endPod } from './testing-pods.ts'

const aPod = () => {
  const pod = structuredClone(
    recorderPod(aRecording(), { attempt: 1, volume: 'math', uploadOnly: false, isBesideOthers: false }, podConfig),
  ) as unknown as Pod
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

test.each([2, 'Archived', null, { of: 'a later release' }])(
  'a file of status %j is read with the rest, as one that is not known to be there',
  (status) => {
    const pod = aPod()
    endPod(pod, at(10), aResult({ files: [aFile('alice', { status: status as 1, message: 'm'.repeat(512) }), aFile('bob')] }))
    const files = terminationResult(pod)?.files
    expect(files).toMatchObject([
      { userId: 'alice', status: 0 },
      { userId: 'bob', status: 1, message: 'ok' },
    ])
    expect(files![0]!.message).toContain(
      `status ${JSON.stringify(status)}, which this release does not know; its recorder said: mmm`,
    )
    expect(files![0]!.message).toHaveLength(512)
  },
)

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

test('outputs of a recording are those that its recorders made, the last of each', () => {
  const page = { kind: 'replay' as const, path: 'lesson.replay.html', url: '', status: 0, message: 'COS is away', bytes: 0 }
  const first = withResult({}, aResult({ outputs: [page] }))
  const stored = { ...page, url: 'https://cos.example/lesson.replay.html', status: 1, message: 'ok', bytes: 9 }
  expect(withResult(first, aResult({ outputs: [stored] })).outputs).toEqual([stored])
  expect(withResult(first, aResult()).outputs).toEqual([page])
  expect(withResult({}, aResult())).not.toHaveProperty('outputs')
})
