import { describe, expect, test } from 'vitest'
import { Ledger } from '../ledger/ledger.ts'
import { Awaited, type Wanted } from './awaited.ts'

const alice: Wanted = { userId: 'alice', stream: 'main', kind: 'audio' }
const bob: Wanted = { userId: 'bob', stream: 'main', kind: 'video' }

/** Plays media to it, with one look each half second, and keeps the ledger. */
class Story {
  readonly awaited = new Awaited()
  readonly ledger = new Ledger()
  readonly again: string[] = []
  seconds = 0

  asks(wanted: Wanted): this {
    this.awaited.asked(wanted, this.micros)
    return this
  }

  /** Frames at 50 a second of these, and looks, for so long. */
  for(seconds: number, ...flowing: [Wanted, number][]): this {
    const until = this.seconds + seconds
    while (this.seconds < until - 1e-9) {
      for (const [wanted, ssrc] of flowing) this.tell(this.awaited.arrived(wanted, ssrc, this.micros))
      this.seconds = Math.round((this.seconds + 0.02) * 100) / 100
      if (Math.round(this.seconds * 100) % 50 !== 0) continue
      const { again, losses } = this.awaited.tick(this.micros)
      this.tell(losses)
      for (const { userId, kind } of again) this.again.push(`${this.seconds} ${userId} ${kind}`)
    }
    return this
  }

  /** Nothing runs for so long, neither the page nor whoever looks. */
  standsStill(seconds: number): this {
    this.seconds += seconds
    return this
  }

  ends(which: Partial<Wanted>): this {
    this.tell(this.awaited.ended(which, this.micros))
    return this
  }

  get micros() {
    return Math.round(this.seconds * 1_000_000)
  }

  tell(losses: Parameters<Ledger['add']>[0][]): void {
    for (const loss of losses) this.ledger.add(loss)
  }

  get losses() {
    return this.ledger.losses.map(({ userId, reason, from, to }) => `${userId} ${reason} ${second(from)}..${second(to)}`)
  }
}
const second = (iso: string) => Date.parse(iso) / 1000

describe('a recorder that itself stood still', () => {
  test('does not ask again for what came before and goes on coming', () => {
    const story = new Story().asks(bob).for(3, [bob, 1]).standsStill(10)
    expect(story.awaited.tick(story.micros).again).toEqual([])
    expect(story.awaited.isQuiet(story.micros)).toBe(false)
    expect(story.awaited.missing(story.micros)).toEqual([])
    story.for(3, [bob, 1])
    expect(story.again).toEqual([])
    expect(story.losses).toEqual([])
  })

  test('asks again for what does not come back', () => {
    const story = new Story().asks(bob).for(3, [bob, 1]).standsStill(10)
    story.for(6)
    expect(story.again).toEqual(['18.5 bob video'])
  })
})

