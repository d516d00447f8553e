import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AudioAxis, type AxisRules } from './audio-axis.ts'
import { present } from './presentation.ts'
import { type Arrived, deliver, type Network, network, type Sent } from './testing/hostile-network.ts'

/** A user whose clock runs at its own pace, and what happens to it. */
interface User {
  seconds: number
  ppm: number
  /** An hour is added to the sender's clock in the middle: a laptop slept. */
  jumps: boolean
  net: Network
}

const start = 1_795_000_000_000_000
/** What the network takes at least; of that nobody can know. */
const onTheWayMillis = 20

const user: fc.Arbitrary<User> = fc.record({
  seconds: fc.integer({ min: 30, max: 120 }),
  ppm: fc.integer({ min: -300, max: 300 }),
  jumps: fc.boolean(),
  net: network({
    // Behind the wrap of 32 bits, and a whole machine that stands still.
    freeze: fc.record({ fromMillis: fc.nat(20_000), forMillis: fc.constantFrom(0, 0, 10_000) }),
  }),
})

function sent({ seconds, ppm, jumps }: User, perSecond: number, clockRate: number): Sent[] {
  const count = Math.ceil(seconds * perSecond)
  const step = clockRate / perSecond
  return Array.from({ length: count }, (_, number) => {
    const jumped = jumps && number >= count / 2 ? 3600 * clockRate : 0
    const trueMillis = (number / perSecond) * 1000 * (1 + ppm / 1e6)
    return { number, trueMillis, rtpTimestamp: (2 ** 32 - 20 * clockRate + jumped + number * step) % 2 ** 32 }
  })
}

/** The page gives pictures in their order. */
function inOrder(arrived: readonly Arrived<Sent>[]): Arrived<Sent>[] {
  const byNumber = new Map(arrived.toReversed().map((one) => [one.sent.number, one]))
  let latest = 0
  return [...byNumber.values()]
    .sort((a, b) => a.sent.number - b.sent.number)
    .map(({ sent, arrivalMillis }) => {
      latest = Math.max(latest, arrivalMillis)
      return { sent, arrivalMillis: latest }
    })
}

/** A file: what it says of its clock, and when by the truth, and by the file, things were. Milliseconds. */
interface Placed {
  errorMillis: number
  moments: { trueMillis: number; placedMillis: number }[]
}

const nothing = new AudioAxis()
const micros = (millis: number) => start + Math.round(millis * 1000)

function pictures(of: User): Placed {
  const arrived = inOrder(deliver(sent(of, 30, 90_000), of.net))
  const { video, clockErrorMicros } = present(
    {
      ssrcs: Uint32Array.from(arrived, () => 1),
      rtpTimestamps: Uint32Array.from(arrived, ({ sent }) => sent.rtpTimestamp),
      receiveTimesMicros: Float64Array.from(arrived, ({ arrivalMillis }) => micros(arrivalMillis)),
      keys: Uint8Array.from(arrived, ({ sent }) => (sent.number % 60 === 0 ? 1 : 0)),
      mayReorder: true,
    },
    nothing,
  )!
  const moments = Array.from(video!.samples, (sample, at) => ({
    trueMillis: arrived[sample]!.sent.trueMillis,
    placedMillis: (video!.startMicros - start) / 1000 + video!.ticks[at]! / 90,
  }))
  return { errorMillis: clockErrorMicros / 1000, moments }
}

const sound = (of: User) => soundOf(sent(of, 50, 48_000), of)

/** Of a file that is laid so, by the times of its manifest. */
function soundOf(packets: readonly Sent[], of: Pick<User, 'net'>, rules: AxisRules = {}): Placed {
  const axis = new AudioAxis(rules)
  const laid: { axisStart: number; number: number }[] = []
  let at = 0
  const lay = (items: ReturnType<AudioAxis['push']>) => {
    for (const item of items) {
      if (item.type === 'packet') laid.push({ axisStart: at, number: Buffer.from(item.data).readUInt32LE(0) })
      at += item.samples
    }
  }
  for (const { sent: packet, arrivalMillis } of deliver(packets, of.net)) {
    const data = Buffer.alloc(4)
    data.writeUInt32LE(packet.number)
    const numbers = { sequenceNumber: (65_500 + packet.number) & 0xffff, rtpTimestamp: packet.rtpTimestamp }
    lay(axis.push({ ssrc: 1, ...numbers, receiveTimeMicros: micros(arrivalMillis), data, samples: 960 }))
  }
  lay(axis.end())
  const none = { ssrcs: new Uint32Array(), rtpTimestamps: new Uint32Array(), keys: new Uint8Array(), mayReorder: true }
  const { audio, clockErrorMicros } = present({ ...none, receiveTimesMicros: new Float64Array() }, axis)!
  const moments = laid.map(({ axisStart, number }) => ({
    trueMillis: packets[number]!.trueMillis,
    placedMillis: (audio!.startMicros - start) / 1000 + audio!.place(axisStart) / 48,
  }))
  return { errorMillis: clockErrorMicros / 1000, moments }
}

/** Of all moments the one that is farthest from its place. */
const worst = ({ moments }: Placed) =>
  moments.reduce((most, { trueMillis, placedMillis }) => Math.max(most, Math.abs(placedMillis - trueMillis - onTheWayMillis)), 0)

