import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pcmSchema } from '@trtc-recorder/api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { DamagedFile } from '../../disk/durable-lines.ts'
import type { NoticedLoss } from '../../ledger/ledger.ts'
import { silentOpusPacket } from '../../media/opus.ts'
import { aJob, noLog } from '../../recorder/testing.ts'
import type { LiveEvent, LiveSource } from '../part.ts'
import { PcmPart } from './pcm-part.ts'
import { Receiver } from './testing/receiver.ts'

const policy = { allow: ['127.0.0.0/8'], deny: [], apiServer: [], allowPrivate: false }
const alice: LiveSource = { id: 1, userId: 'alice', stream: 'main', attempt: 1, file: 'alice.mp4' }

let directory: string
let receiver: Receiver
let losses: NoticedLoss[]
let damaged: DamagedFile[]
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pcm-'))
  receiver = new Receiver()
  await receiver.open()
  losses = []
  damaged = []
})
afterEach(async () => {
  await receiver.close()
  await rm(directory, { recursive: true, force: true })
})

function aPart(pcm: object = {}, attempt = 1) {
  return new PcmPart({
    job: aJob({}, { attempt }),
    pcm: pcmSchema.parse({ url: `${receiver.address}/{room}?user={userId}&stream={stream}&of={recording}`, ...pcm }),
    ...{ directory, policy, log: noLog, ledger: { add: (loss) => losses.push(loss) } },
    onDamagedLines: (damage) => damaged.push(damage),
    authorization: async () => undefined,
  })
}

/** Far from what the wall clock says, as where that was set while a file was open. */
const startMicros = (Date.now() - 3_600_000) * 1000
type Sourceless<Event> = Event extends unknown ? Omit<Event, 'source'> : never
const tell = (part: PcmPart, source: LiveSource, ...events: Sourceless<LiveEvent>[]) => {
  for (const event of events) part.on({ ...event, source } as LiveEvent)
}
/** `count` packets of 20 ms from `atMillis` on. */
const packets = (atMillis: number, count: number): Sourceless<LiveEvent>[] =>
  Array.from({ length: count }, (_, n) => ({
    type: 'sound',
    sound: { is: 'packet', data: silentOpusPacket(960), samples: 960, ptsMicros: startMicros + (atMillis + n * 20) * 1000 },
  }))
const bytesPerMilli = 32
const isoAt = (millis: number) => new Date(startMicros / 1000 + millis).toISOString()

