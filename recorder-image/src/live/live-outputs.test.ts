import { describe, expect, test } from 'vitest'
import { Ledger } from '../ledger/ledger.ts'
import { aFrame, aJob, noLog } from '../recorder/testing.ts'
import type { EncodedFrame } from '../tap/frame.ts'
import { LiveObjects } from './live-objects.ts'
import { LiveOutputs } from './live-outputs.ts'
import type { LiveEvent, LivePart, LiveRoom } from './part.ts'

const zero = 1_700_000_000_000_000

/** Notes what it is told. */
class Listener implements LivePart {
  readonly name = 'audioSlices'
  readonly told: LiveEvent[] = []
  wanted: ReturnType<LivePart['wants']> = ['audio', 'video']
  throwsAt: LiveEvent['type'] | undefined

  wants = () => this.wanted

  on(event: LiveEvent): void {
    if (event.type === this.throwsAt) throw new Error('it broke')
    this.told.push(event)
  }

  endsWith: Error | undefined

  async end(): Promise<void> {
    if (this.endsWith !== undefined) throw this.endsWith
  }

  get types(): string {
    return this.told.map(({ type }) => type).join(' ')
  }

  /** Of packets their first byte, of what is missing its length. */
  get sound(): (string | number)[] {
    return this.told.flatMap((event) =>
      event.type !== 'sound' ? [] : [event.sound.is === 'packet' ? `p${event.sound.data[1]}` : event.sound.samples],
    )
  }
}

function world(...parts: Listener[]) {
  const ledger = new Ledger()
  const job = aJob()
  const store = { put: () => Promise.reject(new Error('nothing is stored')) }
  const objects = new LiveObjects({ job, store, directory: '/nowhere', ledger, events: { add: () => {} }, log: noLog })
  let room!: LiveRoom
  const live = new LiveOutputs({
    ...{ objects, ledger, log: noLog },
    parts(given) {
      room = given
      return parts
    },
  })
  live.opened(1, { userId: 'alice', stream: 'main', attempt: 1, file: 'alice.mp4', openedMicros: zero })
  return { live, ledger, objects, room: () => room }
}

/** The n-th packet of 20 ms, which arrives so much later than it was sent. */
const packet = (n: number, lateMicros = 0, ssrc = 1): EncodedFrame => ({
  ...aFrame(2, ''),
  ...{ kind: 'audio', ssrc, mimeType: 'audio/opus', data: Uint8Array.of(0xf8, n, 0), sequenceNumber: n, rtpTimestamp: n * 960 },
  receiveTimeMicros: zero + n * 20_000 + lateMicros,
})
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at)

describe('a part of spec.live', () => {
  test('that fails at its end is in the ledger', async () => {
    const part = new Listener()
    part.endsWith = new Error('it broke')
    const { live, ledger } = world(part)
    await live.finish(new Promise(() => {}))
    expect(ledger.losses).toMatchObject([
      { reason: 'LiveOutputLost', medium: 'audio', detail: 'audioSlices: it failed at its end: it broke' },
    ])
  })

  test('is told of packets in the order in which they were sent, and of what is missing as long as it is', () => {
    const part = new Listener()
    const { live } = world(part)
    for (const n of [0, 1, 3, 2, ...numbers(4, 60), ...numbers(62, 130)]) live.frame(1, packet(n))
    live.closed(1)
    expect(part.sound).toEqual([...numbers(0, 60).map((n) => `p${n}`), 1920, ...numbers(62, 130).map((n) => `p${n}`)])
    const times = part.told.flatMap((event) => (event.type === 'sound' ? [event.sound.ptsMicros] : []))
    expect(times.slice(0, 3)).toEqual([zero, zero + 20_000, zero + 40_000])
    expect(times.at(-1)).toBe(zero + 129 * 20_000)
    expect(part.types).toMatch(/^opened (sound )+closed$/)
  })

  test('is told how far all of it is, also while nothing comes, and then of what was held back', () => {
    const part = new Listener()
    const { live } = world(part)
    for (const n of numbers(0, 60)) live.frame(1, packet(n))
    live.frame(1, packet(62))
    live.tick(() => zero + 1_300_000)
    expect(part.types).not.toContain('reached')
    live.tick(() => zero + 3_000_000)
    expect(part.sound.slice(-2)).toEqual([1920, 'p62'])
    const reached = part.told.at(-1)!
    expect(reached.type === 'reached' && reached.micros).toBeLessThan(zero + 3_000_000)
    expect(reached.type === 'reached' && reached.micros).toBeGreaterThan(zero + 62 * 20_000)
  })

  test('is told of a pause when all of before it has been told, and that it is over', () => {
    const part = new Listener()
    const { live } = world(part)
    for (const n of [...numbers(0, 60), 61]) live.frame(1, packet(n))
    live.paused()
    expect(part.sound.at(-1)).toBe('p61')
    live.tick(() => zero + 9_000_000)
    live.resumed(1, 0)
    live.closed(1)
    expect(part.types).toMatch(/sound paused resumed closed$/)
  })

  test('has its lists stored seldom again after a pause, also where nobody stayed over it', () => {
    const { live, objects } = world(new Listener())
    live.paused()
    live.closed(1)
    expect(objects.isQuiet).toBe(true)
    live.opened(2, { userId: 'bob', stream: 'main', attempt: 1, file: 'bob.mp4', openedMicros: zero })
    expect(objects.isQuiet).toBe(false)
  })

  test('is told of nothing that it does not want', () => {
    const [sound, nothing] = [new Listener(), new Listener()]
    sound.wanted = ['audio']
    nothing.wanted = []
    const { live } = world(sound, nothing)
    live.frame(1, { ...aFrame(3, 'picture'), key: true })
    live.sends(1, 'video', false, zero)
    live.closed(1)
    expect(sound.types).toBe('opened closed')
    expect(nothing.types).toBe('')
  })

  test('that throws is done with that file, and the ledger says from when to when; others go on, and so does it with the next file', () => {
    const [broken, fine] = [new Listener(), new Listener()]
    broken.throwsAt = 'sound'
    const { live, ledger } = world(broken, fine)
    for (const n of numbers(0, 60)) live.frame(1, packet(n))
    live.closed(1)
    expect(fine.sound).toHaveLength(60)
    expect(ledger.losses).toMatchObject([
      {
        ...{ userId: 'alice', stream: 'main', reason: 'LiveOutputLost', detail: 'audioSlices: it broke' },
        ...{ from: new Date(zero / 1000).toISOString(), to: new Date(zero / 1000 + 59 * 20).toISOString() },
      },
    ])
    broken.throwsAt = undefined
    live.opened(2, { userId: 'alice', stream: 'main', attempt: 1, file: 'alice-2.mp4', openedMicros: zero })
    expect(broken.types).toBe('opened opened')
  })

  test('asks for a key frame of whom the pictures come from', () => {
    const part = new Listener()
    const { live, room } = world(part)
    const asked: number[] = []
    live.onKeyFrameWanted = (slot) => asked.push(slot)
    const { source } = part.told[0]!
    room().requestKeyFrame(source)
    live.frame(1, aFrame(3, 'picture'))
    room().requestKeyFrame(source)
    live.closed(1)
    room().requestKeyFrame(source)
    expect(asked).toEqual([3])
  })
})
