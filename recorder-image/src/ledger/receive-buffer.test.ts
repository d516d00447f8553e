import { expect, test } from 'vitest'
import { Ledger, type NoticedLoss } from './ledger.ts'
import { ReceiveBuffer, rcvbufErrors } from './receive-buffer.ts'

const second = 1_000_000
const lost = (fromMicros: number, toMicros: number, reason: NoticedLoss['reason'] = 'LostInNetwork'): NoticedLoss => ({
  ...{ userId: 'alice', stream: 'main', medium: 'video', fromMicros, toMicros, frames: 3, bytes: null, reason, file: null },
  detail: '',
})

/** A buffer that is looked at each second from 0 on. */
function looked(counts: number[]): ReceiveBuffer {
  let count = 0
  const buffer = new ReceiveBuffer(() => count)
  for (const [at, now] of counts.entries()) {
    count = now
    buffer.look(at * second)
  }
  return buffer
}

test('what was lost while a receive buffer overflowed is not blamed on the network', () => {
  const buffer = looked([7, 7, 7, 7, 20, 24, 24, 24, 24, 24, 24])
  const ledger = new Ledger(undefined, undefined, (loss) => buffer.explain(loss))
  ledger.add(lost(4.1 * second, 4.4 * second))
  expect(ledger.losses).toMatchObject([
    { reason: 'TakenTooLate', detail: '17 packets overflowed a receive buffer around that time', frames: 3 },
  ])
})

test('what was lost at another time, or for another reason, stays what it is', () => {
  const buffer = looked([0, 5, 5, 5, 5, 5, 5, 5, 5])
  for (const loss of [lost(5 * second, 6 * second), lost(0.5 * second, 0.6 * second, 'DiskSlow')]) {
    expect(buffer.explain(loss)).toBe(loss)
  }
})

test('what had overflowed before the recorder began is not counted', () => {
  const buffer = looked([1000, 1000, 1000])
  expect(buffer.explain(lost(0, second)).reason).toBe('LostInNetwork')
})

test('the kernel’s count is found by its name', () => {
  const udp = 'Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors\nUdp: 100 1 33476 200 33470 5\n'
  expect(rcvbufErrors(`Ip: Forwarding\nIp: 1\n${udp}UdpLite: InDatagrams\nUdpLite: 0\n`)).toBe(33470)
  expect(rcvbufErrors('')).toBe(0)
})
