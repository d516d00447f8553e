import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Decoder, PcmForm } from '../../media/opus-decoding.ts'
import type { Dropped } from './backlog.ts'
import { connect } from './connection.ts'
import { Feed } from './feed.ts'
import type { Sound } from './sound.ts'
import { type Heard, Receiver } from './testing/receiver.ts'

const form: PcmForm = { rate: 16_000, channels: 1 }
const packetBytes = 640
const policy = { allow: ['127.0.0.0/8'], deny: [], apiServer: [], allowPrivate: false }

/** Each packet has its number in it, and becomes 20 ms of that number. */
const numbering = {
  open: (): Decoder => ({
    decode: async (packets) =>
      Buffer.concat(
        packets.map((packet) => {
          const pcm = Buffer.alloc(packetBytes)
          for (let at = 0; at < packetBytes; at += 2) pcm.writeInt16LE(Buffer.from(packet).readInt16LE(), at)
          return pcm
        }),
      ),
    close: () => {},
  }),
}
/** From 1 on: 0 is silence. */
const packets = (from: number, count: number): Sound[] =>
  Array.from({ length: count }, (_, n) => {
    const data = Buffer.alloc(2)
    data.writeInt16LE(from + n)
    return { type: 'packet', data, samples: 960, atMicros: (from + n) * 20_000 }
  })
const numbersIn = (pcm: Buffer) => Array.from({ length: pcm.length / packetBytes }, (_, n) => pcm.readInt16LE(n * packetBytes))
const range = (from: number, end: number) => Array.from({ length: end - from }, (_, n) => from + n)

let directory: string
let receiver: Receiver
let dropped: Dropped[]
let troubles: (string | undefined)[]
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'feed-'))
  receiver = new Receiver()
  await receiver.open()
  dropped = []
  troubles = []
})
afterEach(async () => {
  await receiver.close()
  await rm(directory, { recursive: true, force: true })
})

const aFeed = (options: { keepSeconds?: number; path?: string; allow?: string[]; authorization?: string } = {}) =>
  new Feed({
    ...{ form, directory: join(directory, 'alice'), keepSeconds: options.keepSeconds ?? 60, decoding: numbering },
    connect: (signal) =>
      connect(`${receiver.address}${options.path ?? '/'}`, {
        ...{ policy: { ...policy, allow: options.allow ?? policy.allow }, signal },
        ...(options.authorization === undefined ? {} : { authorization: options.authorization }),
      }),
    onDrop: (one) => dropped.push(one),
    onTrouble: (problem) => troubles.push(problem),
    onConnected: () => {},
    onSent: () => {},
  })
const never = new Promise(() => {})
const heard = async (connections = 1): Promise<Heard> => {
  await expect.poll(() => receiver.connections.length).toBeGreaterThanOrEqual(connections)
  return receiver.connections.at(-1)!
}

describe('a receiver', () => {
  test('hears by LiveKit’s convention: header, PCM in blocks of 20 ms, mutes as texts where they are, silence, and a close frame', async () => {
    const feed = aFeed({ path: '/listen?userId=alice', authorization: 'Bearer s3cret' })
    feed.add([
      ...packets(1, 3),
      { type: 'muted', muted: true, samples: 0, atMicros: 0 },
      { type: 'silence', samples: 1920, atMicros: 0 },
      { type: 'muted', muted: false, samples: 0, atMicros: 0 },
      ...packets(4, 2),
    ])
    await feed.end(never)
    const { url, headers, pcm, blocks, texts, closed } = await heard()
    expect(url).toBe('/listen?userId=alice')
    expect(headers).toMatchObject({ 'content-type': 'audio/x-raw', authorization: 'Bearer s3cret' })
    expect(numbersIn(pcm)).toEqual([1, 2, 3, 0, 0, 4, 5])
    expect(blocks.map(({ at }) => at)).toEqual(range(0, 7).map((n) => n * packetBytes))
    expect(texts).toEqual([
      { text: '{"muted":true}', at: 3 * packetBytes },
      { text: '{"muted":false}', at: 5 * packetBytes },
    ])
    await expect.poll(() => receiver.connections[0]!.closed ?? closed).toBe(1000)
    expect(dropped).toEqual([])
  })

  test('that comes late hears all that waited for it', async () => {
    await receiver.close()
    const feed = aFeed()
    feed.add(packets(1, 1000))
    await expect.poll(() => troubles).toEqual(['ECONNREFUSED'])
    await receiver.open()
    feed.add(packets(1001, 100))
    await feed.end(never)
    expect(numbersIn((await heard()).pcm)).toEqual(range(1, 1101))
    expect(troubles).toEqual(['ECONNREFUSED', undefined])
    expect(dropped).toEqual([])
  })

  test('that comes too late misses the oldest, and that is told', async () => {
    await receiver.close()
    const feed = aFeed({ keepSeconds: 10 })
    for (let n = 0; n < 1500; n += 50) feed.add(packets(1 + n, 50))
    await receiver.open()
    await feed.end(never)
    const numbers = numbersIn((await heard()).pcm)
    expect(numbers).toEqual(range(numbers[0]!, 1501))
    expect(dropped.reduce((sum, { packets }) => sum + packets, 0)).toBe(numbers[0]! - 1)
    expect(numbers[0]).toBeGreaterThan(700)
  })

  test('that breaks and comes back hears it go on where it broke, and that it is muted', async () => {
    const feed = aFeed()
    feed.add([{ type: 'muted', muted: true, samples: 0, atMicros: 0 }, ...packets(1, 100)])
    await expect.poll(() => receiver.connections[0]?.pcm.length).toBe(100 * packetBytes)
    await receiver.close()
    await expect.poll(() => troubles.length).toBeGreaterThan(0)
    feed.add(packets(101, 300))
    await receiver.open()
    await feed.end(never)
    const { pcm, texts } = await heard(2)
    expect(numbersIn(pcm)).toEqual(range(101, 401))
    expect(texts[0]).toEqual({ text: '{"muted":true}', at: 0 })
    expect(dropped).toEqual([])
  })

  test('that reads nothing holds nobody up, and what it did not take is told', async () => {
    receiver.onConnection = ({ socket }) => socket.pause()
    const feed = aFeed({ keepSeconds: 10 })
    await heard()
    // Far more than the network takes.
    for (let n = 0; n < 400; n++) feed.add([{ type: 'silence', samples: 48_000, atMicros: n * 1_000_000 }, ...packets(1, 1)])
    await expect.poll(() => dropped.length).toBeGreaterThan(0)
    await feed.end(Promise.resolve())
    expect(feed.waitingSeconds).toBe(0)
  })

  test('at an address that may not be called is not called, and that is said without what is secret in it', async () => {
    const feed = aFeed({ allow: [], path: '/?token=s3cret' })
    feed.add(packets(1, 10))
    await expect.poll(() => troubles).toEqual(['127.0.0.1 is a loopback address, which may not be called'])
    await feed.end(Promise.resolve())
    expect(receiver.connections).toEqual([])
    expect(dropped).toMatchObject([{ packets: 10 }])
  })
})
