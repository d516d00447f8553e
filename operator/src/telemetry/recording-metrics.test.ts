import type { Recording, RecordingStatus } from '@trtc-recorder/api'
import { describe, expect, it } from 'vitest'
import { listed } from '../file-list.ts'
import { aFile } from '../recording/testing.ts'
import { countChanges } from './recording-metrics.ts'

const recording = (status: Partial<RecordingStatus>, spec: object = {}): Recording =>
  ({
    metadata: { uid: 'u1', creationTimestamp: '2026-03-01T10:00:00Z' },
    spec: { desiredState: 'Running', ...spec },
    status,
  }) as unknown as Recording

const ended = (number: number, reason: string) => ({ number, pod: '', podUid: '', endTime: '2026-03-01T11:00:00Z', reason })
const succeeded = (status: string, reason = 'Completed') =>
  ['Succeeded', 'Stored'].map((type) => ({ type, status, reason })) as never
const stored = (bytes: number, number = 1) => ({ ...aFile(`user-${number}`), bytes })

function counting(leads = true) {
  const seen: unknown[] = []
  let now = 0
  const count = countChanges(
    {
      started: (seconds) => seen.push(['started', seconds]),
      attemptEnded: (reason) => seen.push(['attempt', reason]),
      finished: (...what) => seen.push(['finished', ...what]),
    },
    () => leads,
    () => now,
  )
  const change = (previous: Recording, object: Recording, atMillis = 0) => {
    now = atMillis
    count({ type: 'updated', previous, object })
    return seen.splice(0)
  }
  return { count, change, seen }
}

describe('a change of a Recording', () => {
  it('counts the beginning once, from its creation', () => {
    const { change } = counting()
    const inRoom = recording({ startTime: '2026-03-01T10:00:02.500Z' })
    expect(change(recording({}), inRoom)).toEqual([['started', 2.5]])
    expect(change(inRoom, inRoom)).toEqual([])
  })

  it('counts each attempt when it ends, by its reason', () => {
    const { change } = counting()
    const before = recording({ attempts: [ended(1, 'OOMKilled'), { number: 2, pod: '', podUid: '' }] as never })
    const after = recording({ attempts: [ended(1, 'OOMKilled'), ended(2, 'Completed')] as never })
    expect(change(before, after)).toEqual([['attempt', 'Completed']])
  })

  it('counts the end once, with what is stored and how long that took', () => {
    const { change } = counting()
    const running = recording({})
    const asked = recording({}, { desiredState: 'Stopped' })
    const files = [
      { status: 1, bytes: 700 },
      { status: 0, bytes: 20 },
    ] as never
    const over = recording({ completionTime: 'x', files, conditions: succeeded('True') }, { desiredState: 'Stopped' })
    expect(change(running, asked, 1000)).toEqual([])
    expect(change(asked, over, 1450)).toEqual([['finished', 'succeeded', 700, 0.45]])
    expect(change(over, over, 2000)).toEqual([])
  })

  it('counts what is stored of files that a status has no place to list', () => {
    const { change } = counting()
    const files = Array.from({ length: 900 }, (_, number) => stored(2, number))
    const over = recording({ completionTime: 'x', ...listed(files), conditions: succeeded('True') })
    expect(over.status?.files?.length).toBeLessThan(900)
    expect(change(recording({}), over)).toEqual([['finished', 'succeeded', 1800, undefined]])
  })

  it('counts no byte twice of one that is over and is uploaded from once more, which is no stop either', () => {
    const { change } = counting()
    const left = { conditions: succeeded('False', 'UploadIncomplete'), stopReason: 'Idle' as const }
    const files = [stored(700), { ...stored(20, 2), status: 0 as const }]
    const over = recording({ ...left, completionTime: 'x', files })
    const reopened = recording({ ...left, files })
    const again = recording({ ...left, completionTime: 'y', files: [stored(700), stored(20, 2)], conditions: succeeded('True') })
    change(recording({}), over)
    expect(change(over, reopened, 1000)).toEqual([])
    expect(change(reopened, again, 2000)).toEqual([['finished', 'succeeded', 20, undefined]])
  })

  it('takes no time to what never was stored', () => {
    const { change } = counting()
    const over = recording({ completionTime: 'x', conditions: succeeded('False', 'GivenUp') }, { desiredState: 'Stopped' })
    change(recording({}), recording({}, { desiredState: 'Stopped' }), 1000)
    expect(change(recording({}, { desiredState: 'Stopped' }), over, 9000)).toEqual([['finished', 'failed', 0, undefined]])
  })

  it('does not know how long storing took where it did not see the stop', () => {
    const { change } = counting()
    const over = recording({ completionTime: 'x', conditions: succeeded('False', 'UploadIncomplete') })
    expect(change(recording({}), over)).toEqual([['finished', 'failed', 0, undefined]])
  })

  it('counts nothing that was there before, and nothing in a process that does not lead', () => {
    const { count, seen } = counting()
    count({ type: 'added', object: recording({ startTime: '2026-03-01T10:00:02Z', completionTime: 'x' }) })
    expect(seen).toEqual([])
    expect(counting(false).change(recording({}), recording({ startTime: '2026-03-01T10:00:02Z' }))).toEqual([])
  })
})