describe('sound that is sent while it is recorded', () => {
  test('goes to an address of its own for each user, with what is theirs in it', async () => {
    const part = aPart({ users: { exclude: ['b.*$'] } })
    const eve: LiveSource = { ...alice, id: 2, userId: 'eve & co', stream: 'aux' }
    expect([alice, eve, { ...alice, userId: 'bob' }].map((source) => part.wants(source))).toEqual([['audio'], ['audio'], []])
    for (const source of [alice, eve]) tell(part, source, { type: 'opened' }, ...packets(0, 5), { type: 'closed' })
    await part.end()
    expect(receiver.connections.map(({ url }) => url).sort()).toEqual([
      '/101?user=alice&stream=main&of=maths',
      '/101?user=eve%20%26%20co&stream=aux&of=maths',
    ])
    expect(receiver.connections.map(({ pcm }) => pcm.length)).toEqual([100 * bytesPerMilli, 100 * bytesPerMilli])
    expect(losses).toEqual([])
    const sent = { stream: 'main', attempt: 1, seconds: 0.1, bytes: 100 * bytesPerMilli, connections: 1, lostSeconds: 0 }
    expect(part.sent()).toMatchObject({
      counts: { part: 'pcm', stored: 0, waiting: 0, lost: 0 },
      sounds: [
        { ...sent, userId: 'alice', from: isoAt(0), to: isoAt(100) },
        { ...sent, userId: 'eve & co', stream: 'aux' },
      ],
    })
  })

  test('goes on while the user is muted, as silence, and says so', async () => {
    const part = aPart({ form: 'Stereo48k' })
    const sends = (on: boolean, atMillis: number) =>
      ({ type: 'sends', kind: 'audio', sends: on, atMicros: startMicros + atMillis * 1000 }) as const
    tell(part, alice, { type: 'opened' }, ...packets(0, 50), sends(false, 1000))
    for (let at = 1500; at <= 3000; at += 500) tell(part, alice, { type: 'reached', micros: startMicros + at * 1000 })
    tell(part, alice, sends(true, 3000), ...packets(3000, 50), { type: 'closed' })
    await part.end()
    const { pcm, texts } = receiver.connections[0]!
    expect(pcm.length).toBe(4000 * 48 * 4)
    expect(texts).toEqual([
      { text: '{"muted":true}', at: 1000 * 48 * 4 },
      { text: '{"muted":false}', at: 3000 * 48 * 4 },
    ])
  })

  test('of a pause has nothing, not even silence', async () => {
    const part = aPart()
    const [paused, resumed] = [1000, 4000]
    tell(part, alice, { type: 'opened' }, ...packets(paused - 1000, 50), { type: 'paused' })
    tell(part, alice, { type: 'reached', micros: startMicros + (paused + 1500) * 1000 })
    tell(part, alice, { type: 'resumed', micros: startMicros + resumed * 1000 })
    const missing = { is: 'missing', samples: 3000 * 48, ptsMicros: startMicros + paused * 1000 } as const
    tell(part, alice, { type: 'sound', sound: missing }, ...packets(resumed, 50), { type: 'closed' })
    await part.end()
    expect(receiver.connections[0]!.pcm.length).toBe(2000 * bytesPerMilli)
    expect(part.sent().sounds).toMatchObject([{ from: isoAt(0), to: isoAt(resumed + 1000) }])
  })

  test('makes no connection for who sends none', async () => {
    const part = aPart()
    tell(part, alice, { type: 'opened' }, { type: 'reached', micros: startMicros + 5_000_000 }, { type: 'closed' })
    await part.end()
    expect(receiver.connections).toEqual([])
  })

  test('that its receiver did not take in time is told of, with when it was, and is no loss of the file', async () => {
    await receiver.close()
    const part = aPart({ backlogSeconds: 5 })
    tell(part, alice, { type: 'opened' }, ...packets(0, 900))
    expect(losses[0]).toMatchObject({
      ...{ userId: 'alice', stream: 'main', medium: 'audio', reason: 'LiveOutputLost', file: null, frames: 250 },
      ...{ fromMicros: startMicros, toMicros: startMicros + 5_000_000, detail: 'pcm: its receiver did not take it in time' },
    })
    await receiver.open()
    await part.end()
    const heard = receiver.connections[0]!.pcm.length / bytesPerMilli
    expect(heard + losses.reduce((sum, { frames }) => sum + frames! * 20, 0)).toBe(18_000)
    const { counts, sounds } = part.sent()
    expect(counts).toEqual({ part: 'pcm', stored: Math.floor(heard / 1000), waiting: 0, lost: 18 - Math.floor(heard / 1000) })
    expect(sounds).toMatchObject([{ seconds: heard / 1000, lostSeconds: 18 - heard / 1000, connections: 1 }])
  })

  test('that waited when a recorder was killed is told of by the next one, and goes', async () => {
    await receiver.close()
    const killed = aPart()
    tell(killed, alice, { type: 'opened' }, ...packets(0, 600))
    const folder = join(directory, 'YWxpY2U.main.1')
    await expect.poll(async () => (await readdir(folder).catch(() => [])).length).toBe(2)
    aPart()
    expect(losses).toMatchObject([
      { userId: 'alice', stream: 'main', medium: 'audio', reason: 'LiveOutputLost', fromMicros: startMicros },
    ])
    expect(losses[0]!.toMicros).toBeGreaterThanOrEqual(startMicros + 12_000_000)
    expect(await readdir(directory)).toEqual([])
    await receiver.open()
    await killed.end()
  })

  test('is counted over all attempts, and what waits meanwhile', async () => {
    const first = aPart()
    tell(first, alice, { type: 'opened' }, ...packets(0, 100), { type: 'closed' })
    await first.end()
    await receiver.close()
    const second = aPart({}, 2)
    tell(second, alice, { type: 'opened' }, ...packets(2000, 150))
    expect(second.sent().counts).toEqual({ part: 'pcm', stored: 2, waiting: 3, lost: 0 })
    await receiver.open()
    tell(second, alice, { type: 'closed' })
    await second.end()
    expect(second.sent().counts).toEqual({ part: 'pcm', stored: 5, waiting: 0, lost: 0 })
    expect(second.sent().sounds.map(({ attempt, seconds }) => [attempt, seconds])).toEqual([
      [1, 2],
      [2, 3],
    ])
  })

  test('counted by an attempt whose note the disk has changed in any bit is told of by the name of that, and by a release before is counted', async () => {
    const first = aPart()
    tell(first, alice, { type: 'opened' }, ...packets(0, 100), { type: 'closed' })
    await first.end()
    const note = join(directory, 'sent-1.json')
    const bytes = await readFile(note)
    const at = bytes.indexOf('"seconds":2')
    await writeFile(note, Buffer.from(bytes).fill('7', at + 10, at + 11))
    expect(aPart({}, 2).sent().sounds).toEqual([])
    expect(damaged).toMatchObject([{ file: expect.stringMatching(/\/sent-1\.json$/), lines: 'all' }])
    damaged = []
    await writeFile(note, JSON.stringify(JSON.parse(bytes.toString()).sounds))
    expect(aPart({}, 2).sent().sounds).toMatchObject([{ attempt: 1, seconds: 2 }])
    expect(damaged).toEqual([])
  })
})
