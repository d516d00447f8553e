import type { TimelineEvent } from '@trtc-recorder/api'
import { describe, expect, test } from 'vitest'
import { type AbsenceInput, absenceLosses, clockBehind, lastInRoom, unknownAbsence } from './absence.ts'
import type { AttemptNote } from './attempt.ts'
import { aJob } from './testing.ts'

const at = (second: number) => new Date(Date.UTC(2026, 0, 1) + second * 1000)
const iso = (second: number) => at(second).toISOString()
const event = (second: number, userId: string, event: TimelineEvent['event'], stream: 'main' | 'aux' = 'main') =>
  ({ time: iso(second), userId, stream, event }) satisfies TimelineEvent
const killed: AttemptNote = { attempt: 1, state: 'recording', enteredAt: iso(0), pauses: [], clockSteps: [] }
const input = (more: Partial<AbsenceInput>): AbsenceInput => ({
  ...{ spec: aJob().spec, last: killed, ends: [], until: at(60), runningSince: at(50) },
  events: [event(1, 'alice', 'audioOn'), event(2, 'alice', 'videoOn')],
  ...more,
})
const told = (more: Partial<AbsenceInput>) =>
  absenceLosses(input(more)).map(({ userId, medium, fromMicros, toMicros, reason }) => {
    const second = (micros: number) => (micros / 1000 - at(0).getTime()) / 1000
    return `${userId} ${medium} ${second(fromMicros)}-${second(toMicros)} ${reason}`
  })

describe('what is missing between two recorders', () => {
  test('after a kill is what was being sent, from the last moment that was safe', () => {
    const ends = [{ attempt: 1, userId: 'alice', stream: 'main' as const, endTime: at(30) }]
    expect(told({ ends })).toEqual(['alice audio 30-60 RecorderKilled', 'alice video 30-60 RecorderKilled'])
  })

  test('after a kill is of each medium what came after the last of it, a second at most: whoever was still for longer sent nothing', () => {
    const alice = { attempt: 1, userId: 'alice', stream: 'main' as const, endTime: at(30) }
    const with_ = (ends: { audio?: Date; video?: Date }) => told({ ends: [{ ...alice, ends }] })
    expect(with_({ audio: at(30), video: at(29.4) })).toEqual([
      'alice audio 30-60 RecorderKilled',
      'alice video 29.4-60 RecorderKilled',
    ])
    expect(with_({ audio: at(12), video: at(30) })).toEqual([
      'alice audio 29-60 RecorderKilled',
      'alice video 30-60 RecorderKilled',
    ])
    expect(with_({ audio: at(30) })).toEqual(['alice audio 30-60 RecorderKilled', 'alice video 29-60 RecorderKilled'])
    // Others show as well that it lived.
    const bob = { ...alice, userId: 'bob', endTime: at(40) }
    expect(told({ ends: [{ ...alice, ends: { audio: at(30), video: at(30) } }, bob] })).toEqual([
      'alice audio 39-60 RecorderKilled',
      'alice video 39-60 RecorderKilled',
    ])
  })

  test('without a file is all of it', () => {
    expect(told({})).toEqual(['alice audio 1-60 RecorderKilled', 'alice video 2-60 RecorderKilled'])
  })

  test('after an orderly end begins there', () => {
    const last = { ...killed, state: 'stopped', stoppedAt: iso(40), stopReason: 'BrowserFailed' } as const
    expect(told({ last })).toEqual(['alice audio 40-60 RoomAway', 'alice video 40-60 RoomAway'])
  })

  test('is nothing of what had been muted, left, or never was recorded', () => {
    const events = [
      event(1, 'alice', 'audioOn'),
      event(2, 'alice', 'audioOff'),
      event(3, 'bob', 'videoOn'),
      event(4, 'bob', 'videoOn', 'aux'),
      event(5, 'bob', 'leave'),
      event(6, 'carol', 'audioOn'),
      event(6, 'carol', 'videoOn'),
    ]
    expect(told({ events, spec: aJob({ mode: '00' }).spec })).toEqual(['carol audio 6-60 RecorderKilled'])
    expect(told({ events, spec: aJob({ subscribe: { video: { exclude: ['carol'] } } }).spec })).toEqual([
      'carol audio 6-60 RecorderKilled',
    ])
  })

  test('is nothing of a pause, and nothing after a stop for good', () => {
    const last = { ...killed, pauses: [{ from: iso(20), to: null }] }
    expect(told({ last, runningSince: undefined })).toEqual([])
    expect(told({ last, until: undefined })).toEqual([])
    expect(told({ last: { ...killed, state: 'stopped', stoppedAt: iso(40), stopReason: 'Idle' } })).toEqual([])
  })

  test('after a kill in a pause is what was sent since it had gone on, as far as that is known', () => {
    const last = { ...killed, pauses: [{ from: iso(20), to: null }] }
    expect(told({ last })).toEqual(['alice audio 50-60 RecorderKilled', 'alice video 50-60 RecorderKilled'])
  })

  test('is a moment only when no recorder came after it, for nobody knows until when people stayed', () => {
    expect(told({ until: undefined })).toEqual(['alice audio 1-1 RecorderKilled', 'alice video 2-2 RecorderKilled'])
  })
})

test('an attempt that never got into the room changes nothing of that', () => {
  expect(lastInRoom([killed, { attempt: 2, state: 'begun', pauses: [], clockSteps: [] }])).toBe(killed)
})

test('where it cannot be found out who sent what, that is told, unless nothing can be missing', () => {
  const told = (last: AttemptNote) =>
    unknownAbsence({ spec: aJob().spec, last, until: at(60) }, 'EIO').map(({ userId, medium, reason }) => [
      userId,
      medium,
      reason,
    ])
  expect(told(killed)).toEqual([
    [null, 'audio', 'RecorderKilled'],
    [null, 'video', 'RecorderKilled'],
  ])
  expect(told({ ...killed, state: 'stopped', stoppedAt: iso(40), stopReason: 'Idle' })).toEqual([])
})

describe('a clock that is behind what was told before', () => {
  const end = { attempt: 1, userId: 'alice', stream: 'main' as const, endTime: at(30) }
  const here = { boot: 'here', atBootMillis: 0 }
  const behind = (last: AttemptNote, begun: number, wall = here) => {
    const step = clockBehind({ last, ends: [end] }, at(begun), wall)
    return step && [step.toldMicros, step.beforeMicros, step.afterMicros].map((micros) => micros / 1e6 - at(0).getTime() / 1000)
  }

  test('is one of another machine, by as much as is known', () => {
    expect(behind({ ...killed, wall: { boot: 'elsewhere', atBootMillis: 0 } }, 10)).toEqual([10, 30, 10])
    expect(behind(killed, 10)).toEqual([10, 30, 10])
    const stopped = { ...killed, state: 'stopped', stoppedAt: iso(40), stopReason: 'Terminated' } as const
    expect(behind(stopped, 10)).toEqual([10, 40, 10])
  })

  test('is none that goes on, of a machine that tells of it otherwise, or by a little', () => {
    expect(behind(killed, 31)).toBeUndefined()
    expect(behind({ ...killed, wall: here }, 10)).toBeUndefined()
    expect(behind(killed, 29.5)).toBeUndefined()
  })
})
