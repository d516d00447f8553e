import { lossSchema } from '@trtc-recorder/api'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Ledger, type LedgerLine, lossesIn, type NoticedLoss } from './ledger.ts'

const second = 1_000_000
const loss = (more: Partial<NoticedLoss> = {}): NoticedLoss => ({
  userId: 'alice',
  stream: 'main',
  medium: 'video',
  fromMicros: 0,
  toMicros: 0,
  frames: 1,
  bytes: 100,
  reason: 'LostInNetwork',
  file: 'alice.mp4',
  detail: '',
  ...more,
})

test('losses of one kind within two seconds are one stretch', () => {
  const ledger = new Ledger()
  ledger.add(loss({ fromMicros: 1 * second, toMicros: 2 * second }))
  ledger.add(loss({ fromMicros: 4 * second, toMicros: 5 * second, frames: 3 }))
  expect(ledger.losses).toMatchObject([
    { from: '1970-01-01T00:00:01.000Z', to: '1970-01-01T00:00:05.000Z', frames: 4, bytes: 200 },
  ])
})

test('further apart, of another user or for another reason they stay apart', () => {
  const ledger = new Ledger()
  ledger.add(loss())
  ledger.add(loss({ fromMicros: 3 * second, toMicros: 3 * second }))
  ledger.add(loss({ userId: 'bob' }))
  ledger.add(loss({ reason: 'DiskFull' }))
  expect(ledger.losses).toHaveLength(4)
  expect(ledger.totals).toEqual({ frames: 4, bytes: 400, stretches: 4 })
})

test('what is counted and what is bounded stay apart, and their sum is a bound', () => {
  const ledger = new Ledger()
  ledger.add(loss({ frames: 5 }))
  ledger.add(loss({ frames: 20, framesAre: 'AtMost' }))
  ledger.add(loss({ frames: 7, framesAre: 'AtMost' }))
  expect(ledger.losses.map(({ frames, framesAre }) => [frames, framesAre])).toEqual([
    [5, undefined],
    [27, 'AtMost'],
  ])
  expect(ledger.totals).toEqual({ frames: 32, framesAre: 'AtMost', bytes: 300, stretches: 2 })
})

test('what cannot be counted is null, not nothing', () => {
  const ledger = new Ledger()
  ledger.add(loss({ frames: null, bytes: null }))
  expect(ledger.losses).toMatchObject([{ frames: null, bytes: null }])
})

test('days of a bad line do not fill the memory, and no frame of them is forgotten', () => {
  const ledger = new Ledger()
  for (let at = 0; at < 2000; at++) ledger.add(loss({ fromMicros: at * 10 * second, toMicros: at * 10 * second }))
  expect(ledger.losses).toHaveLength(500)
  expect(ledger.totals.frames).toBe(2000)
})

test('the losses of a file are told apart', () => {
  const ledger = new Ledger()
  ledger.add(loss())
  ledger.add(loss({ file: 'bob.mp4' }))
  expect(ledger.lossesOf('bob.mp4')).toMatchObject([{ file: 'bob.mp4' }])
})

test('whatever is added, the lines written amount to the losses told, and those are as the manifest wants them', () => {
  const noticed = fc.record({
    userId: fc.constantFrom('alice', 'bob', null),
    stream: fc.constantFrom<('main' | 'aux' | null)[]>('main', 'aux', null),
    medium: fc.constantFrom<('audio' | 'video')[]>('audio', 'video'),
    fromMicros: fc.integer({ min: 0, max: 100 * second }),
    frames: fc.option(fc.nat()),
    framesAre: fc.constantFrom<NoticedLoss['framesAre'][]>('AtMost', undefined),
    bytes: fc.option(fc.nat()),
    reason: fc.constantFrom<NoticedLoss['reason'][]>('LostInNetwork', 'Overflow'),
    file: fc.constantFrom('a', null),
    detail: fc.string({ maxLength: 400 }),
  })
  fc.assert(
    fc.property(fc.array(noticed), fc.integer({ min: 1, max: 5 }), (all, every) => {
      const lines: LedgerLine[] = []
      const ledger = new Ledger((more) => void lines.push(...structuredClone(more)))
      for (const [at, one] of all.entries()) {
        ledger.add({ ...one, toMicros: one.fromMicros + second })
        if (at % every === 0) void ledger.settle()
      }
      void ledger.settle()
      const inAnyOrder = (losses: object[]) => losses.map((one) => JSON.stringify(one)).sort()
      expect(inAnyOrder(lossesIn(lines))).toEqual(inAnyOrder(ledger.losses))
      expect(ledger.totals.frames).toBe(all.reduce((sum, { frames }) => sum + (frames ?? 0), 0))
      for (const one of ledger.losses) lossSchema.parse(one)
    }),
  )
})

test('nor does a sender of whom each picture is wrong in a way of its own', () => {
  const ledger = new Ledger()
  for (let n = 0; n < 20_000; n++) {
    ledger.add(loss({ fromMicros: n * second, toMicros: n * second, reason: 'Unreadable', detail: `a number is ${n}` }))
  }
  expect(ledger.losses.length).toBeLessThanOrEqual(500)
  expect(ledger.totals.frames).toBe(20_000)
})
