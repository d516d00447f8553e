import { subscribeSchema } from '@trtc-recorder/api'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EncodedFrame } from '../tap/frame.ts'
import { type SessionAction, Sessions } from './sessions.ts'
import { aJob } from './testing.ts'

const second = 1_000_000
const users = ['alice', 'bob', 'carol'] as const
const kinds = ['audio', 'video'] as const
const slotOf = (user: string, kind: string) => users.indexOf(user as 'alice') * 2 + (kind === 'video' ? 1 : 0) + 1

type Step =
  | { do: 'publish' | 'mute'; user: (typeof users)[number]; kind: (typeof kinds)[number] }
  | { do: 'leave'; user: (typeof users)[number] }
  /** `lateMicros`: how long it was on its way. */
  | { do: 'frame'; user: (typeof users)[number]; kind: (typeof kinds)[number]; key: boolean; lateMicros: number }
  | { do: 'pause' | 'resume' | 'away' }
  /** The page has sent what it had when the pause began. */
  | { do: 'rest' }
  | { do: 'subscribe'; exclude: string[] }

const user = fc.constantFrom(...users)
const kind = fc.constantFrom(...kinds)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom<('publish' | 'mute')[]>('publish', 'mute'), user, kind }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), user }) },
  {
    weight: 8,
    arbitrary: fc.record({
      ...{ do: fc.constant('frame' as const), user, kind, key: fc.boolean() },
      lateMicros: fc.integer({ min: 0, max: 3 * second }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom<('pause' | 'resume' | 'away')[]>('pause', 'resume', 'resume', 'away') }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('rest' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('subscribe' as const), exclude: fc.subarray([...users]) }) },
)

/** What is not sent cannot be written by mistake. */
const everybodySends: Step[] = users.flatMap((user) => kinds.map((kind) => ({ do: 'publish', user, kind })))

test('whatever happens, nothing that came while it was paused is written, what came before is or is told, and what is asked for is what is sent and wanted', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (more) => {
      const steps = [...everybodySends, ...more]
      const sessions = new Sessions(aJob().spec)
      let nowMicros = 100 * second
      let steering = { paused: false, subscribe: subscribeSchema.parse({}) }
      const pauses: { from: number; to: number }[] = []
      const subscribed = new Set<string>()
      const sent = new Set<string>()
      const inRoom = new Set<string>()
      /** Of the others it waits whose they are. */
      const bound = new Set<number>()
      const held = new Set<number>()

      let restIsTaken = true

      const apply = (actions: SessionAction[]) => {
        for (const action of actions) {
          if (action.type === 'subscribe') subscribed.add(`${action.userId} ${action.kind}`)
          if (action.type === 'unsubscribe') subscribed.delete(`${action.userId} ${action.kind}`)
          if (action.type === 'hold') {
            const { exclude } = steering.subscribe
            expect(
              [...inRoom].filter((user) => exclude.includes(user)),
              'held while somebody is there who is excluded',
            ).toEqual([])
          }
          if (action.type === 'hold') held.add(action.hold)
          if (action.type === 'unhold' || action.type === 'claimed' || action.type === 'unclaimed') held.delete(action.hold)
          if (action.type !== 'write' && action.type !== 'hold') continue
          const { receiveTimeMicros } = action.frame
          expect(steering.paused && restIsTaken, 'written while it is paused').toBe(false)
          for (const { from, to } of pauses) {
            expect(receiveTimeMicros >= from && receiveTimeMicros < to, 'written of what came in a pause').toBe(false)
          }
        }
      }
      const steer = (more: Partial<typeof steering>) => {
        if (more.paused === true && !steering.paused) {
          pauses.push({ from: nowMicros, to: Number.POSITIVE_INFINITY })
          restIsTaken = false
        }
        if (more.paused === false && steering.paused) pauses.at(-1)!.to = nowMicros
        steering = { ...steering, ...more }
        apply(sessions.steer(steering, nowMicros))
      }
      const isSentAndWanted = (one: string) => !steering.paused && !steering.subscribe.exclude.includes(one.split(' ')[0]!)

      for (const one of steps) {
        nowMicros += second / 2
        const timeMicros = nowMicros
        switch (one.do) {
          case 'publish':
          case 'mute': {
            const available = one.do === 'publish'
            const { user: userId, kind } = one
            apply(sessions.event({ type: 'available', userId, stream: 'main', kind, available, timeMicros }))
            const slot = slotOf(userId, kind)
            inRoom.add(userId)
            if (available) bound.add(slot)
            if (available) sent.add(`${userId} ${kind}`)
            // The SDK gives a mute up by itself.
            else for (const set of [sent, subscribed]) set.delete(`${userId} ${kind}`)
            if (available) apply(sessions.event({ type: 'bound', slot, ssrc: slot, userId, stream: 'main', kind, timeMicros }))
            break
          }
          case 'leave':
            for (const kind of kinds) for (const set of [sent, subscribed]) set.delete(`${one.user} ${kind}`)
            inRoom.delete(one.user)
            apply(sessions.event({ type: 'anchorLeft', userId: one.user, timeMicros }))
            break
          case 'frame': {
            const slot = slotOf(one.user, one.kind)
            const frame = {
              slot,
              ssrc: slot,
              kind: one.kind,
              key: one.kind === 'audio' || one.key,
              rtpTimestamp: 0,
              sequenceNumber: 0,
            }
            const rest = { receiveTimeMicros: nowMicros - one.lateMicros, mimeType: 'video/H264', data: new Uint8Array(1) }
            const actions = sessions.frame({ ...frame, ...rest } as EncodedFrame)
            apply(actions)
            const [pause] = pauses.slice(-1)
            const isOfPause = pauses.some(({ from, to }) => rest.receiveTimeMicros >= from && rest.receiveTimeMicros < to)
            // Nothing is missing of what came in a pause.
            const isOfRest = pause !== undefined && rest.receiveTimeMicros < pause.from && !isOfPause
            const isSelected = !steering.subscribe.exclude.includes(one.user)
            if (isOfRest && isSelected && bound.has(slot))
              expect(actions.some(({ type }) => type === 'write' || type === 'lost')).toBe(true)
            break
          }
          case 'pause':
          case 'resume':
            steer({ paused: one.do === 'pause' })
            break
          case 'rest':
            apply(sessions.restTaken(sessions.pauseNumber))
            restIsTaken = true
            if (steering.paused) expect([...held], 'waits in a pause').toEqual([])
            break
          case 'subscribe':
            steer({ subscribe: subscribeSchema.parse({ exclude: one.exclude }) })
            break
          case 'away':
            sent.clear()
            bound.clear()
            // The room tells anew who is there.
            inRoom.clear()
            subscribed.clear()
            apply(sessions.event({ type: 'away', why: 'The page crashed', heardMicros: timeMicros, timeMicros }))
            apply(sessions.event({ type: 'entered', timeMicros }))
        }
        apply(sessions.tick(nowMicros))
        if ([...inRoom].some((user) => steering.subscribe.exclude.includes(user)))
          expect([...held], 'left on the volume').toEqual([])
        expect([...subscribed].sort()).toEqual([...sent].filter(isSentAndWanted).sort())
      }
    }),
    { numRuns: 1500 },
  )
})