describe('media that does not come', () => {
  test('is asked for again, less and less often, and stands in the ledger after 5 s, growing', () => {
    const story = new Story().asks(alice).for(4.5)
    expect(story.losses).toEqual([])
    story.for(30)
    expect(story.again).toEqual(['2 alice audio', '6 alice audio', '14 alice audio', '30 alice audio'])
    expect(story.losses).toEqual(['alice NeverArrived 0..34.5'])
    expect(story.awaited.missing(story.micros)).toEqual([alice])
    expect(story.awaited.nothingSinceMicros).toBe(0)
    expect(story.awaited.nothingEverArrived).toBe(true)
  })

  test('and comes as it is asked for again: what is missed while one subscription takes the place of the other is no absence', () => {
    const story = new Story().asks(alice).for(2.02).for(0.1, [alice, 1]).for(0.4).for(5, [alice, 2])
    expect(story.losses).toEqual(['alice NeverArrived 2.1..2.52'])
    expect(story.again).toEqual(['2 alice audio'])
  })

  test('and comes in the end: that much never arrived, and it is not asked for any more', () => {
    const story = new Story().asks(alice).for(7).for(20, [alice, 1])
    expect(story.losses).toEqual(['alice NeverArrived 0..7'])
    expect(story.again).toEqual(['2 alice audio', '6 alice audio'])
    expect(story.awaited.missing(story.micros)).toEqual([])
    expect(story.awaited.nothingEverArrived).toBe(false)
  })

  test('of somebody who is gone after 3 s is in the ledger too; of somebody who came and went at once it is not', () => {
    expect(new Story().asks(alice).for(3).ends({ userId: 'alice' }).losses).toEqual(['alice NeverArrived 0..3'])
    expect(new Story().asks(alice).for(0.5).ends({ userId: 'alice' }).losses).toEqual([])
  })

  test('because it was muted is awaited no more', () => {
    const story = new Story().asks(alice).for(2, [alice, 1]).ends(alice).for(30)
    expect(story.again).toEqual([])
    expect(story.losses).toEqual([])
    story.asks(alice).for(2, [alice, 1])
    expect(story.losses).toEqual([])
  })

  test('because its user falls silent is asked for again now and then, and is no loss that anybody knows of', () => {
    const story = new Story().asks(alice).for(5, [alice, 1]).for(20).for(5, [alice, 2])
    expect(story.again).toHaveLength(2)
    expect(story.losses).toEqual([])
  })

  test('because all that its user sends stopped at once is left alone for half a minute: their machine stands still', () => {
    const camera: Wanted = { ...alice, kind: 'video' }
    const story = new Story().asks(alice).asks(camera).asks(bob)
    story.for(5, [alice, 1], [camera, 2], [bob, 3]).for(29, [bob, 3])
    expect(story.again).toEqual([])
    story.for(2, [bob, 3])
    expect(story.again).toEqual(['35 alice audio', '35 alice video'])
  })

  test('because a machine stood still is not asked for when the first of it comes again, but 5 s later', () => {
    const camera: Wanted = { ...alice, kind: 'video' }
    const story = new Story().asks(alice).asks(camera).for(5, [alice, 1], [camera, 2]).for(10).for(4.5, [alice, 1])
    expect(story.again).toEqual([])
    story.for(2.5, [alice, 1])
    expect(story.again).toEqual(['20 alice video'])
  })

  test('while something else of its user comes now and then is asked for all the same', () => {
    const camera: Wanted = { ...alice, kind: 'video' }
    const story = new Story().asks(alice).asks(camera).for(5, [alice, 1], [camera, 2])
    for (let pause = 0; pause < 5; pause++) story.for(1.5).for(0.1, [alice, 1])
    expect(story.again.filter((asked) => asked.endsWith('alice video'))).toHaveLength(1)
  })

  test('while something else of its user goes on is asked for again after 5 s', () => {
    const camera: Wanted = { ...alice, kind: 'video' }
    const story = new Story().asks(alice).asks(camera).for(5, [alice, 1], [camera, 2]).for(7, [alice, 1])
    expect(story.again).toEqual(['10 alice video'])
  })
})

describe('whether nothing comes at all', () => {
  test('is noticed half a second after the last frame', () => {
    const story = new Story().asks(alice).asks(bob).for(5, [alice, 1], [bob, 2])
    expect(story.awaited.isQuiet(story.micros + 450_000)).toBe(false)
    expect(story.awaited.isQuiet(story.micros + 550_000)).toBe(true)
  })

  test('not as long as one of them comes', () => {
    const story = new Story().asks(alice).asks(bob).for(5, [alice, 1], [bob, 2]).for(10, [bob, 2])
    expect(story.awaited.isQuiet(story.micros)).toBe(false)
  })

  test('is noticed as soon beside a still screen, of which the next picture is not due yet', () => {
    const story = new Story().asks(alice).asks(bob)
    for (let picture = 0; picture < 10; picture++) story.for(2, [alice, 1]).for(0.02, [alice, 1], [bob, 2])
    expect(story.awaited.isQuiet(story.micros + 450_000)).toBe(false)
    expect(story.awaited.isQuiet(story.micros + 550_000)).toBe(true)
  })

  test('is noticed as soon where somebody else was asked for a moment ago, and whoever comes keeps it from that', () => {
    const story = new Story().asks(alice).for(5, [alice, 1]).asks(bob)
    expect(story.awaited.isQuiet(story.micros + 550_000)).toBe(true)
    story.for(0.6, [bob, 2])
    expect(story.awaited.isQuiet(story.micros)).toBe(false)
  })

  test('not because somebody has fallen silent whom a still screen outlived', () => {
    const story = new Story().asks(alice).asks(bob)
    for (let picture = 0; picture < 10; picture++) story.for(2, [alice, 1]).for(0.02, [alice, 1], [bob, 2])
    story.for(2).for(0.02, [bob, 2])
    expect(story.awaited.isQuiet(story.micros + 1_500_000)).toBe(false)
  })

  test('not when all are muted', () => {
    const story = new Story().asks(alice).for(5, [alice, 1]).ends(alice).for(10)
    expect(story.awaited.isQuiet(story.micros)).toBe(false)
  })

  test('a still screen that sends a picture every two seconds may take its time', () => {
    const story = new Story().asks(bob)
    for (let picture = 0; picture < 60; picture++) {
      story.tell(story.awaited.arrived(bob, 1, story.micros))
      story.seconds += 2
    }
    expect(story.awaited.isQuiet(story.micros + 8_000_000)).toBe(false)
    expect(story.awaited.isQuiet(story.micros + 12_000_000)).toBe(true)
  })
})

