import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HoleWatch } from '../tap/hole-watch.ts'
import { type UnprovenPicture, UnprovenPictures } from './unproven-pictures.ts'

interface Named extends UnprovenPicture {
  number: number
}

const picturesPerKey = 10
const firstRtp = 2 ** 32 - 50_000
const rtpOf = (n: number) => (firstRtp + n * 6000) % 2 ** 32

/** A key frame each ten of 15 pictures a second, each of which refers to the one before. */
class Receiver {
  readonly taken: number[] = []
  readonly lost: number[] = []
  /** Whose holes the receiver is asked about. */
  readonly asked: number[] = []
  readonly #watch = new HoleWatch()
  readonly #pictures = new UnprovenPictures<Named>()

  arrive(...numbers: number[]): this {
    for (const number of numbers) this.arriveAt(number, number / 15)
    return this
  }

  arriveAt(number: number, seconds: number): this {
    const receiveTimeMicros = seconds * 1e6
    const mayFollowHole = this.#watch.before({ rtpTimestamp: rtpOf(number), receiveTimeMicros }, true) > 0
    if (mayFollowHole) this.asked.push(number)
    const about = {
      rtpTimestamp: rtpOf(number),
      rtp: firstRtp + number * 6000,
      key: number % picturesPerKey === 0,
      mayFollowHole,
    }
    return this.#settle(this.#pictures.push({ number, ...about, receiveTimeMicros }))
  }

  /** What the receiver counted before this picture. */
  counted(number: number, lost: number): this {
    return this.#settle(this.#pictures.counted({ ssrc: 1, rtpTimestamp: rtpOf(number), lost }))
  }

  get isBroken(): boolean {
    return this.#pictures.isBroken
  }

  end(): this {
    return this.#settle({ taken: [], lost: this.#pictures.end() })
  }

  #settle({ taken, lost }: { taken: Named[]; lost: Named[] }): this {
    this.taken.push(...taken.map(({ number }) => number))
    this.lost.push(...lost.map(({ number }) => number))
    return this
  }
}

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, at) => first + at)
/** It knows by now how often pictures come. */
function settled(): Receiver {
  const receiver = new Receiver().arrive(...range(0, 24))
  expect(receiver.asked).toEqual([])
  expect(receiver.taken).toEqual(range(0, 24))
  return receiver
}

describe('pictures after a step that is longer than usual', () => {
  it('wait for what is missing, and are taken in order when it comes', () => {
    const receiver = settled().arrive(26, 27)
    expect(receiver.taken.at(-1)).toBe(24)
    expect(receiver.arrive(25, 28).taken).toEqual(range(0, 28))
  })

  it('wait for all that is missing', () => {
    const receiver = settled().arrive(27, 28, 26)
    expect(receiver.taken.at(-1)).toBe(24)
    expect(receiver.arrive(25).taken).toEqual(range(0, 28))
  })

  it('are taken where nothing was lost: the sender left something out', () => {
    expect(settled().arrive(26, 27).counted(26, 0).arrive(28).taken).toEqual([...range(0, 24), 26, 27, 28])
  })

  it('are lost up to the next key frame where something was lost', () => {
    const { taken, lost } = settled().arrive(26, 27).counted(26, 1).arrive(28, 29, 30, 31).end()
    expect(taken).toEqual([...range(0, 24), 30, 31])
    expect(lost).toEqual([26, 27, 28, 29])
  })

  it('need a key frame where something was lost, and only then', () => {
    const receiver = settled().arrive(26, 27)
    expect(receiver.isBroken).toBe(false)
    expect(receiver.counted(26, 1).isBroken).toBe(true)
    expect(receiver.arrive(28, 30).isBroken).toBe(false)
  })

  it('are lost where nobody tells what was counted, after a while or at the end', () => {
    expect(settled().arrive(26, 27, 30).arriveAt(31, 9).lost).toEqual([26, 27])
    expect(settled().arrive(26, 27, 30, 31).end().lost).toEqual([26, 27])
  })

  it('belong to the key frame that comes later than they do', () => {
    expect(settled().arrive(...range(25, 29), 31, 32, 30, 33).taken).toEqual(range(0, 33))
    const without = settled()
      .arrive(...range(25, 29), 31, 32)
      .counted(31, 3)
      .arrive(30, 33, 40)
      .end()
    expect(without.lost).toEqual([31, 32, 33])
    expect(without.taken.slice(-2)).toEqual([30, 40])
  })
})

it('whatever is late or lost: what is taken can be decoded, the rest is lost, and nothing is where nothing was', () => {
  const picture = fc.record({ isLost: fc.boolean(), lateBy: fc.nat(4) })
  const line = fc.array(fc.oneof({ weight: 9, arbitrary: fc.constant({ isLost: false, lateBy: 0 }) }, picture), {
    minLength: 30,
    maxLength: 150,
  })
  fc.assert(
    fc.property(line, fc.boolean(), (pictures, mayLose) => {
      const isLost = (n: number) => n > 10 && mayLose && pictures[n]!.isLost
      const order = range(0, pictures.length - 1)
        .filter((n) => !isLost(n))
        .map((n) => ({ n, at: n <= 10 ? n : n + pictures[n]!.lateBy + 0.5 * Number(pictures[n]!.lateBy > 0) }))
        .sort((a, b) => a.at - b.at)
      const receiver = new Receiver()
      let told = 0
      for (const { n, at } of order) {
        receiver.arriveAt(n, at / 15)
        // It is told when everything that is late has come: here, of six pictures before.
        while (told < receiver.asked.length && receiver.asked[told]! + 6 <= at) tell(receiver.asked[told++]!)
      }
      while (told < receiver.asked.length) tell(receiver.asked[told++]!)
      receiver.end()

      function tell(number: number): void {
        const before = range(Math.max(0, number - 20), number - 1).filter(isLost)
        receiver.counted(number, before.length)
      }
      const arrived = order.map(({ n }) => n).toSorted((a, b) => a - b)
      expect([...receiver.taken, ...receiver.lost].toSorted((a, b) => a - b)).toEqual(arrived)
      if (!mayLose) expect(receiver.lost).toEqual([])
      const taken = new Set(receiver.taken)
      const firstKey = arrived.find((n) => n % picturesPerKey === 0)!
      for (const n of taken)
        if (n > firstKey && n % picturesPerKey !== 0) expect(taken.has(n - 1), `${n} needs ${n - 1}`).toBe(true)
    }),
  )
})
