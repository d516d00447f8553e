import type { Manifest, TimelineEvent } from '@trtc-recorder/api'
import { describe, expect, it } from 'vitest'
import { lanesOf, ticksOf } from './timeline.ts'

const begin = Date.parse('2026-01-01T10:00:00.000Z')
const iso = (second: number) => new Date(begin + second * 1000).toISOString()
const seconds = (spans: readonly { start: number; end: number; state?: string }[] | undefined) =>
  spans?.map(({ start, end, state }) => [(start - begin) / 1000, (end - begin) / 1000, ...(state === undefined ? [] : [state])])

/** Events written as `second userId event`. */
function manifest(mode: Manifest['mode'], events: string, more: Partial<Manifest> = {}): Manifest {
  return {
    version: 1,
    recording: { namespace: 'demo', name: 'lesson', uid: '' },
    sdkAppId: 1,
    roomId: 1,
    mode,
    startTime: iso(0),
    endTime: iso(40),
    stopReason: 'RemovedByApi',
    files: [],
    losses: [],
    outputs: [],
    live: [],
    liveSound: [],
    pauses: [],
    clockSteps: [],
    events: events
      .trim()
      .split('\n')
      .map((line) => line.trim().split(' '))
      .map(([second, userId, event]) => ({
        time: iso(Number(second)),
        userId: userId!,
        stream: 'main',
        event: event as TimelineEvent['event'],
      })),
    ...more,
  }
}

describe('the lanes of a manifest', () => {
  it('show when a user was there, away, sending and muted', () => {
    const [bob] = lanesOf(
      manifest(
        '02',
        `2 bob enter
         2 bob videoOn
         2 bob audioOn
         10 bob videoOff
         15 bob videoOn
         20 bob leave
         30 bob enter
         31 bob audioOn`,
      ),
    )
    expect(seconds(bob!.presence)).toEqual([
      [0, 2, 'away'],
      [2, 20, 'there'],
      [20, 30, 'away'],
      [30, 40, 'there'],
    ])
    expect(seconds(bob!.video)).toEqual([
      [2, 10, 'on'],
      [10, 15, 'off'],
      [15, 20, 'on'],
      [30, 40, 'off'],
    ])
    expect(seconds(bob!.audio)).toEqual([
      [2, 20, 'on'],
      [30, 31, 'off'],
      [31, 40, 'on'],
    ])
  })

  it('leave out what the mode does not record', () => {
    const [alice] = lanesOf(manifest('00', '0 alice enter\n0 alice audioOn'))
    expect(alice).toMatchObject({ video: undefined, audio: [{ state: 'on' }] })
    const [again] = lanesOf(manifest('01', '0 alice enter\n0 alice videoOn'))
    expect(again).toMatchObject({ video: [{ state: 'on' }], audio: undefined })
  })

  it('take a user who was never seen entering as there from the first thing known', () => {
    const [alice] = lanesOf(manifest('00', '5 alice audioOn'))
    expect(seconds(alice!.presence)).toEqual([
      [0, 5, 'away'],
      [5, 40, 'there'],
    ])
  })

  it('put a shared screen below its user, with no microphone', () => {
    const whole = manifest('02', '0 alice enter\n1 bob enter')
    whole.events.push({ time: iso(5), userId: 'alice', stream: 'aux', event: 'videoOn' })
    const lanes = lanesOf(whole)
    expect(lanes.map(({ userId, stream }) => `${userId} ${stream}`)).toEqual(['alice main', 'alice aux', 'bob main'])
    expect(lanes[1]!.audio).toBeUndefined()
    expect(seconds(lanes[1]!.video)).toEqual([
      [0, 5, 'off'],
      [5, 40, 'on'],
    ])
  })

  it('mark gaps for as long as they lasted', () => {
    const whole = manifest('02', '0 alice enter')
    whole.events.push({ time: iso(7), userId: 'alice', stream: 'main', event: 'gap', seconds: 1.5 })
    expect(seconds(lanesOf(whole)[0]!.gaps)).toEqual([[7, 8.5]])
  })

  it('are none when nothing happened', () => {
    expect(
      lanesOf({
        version: 1,
        recording: { namespace: '', name: '', uid: '' },
        sdkAppId: 1,
        mode: '00',
        stopReason: 'Idle',
        files: [],
        events: [],
        losses: [],
        outputs: [],
        live: [],
        liveSound: [],
        pauses: [],
        clockSteps: [],
      }),
    ).toEqual([])
  })
})

describe('the axis', () => {
  it.each([
    [8, 1],
    [45, 5],
    [300, 60],
    [3600 * 4, 1800],
  ])('over %i seconds has a tick every %i', (length, step) => {
    const ticks = ticksOf({ start: begin + 1, end: begin + length * 1000 })
    expect(ticks[0]! % (step * 1000)).toBe(0)
    expect(ticks[1]! - ticks[0]!).toBe(step * 1000)
    expect(ticks.length).toBeLessThanOrEqual(9)
  })
})
