import { readFileSync } from 'node:fs'
import type { NoticedLoss } from './ledger.ts'

/** A packet that overflowed is missed when its successors come, and a sound packet only when its repair was waited for. */
const aroundMicros = 2_000_000
const lookEveryMicros = 1_000_000
const rememberedRises = 1000

/**
 * Tells what was lost on the way from what this machine lost itself: the kernel counts the packets that found the receive buffer of a socket full,
 * because whoever reads it got no processor. A Pod has a network and so a count of its own; a recorder run by hand shares the machine's.
 */
export class ReceiveBuffer {
  readonly #count: () => number
  readonly #rises: { fromMicros: number; toMicros: number; packets: number }[] = []
  #lookedAt: number | undefined
  #last = 0

  /** `count`: of packets so far. */
  constructor(count: () => number = overflowedPackets) {
    this.#count = count
  }

  /** To be called often. Times in microseconds since 1970. */
  look(nowMicros: number): void {
    const fromMicros = this.#lookedAt
    if (fromMicros !== undefined && nowMicros - fromMicros < lookEveryMicros) return
    const count = this.#count()
    if (fromMicros !== undefined && count > this.#last) {
      this.#rises.push({ fromMicros, toMicros: nowMicros, packets: count - this.#last })
      if (this.#rises.length > rememberedRises) this.#rises.shift()
    }
    this.#last = count
    this.#lookedAt = nowMicros
  }

  explain(loss: NoticedLoss): NoticedLoss {
    if (loss.reason !== 'LostInNetwork' || this.#lookedAt === undefined) return loss
    // A loss is often told before the next look.
    const now = { fromMicros: this.#lookedAt, toMicros: Number.POSITIVE_INFINITY, packets: this.#count() - this.#last }
    const packets = [...this.#rises, now]
      .filter(
        ({ fromMicros, toMicros }) => fromMicros < loss.toMicros + aroundMicros && toMicros > loss.fromMicros - aroundMicros,
      )
      .reduce((sum, { packets }) => sum + packets, 0)
    if (packets === 0) return loss
    return { ...loss, reason: 'TakenTooLate', detail: `${packets} packets overflowed a receive buffer around that time` }
  }
}

/** By the kernel's count for this network; 0 where it tells none. */
function overflowedPackets(): number {
  try {
    return rcvbufErrors(readFileSync('/proc/net/snmp', 'utf8')) + rcvbufErrors6(readFileSync('/proc/net/snmp6', 'utf8'))
  } catch {
    return 0
  }
}

/** Of UDP, in two lines: names and values. */
export function rcvbufErrors(snmp: string): number {
  const [names, values] = snmp
    .split('\n')
    .filter((line) => line.startsWith('Udp: '))
    .map((line) => line.split(' '))
  return Number(values?.[names?.indexOf('RcvbufErrors') ?? -1] ?? 0)
}

const rcvbufErrors6 = (snmp6: string) => Number(/^Udp6RcvbufErrors\s+(\d+)/m.exec(snmp6)?.[1] ?? 0)