describe('what a file says of its clock', { timeout: 60_000 }, () => {
  it.each([
    ['pictures', pictures],
    ['sound', sound],
  ] as const)('holds for each of its %s: no time is off by more than clockErrorMs (60 cases)', (_, record) => {
    fc.assert(
      fc.property(user, (one) => {
        const file = record(one)
        expect(worst(file) - file.errorMillis).toBeLessThan(1.5)
      }),
      { numRuns: 60, endOnFailure: true },
    )
  })

  // Nobody can see a queue that is there for as long as the file lasts.
  const short = fc.record({
    seconds: fc.oneof(fc.double({ min: 0.1, max: 15, noNaN: true }), fc.double({ min: 15, max: 60, noNaN: true })),
    ppm: fc.integer({ min: -300, max: 300 }),
    jumps: fc.boolean(),
    net: network({
      jitterMillis: fc.oneof(fc.constant(200), fc.integer({ min: 0, max: 200 })),
      queue: fc.constant({ fromMillis: 0, forMillis: 0, delayMillis: 300 }),
      freeze: fc.constant({ fromMillis: 0, forMillis: 0 }),
    }),
  })

  it.each([
    ['pictures', pictures],
    ['sound', sound],
  ] as const)('holds for each of its %s however short it is, of both of two clocks (300 cases)', (_, record) => {
    fc.assert(
      fc.property(short, (one) => {
        const file = record(one)
        expect(worst(file) - file.errorMillis).toBeLessThan(1.5)
      }),
      { numRuns: 300, endOnFailure: true },
    )
  })

  it('holds for the sound of who speaks now and then in MP3, whose times are led back to what is known in the end (60 cases)', () => {
    const turn = fc.record({ packets: fc.integer({ min: 10, max: 250 }), quiet: fc.integer({ min: 250, max: 6000 }) })
    const line = network({
      queue: fc.constant({ fromMillis: 0, forMillis: 0, delayMillis: 300 }),
      freeze: fc.constant({ fromMillis: 0, forMillis: 0 }),
    })
    const turns = fc.array(turn, { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(turns, fc.integer({ min: -300, max: 300 }), line, (turns, ppm, net) => {
        let slot = 0
        const packets: Sent[] = []
        for (const { packets: count, quiet } of turns) {
          for (let n = 0; n < count; n++, slot++) {
            const rtpTimestamp = (1000 + slot * 960) % 2 ** 32
            packets.push({ number: packets.length, trueMillis: slot * 20 * (1 + ppm / 1e6), rtpTimestamp })
          }
          slot += quiet
        }
        const file = soundOf(packets, { net }, { isFinal: true })
        expect(worst(file) - file.errorMillis).toBeLessThan(1.5)
      }),
      { numRuns: 60, endOnFailure: true },
    )
  })

  it('is a few milliseconds of a short file on a calm line, and not half a jitter of a minute on a bad one', () => {
    const about = (seconds: number, jitterMillis: number) => {
      const [net] = fc.sample(network(), 1)
      const calm = { ...net!, seed: 7, jitterMillis, repaired: 0, lost: 0, overtaken: 0, twice: 0 }
      const none = { fromMillis: 0, forMillis: 0 }
      const user = { seconds, ppm: 0, jumps: false, net: { ...calm, queue: { ...none, delayMillis: 0 }, freeze: none } }
      return Math.max(pictures(user).errorMillis, sound(user).errorMillis)
    }
    expect(about(5, 2)).toBeLessThan(3)
    expect(about(60, 200)).toBeLessThan(100)
  })

  it('is far less than the time for which a machine stood still: what came at once afterwards says nothing of the clock', () => {
    const net = fc.sample(network(), 1)[0]!
    const calm = { ...net, seed: 7, jitterMillis: 10, repaired: 0, lost: 0, overtaken: 0, twice: 0 }
    const queue = { fromMillis: 0, forMillis: 0, delayMillis: 0 }
    const stoodStill = { ...calm, queue, freeze: { fromMillis: 4000, forMillis: 20_000 } }
    const user = { seconds: 30, ppm: 0, jumps: false, net: stoodStill }
    for (const file of [pictures(user), sound(user)]) {
      expect(file.errorMillis).toBeLessThan(200)
      expect(worst(file)).toBeLessThanOrEqual(file.errorMillis + 1.5)
    }
  })

  it('is small enough that files of one room agree within 20 ms (15 cases)', () => {
    // Behind a queue that is there for as long as a clock a file says itself that it knows less.
    const calm = user.map((one) => {
      const { net } = one
      return { ...one, net: { ...net, jitterMillis: Math.min(net.jitterMillis, 60), queue: { ...net.queue, forMillis: 0 } } }
    })
    fc.assert(
      fc.property(calm, calm, (one, other) => {
        for (const [a, b] of [
          [pictures(one), pictures(other)],
          [pictures(one), sound(other)],
          [sound(one), sound(other)],
        ] as const) {
          const off = ({ moments }: Placed) => moments.map(({ trueMillis, placedMillis }) => placedMillis - trueMillis)
          const [offs, others] = [off(a), off(b)]
          const apart = Math.max(Math.max(...offs) - Math.min(...others), Math.max(...others) - Math.min(...offs))
          expect(apart).toBeLessThan(20)
        }
      }),
      { numRuns: 15, endOnFailure: true },
    )
  })
})
