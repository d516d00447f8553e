import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Ledger } from '../../ledger/ledger.ts'
import type { StoredVideoConfig } from '../../media/video-codec.ts'
import { aJob, noLog } from '../../recorder/testing.ts'
import { LiveObjects } from '../live-objects.ts'
import type { LiveSource } from '../part.ts'
import { StillQueue } from './still-queue.ts'
import { StillsPart } from './stills-part.ts'

const config: StoredVideoConfig = { codec: 'h264', width: 320, height: 180, units: [], number: 0 }
const epochMicros = Date.UTC(2026, 10, 26, 14) * 1000
const sourceOf = (id: number, userId: string): LiveSource => ({ id, userId, stream: 'main', attempt: 1, file: `${userId}.mp4` })
const [alice, bob] = [sourceOf(1, 'alice'), sourceOf(2, 'bob')]

/** Stills each ten seconds, into what was stored by its key; a JPEG is the first byte of its picture. `holds`: keys that COS never answers for. */
async function stills(spec: object = {}, holds: (key: string) => boolean = () => false) {
  const job = aJob({ live: { stills: { seconds: 10, ...spec } } })
  const stored: [key: string, picture: number][] = []
  const store = {
    put: async (key: string, body: Uint8Array) => {
      if (holds(key)) await new Promise(() => {})
      if (key.endsWith('.jpeg')) stored.push([key, body[0]!])
      return { url: '', bytes: body.length, crc64: '0' }
    },
  }
  const ledger = new Ledger()
  const objects = new LiveObjects({
    job,
    log: noLog,
    directory: await mkdtemp(join(tmpdir(), 'stills-')),
    ledger,
    store,
    events: { add: () => {} },
  })
  const asked: number[] = []
  const queue = new StillQueue('', {
    end: () => {},
    decode: async ({ sample }) => {
      if (sample[0] === 66) throw new Error('no picture')
      return Buffer.from(sample)
    },
  })
  const part = new StillsPart(job.spec.live.stills!, objects, { requestKeyFrame: ({ id }) => asked.push(id) }, queue)
  for (const source of [alice, bob]) part.on({ type: 'opened', source })
  const picture = (source: LiveSource, second: number, key: boolean) => {
    const data = Uint8Array.of(second)
    const ptsMicros = epochMicros + second * 1_000_000
    part.on({ type: 'picture', source, picture: { data, parameterSets: Uint8Array.of(), key, config, ptsMicros } })
  }
  const end = async () => {
    await part.end()
    await objects.finish(new Promise(() => {}))
    void ledger.settle()
    return { stored, asked, losses: ledger.losses }
  }
  return { part, picture, end, stored }
}

describe('stills', () => {
  test('are stored by the time of their picture, and a key frame is asked for where none comes', async () => {
    const { part, picture, end } = await stills()
    for (let second = 0; second < 25; second++) {
      picture(alice, second, second % 12 === 0)
      await part.end()
    }
    const { stored, asked, losses } = await end()
    expect(stored.sort()).toEqual([
      ['lessons/maths.YWxpY2U.main.stills/20261126140000000.jpeg', 0],
      ['lessons/maths.YWxpY2U.main.stills/20261126140012000.jpeg', 12],
      ['lessons/maths.YWxpY2U.main.stills/20261126140024000.jpeg', 24],
    ])
    expect([asked, losses]).toEqual([[1, 1], []])
  })

  test('of which only the latest is wanted have one name, and keep nobody else’s waiting while COS does not answer', async () => {
    const { part, picture, stored } = await stills({ naming: 'Latest' }, (key) => key.includes('.YWxpY2U.'))
    picture(alice, 0, true)
    for (const second of [0, 10, 20]) {
      picture(bob, second, true)
      await part.end()
    }
    await expect.poll(() => stored.at(-1)).toEqual(['lessons/maths.Ym9i.main.stills/latest.jpeg', 20])
  })

  test('that cannot be made are lost by name, and the next is made', async () => {
    const { picture, end } = await stills()
    picture(alice, 66, true)
    picture(bob, 1, true)
    const { stored, losses } = await end()
    expect(stored).toHaveLength(1)
    expect(losses).toMatchObject([{ userId: 'alice', medium: 'video', reason: 'LiveOutputLost', detail: 'stills: no picture' }])
  })

  test('are made of whom and what is meant', async () => {
    const { part } = await stills({ users: { include: ['al.*$'] }, streams: ['aux'] })
    const wanted = [alice, bob].flatMap(({ userId }) =>
      (['main', 'aux'] as const).map((stream) => part.wants({ userId, stream })),
    )
    expect(wanted).toEqual([[], ['video'], [], []])
  })
})