describe('the recorder away', () => {
  test('is a loss of each user who published, from the last frame to the first', () => {
    const story = new Story().asks(alice).asks(bob).for(5, [alice, 1], [bob, 2]).for(3)
    story.awaited.away(story.micros)
    story.for(2)
    story.awaited.back(story.micros)
    story.asks(alice).asks(bob).for(1, [alice, 3]).for(9, [alice, 3], [bob, 4])
    expect(story.losses).toEqual(['alice RoomAway 4.98..10', 'bob RoomAway 4.98..11'])
  })

  test('does not hide that something never arrived', () => {
    const story = new Story().asks(alice).for(3)
    story.awaited.mediaRebuilt(story.micros)
    story.for(5)
    story.awaited.away(story.micros)
    story.for(2)
    story.awaited.back(story.micros)
    story.asks(alice).for(5)
    expect(story.losses).toEqual(['alice NeverArrived 0..15'])
    expect(story.awaited.nothingEverArrived).toBe(true)
  })

  test('grows in the ledger while it lasts', () => {
    const story = new Story().asks(alice).for(5, [alice, 1])
    story.awaited.away(story.micros)
    story.for(60)
    expect(story.losses).toEqual(['alice RoomAway 4.98..65'])
    expect(story.again).toEqual([])
    expect(story.awaited.isQuiet(story.micros)).toBe(false)
  })

  test('of somebody who left meanwhile ends with it', () => {
    const story = new Story().asks(alice).for(5, [alice, 1])
    story.awaited.away(story.micros)
    story.for(2)
    story.awaited.back(story.micros)
    story.for(20)
    expect(story.losses).toEqual(['alice RoomAway 4.98..10'])
  })

  test('is a loss also of what was given up since the page was heard last, and of nothing that was given up before', () => {
    const story = new Story().asks(alice).asks(bob).for(5, [alice, 1], [bob, 2])
    story.tell(story.awaited.givenUp(bob, story.micros))
    story.for(1, [alice, 1])
    const heardMicros = story.micros
    story.for(1)
    story.tell(story.awaited.givenUp(alice, story.micros))
    story.for(1)
    story.tell(story.awaited.away(heardMicros))
    story.tell(story.awaited.away(heardMicros))
    expect(story.losses).toEqual(['alice RoomAway 5.98..7'])
  })

  test('is a loss of what was asked for when the page heard nothing any more, from then on, however soon it comes', () => {
    const story = new Story().for(3)
    const heardMicros = story.micros
    story.for(1).asks(alice).for(1)
    story.tell(story.awaited.away(heardMicros))
    story.for(1)
    story.awaited.back(story.micros)
    story.asks(alice).for(1, [alice, 1])
    expect(story.losses).toEqual(['alice RoomAway 4..6'])
  })

  test('is also a connection for media that was built anew; whoever does not come back from it never arrives', () => {
    const story = new Story().asks(alice).asks(bob).for(5, [alice, 1], [bob, 2]).for(2)
    story.awaited.mediaRebuilt(story.micros)
    story.for(1).for(20, [alice, 3])
    expect(story.losses).toEqual(['alice RoomAway 4.98..8', 'bob RoomAway 4.98..11', 'bob NeverArrived 8..28'])
    expect(story.again[0]).toMatch(/bob video/)
  })

  test('is a subscription that the SDK made anew by itself', () => {
    const story = new Story().asks(alice).for(5, [alice, 1]).for(0.6).for(5, [alice, 2])
    expect(story.losses).toEqual(['alice RoomAway 4.98..5.6'])
  })
})
