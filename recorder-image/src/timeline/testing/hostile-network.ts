import fc from 'fast-check'
import { seeded } from '../../media/testing/sender.ts'

/** A packet, or a picture, with the truth about it. Times in milliseconds by the recorder's wall clock. */
export interface Sent {
  /** Number of the packet or picture among all that were sent. */
  number: number
  /** When its beginning was captured. */
  trueMillis: number
  rtpTimestamp: number
}
export interface Arrived<T> {
  sent: T
  arrivalMillis: number
}

/** What happens on the way. Probabilities of 0 to 1 for each packet, times in milliseconds. */
export interface Network {
  seed: number
  jitterMillis: number
  /** Comes later by a round trip or more: lost and repaired. */
  repaired: number
  repairMillis: number
  /** Never comes. */
  lost: number
  /** A packet stays behind its successors. */
  overtaken: number
  overtakenMillis: number
  twice: number
  /** The queue on the way grows, and shrinks again some seconds later. */
  queue: { fromMillis: number; forMillis: number; delayMillis: number }
  /** The recorder's machine stands still: what comes meanwhile is there at once afterwards. */
  freeze: { fromMillis: number; forMillis: number }
}

const chance = (most: number) => fc.oneof(fc.constant(0), fc.double({ min: 0, max: most, noNaN: true }))

export const network = (over: Partial<Record<keyof Network, fc.Arbitrary<unknown>>> = {}) =>
  fc.record({
    seed: fc.nat(),
    jitterMillis: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 200 })),
    repaired: chance(0.1),
    repairMillis: fc.integer({ min: 20, max: 300 }),
    lost: chance(0.1),
    overtaken: chance(0.1),
    overtakenMillis: fc.integer({ min: 5, max: 100 }),
    twice: chance(0.2),
    queue: fc.record({
      fromMillis: fc.nat(20_000),
      forMillis: fc.oneof(fc.constant(0), fc.integer({ min: 500, max: 8000 })),
      delayMillis: fc.integer({ min: 300, max: 900 }),
    }),
    freeze: fc.record({
      fromMillis: fc.nat(20_000),
      forMillis: fc.oneof(fc.constant(0), fc.integer({ min: 1000, max: 10_000 })),
    }),
    ...over,
  }) as fc.Arbitrary<Network>

/** Brings what was sent over a network; in order of arrival. */
export function deliver<T extends Sent>(sent: readonly T[], network: Network): Arrived<T>[] {
  const random = seeded(network.seed)
  const { queue, freeze } = network
  const arrivals: Arrived<T>[] = []
  for (const packet of sent) {
    const [isLost, isRepaired, isOvertaken, isTwice] = [random(), random(), random(), random()]
    if (isLost < network.lost) continue
    let arrivalMillis = packet.trueMillis + 20 + random() * network.jitterMillis
    if (isRepaired < network.repaired) arrivalMillis += network.repairMillis
    if (isOvertaken < network.overtaken) arrivalMillis += network.overtakenMillis
    // A queue grows and shrinks within half a second.
    const inQueue = Math.min(packet.trueMillis - queue.fromMillis, queue.fromMillis + queue.forMillis - packet.trueMillis)
    arrivalMillis += queue.delayMillis * Math.max(0, Math.min(1, inQueue / 500))
    const isFrozen = arrivalMillis > freeze.fromMillis && arrivalMillis < freeze.fromMillis + freeze.forMillis
    if (isFrozen) arrivalMillis = freeze.fromMillis + freeze.forMillis + (arrivalMillis - freeze.fromMillis) / 1e6
    arrivals.push({ sent: packet, arrivalMillis })
    if (isTwice < network.twice) arrivals.push({ sent: packet, arrivalMillis: arrivalMillis + random() * 150 })
  }
  return arrivals.sort((a, b) => a.arrivalMillis - b.arrivalMillis)
}
