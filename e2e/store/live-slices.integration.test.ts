import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { liveIndexObjectSchema } from '@trtc-recorder/api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Ledger } from '../../recorder-image/src/ledger/ledger.ts'
import { LiveObjects, liveTraffic } from '../../recorder-image/src/live/live-objects.ts'
import { LiveOutputs, type LiveResult } from '../../recorder-image/src/live/live-outputs.ts'
import { SlicesPart } from '../../recorder-image/src/live/slices/slices-part.ts'
import { silentOpusPacket } from '../../recorder-image/src/media/opus.ts'
import { aJob, noLog } from '../../recorder-image/src/recorder/testing.ts'
import type { RequestRecord } from '../../sandbox/src/cos/control-client.ts'
import { bucket, type Harness, startHarness } from './harness.ts'

const sliceSeconds = 2
/** As the page sends what came, and as the recorder looks at the clock. */
const batchMillis = 500
/** What there is of them is sent to COS at once. */
const users = Array.from({ length: 24 }, (_, n) => `user${n}`)
const sound = silentOpusPacket(960)

interface TestedEvent {
  type: string
  userId: string
  status: number
  endMillis: number
  toldMillis: number
}

/** Users who talk without a break, a packet each 20 ms, into slices that go to COS by the store that a recorder has. */
class Talk {
  /** From then on nothing is sent, and nobody says why. */
  silentFromMillis = Number.POSITIVE_INFINITY
  readonly ledger = new Ledger()
  readonly events: TestedEvent[] = []
  readonly objects: LiveObjects
  readonly #live: LiveOutputs
  readonly #timer: NodeJS.Timeout
  readonly #firstMicros = Date.now() * 1000
  #sent = 0
  #ended: Promise<LiveResult> | undefined

  constructor(harness: Harness, directory: string, mostWaitingBytes?: number) {
    const { ledger } = this
    const job = aJob({ live: { audioSlices: { seconds: 5 } } })
    this.objects = new LiveObjects({
      ...{ job, directory, ledger, log: noLog, store: harness.store(liveTraffic) },
      ...(mostWaitingBytes === undefined ? {} : { mostWaitingBytes }),
      events: {
        add: (type, object) => {
          const { userId, status, endTime } = object!
          this.events.push({ type, userId, status, endMillis: Date.parse(endTime), toldMillis: Date.now() })
        },
      },
    })
    const parts = () => [new SlicesPart({ ...job.spec.live.audioSlices!, seconds: sliceSeconds }, this.objects)]
    this.#live = new LiveOutputs({ parts, objects: this.objects, ledger, log: noLog })
    users.forEach((userId, id) => {
      this.#live.opened(id, { userId, stream: 'main', attempt: 1, file: `${userId}.mp3`, openedMicros: this.#firstMicros })
    })
    this.#timer = setInterval(() => this.#batch(), batchMillis)
  }

  #batch(): void {
    for (; this.#sent * 20_000 + this.#firstMicros < Math.min(Date.now(), this.silentFromMillis) * 1000; this.#sent++) {
      const at = this.#sent
      users.forEach((_, id) => {
        this.#live.frame(id, {
          ...{ slot: id, kind: 'audio', ssrc: id + 1, key: true, mimeType: 'audio/opus', data: sound },
          ...{ rtpTimestamp: at * 960, sequenceNumber: at & 0xffff, receiveTimeMicros: this.#firstMicros + at * 20_000 },
        })
      })
    }
    this.#live.tick(() => Date.now() * 1000)
  }

  end(): Promise<LiveResult> {
    clearInterval(this.#timer)
    this.#ended ??= this.#live.finish(sleep(10_000))
    return this.#ended
  }

  /** How long after its end each that is in COS was there, in milliseconds. */
  get late(): number[] {
    return this.events.filter(({ status }) => status === 1).map(({ endMillis, toldMillis }) => toldMillis - endMillis)
  }
}

let harness: Harness
let directory: string
let talking: Talk | undefined
beforeEach(async () => {
  harness = await startHarness()
  directory = await mkdtemp(join(tmpdir(), 'slices-'))
})
afterEach(async () => {
  // Before COS is gone for good.
  await talking?.end()
  await harness.close()
  await rm(directory, { recursive: true, force: true, maxRetries: 10 })
})

const put = (key: string): Promise<RequestRecord[]> => harness.control.requests({ operation: 'PutObject', status: 200, key })
const talk = (mostWaitingBytes?: number) => {
  talking = new Talk(harness, directory, mostWaitingBytes)
  return talking
}
const stored = (one: Talk) => one.late.length

/** Every slice of every list, by whether COS has it. */
async function listed(): Promise<{ stored: number; lost: string[] }> {
  const lists = (await harness.control.objects(bucket)).filter(({ key }) => key.includes('/index-'))
  const entries = []
  for (const { key } of lists) entries.push(...liveIndexObjectSchema.parse(JSON.parse(String(await harness.stored(key)))).entries)
  return {
    stored: entries.filter(({ message }) => message === 'ok').length,
    lost: entries.filter(({ path }) => path === '').map(({ message }) => message),
  }
}

describe('slices of 24 users who all talk', () => {
  test('are in COS within 2 s of their end, also where it takes 0.3 s over each', async () => {
    await harness.control.fault({ kind: 'slow', delayMillis: 300 }, { operations: ['PutObject'] })
    const one = talk()
    await expect.poll(() => stored(one), { timeout: 20_000 }).toBeGreaterThanOrEqual(users.length * 4)
    await one.end()
    expect(await put('\\.ogg$')).toHaveLength(stored(one))
    const worst = Math.max(...one.late)
    console.log(`The last of ${stored(one)} slices was in COS ${worst} ms after its end`)
    expect(worst).toBeLessThanOrEqual(2000)
    expect(one.ledger.losses).toEqual([])
  })

  test('of whoever falls silent in one are there within 2 s of when it would have ended', async () => {
    const one = talk()
    await expect.poll(() => stored(one), { timeout: 20_000 }).toBeGreaterThanOrEqual(users.length)
    const sliceMillis = sliceSeconds * 1000
    const border = Math.ceil(Date.now() / sliceMillis + 1) * sliceMillis
    one.silentFromMillis = border - sliceMillis / 2
    const last = () => one.events.filter(({ endMillis }) => endMillis > border - sliceMillis + 100)
    await expect.poll(() => last().length, { timeout: 20_000 }).toBe(users.length)
    for (const { endMillis, toldMillis } of last()) {
      expect(Math.abs(endMillis - one.silentFromMillis)).toBeLessThan(50)
      expect(toldMillis - border).toBeLessThanOrEqual(2000)
    }
  })

  test('wait while COS is away, come late and are told of, and soon those that follow are in time again', async () => {
    const one = talk()
    await expect.poll(() => stored(one), { timeout: 20_000 }).toBeGreaterThanOrEqual(users.length)
    await harness.control.outage(true)
    await expect.poll(() => one.objects.counts[0]!.waiting, { timeout: 20_000 }).toBeGreaterThanOrEqual(users.length * 3)
    const before = stored(one)
    await harness.control.outage(false)
    const backMillis = Date.now()
    await expect.poll(() => one.objects.counts[0]!.waiting, { timeout: 20_000 }).toBe(0)
    const caughtUpMillis = Date.now()
    expect(caughtUpMillis - backMillis).toBeLessThan(6000)
    // Those of the outage, late; what they are told by says when they ended, and when they came.
    const late = one.events.slice(before).filter(({ endMillis }) => endMillis < backMillis - 2000)
    expect(late.length).toBeGreaterThanOrEqual(users.length * 2)
    expect(late.every(({ status, endMillis, toldMillis }) => status === 1 && toldMillis - endMillis > 2000)).toBe(true)
    await expect
      .poll(() => one.events.filter(({ endMillis }) => endMillis > caughtUpMillis).length, { timeout: 20_000 })
      .toBeGreaterThanOrEqual(users.length)
    for (const { endMillis, toldMillis } of one.events)
      if (endMillis > caughtUpMillis) expect(toldMillis - endMillis).toBeLessThanOrEqual(2000)
    await one.end()
    expect(one.ledger.losses).toEqual([])
    expect(await listed()).toEqual({ stored: stored(one), lost: [] })
  })

  test('take no more room than they may while COS is away: the oldest are lost, and named so wherever one would look', async () => {
    const room = 48 * 1024
    const one = talk(room)
    await harness.control.outage(true)
    const lost = () => one.events.filter(({ status }) => status === 0).length
    await expect.poll(lost, { timeout: 20_000 }).toBeGreaterThanOrEqual(users.length)
    await harness.control.outage(false)
    await expect.poll(() => one.objects.counts[0]!.waiting, { timeout: 20_000 }).toBe(0)
    const { indexes, counts } = await one.end()
    const why = 'COS did not take objects for so long that there was no more room for them'
    expect(await listed()).toEqual({ stored: stored(one), lost: new Array(lost()).fill(why) })
    expect(counts).toEqual([{ part: 'audioSlices', stored: stored(one), waiting: 0, lost: lost() }])
    expect(indexes.reduce((sum, list) => sum + list.lost, 0)).toBe(lost())
    const ledgered = one.ledger.losses.map(({ detail }) => detail)
    expect(ledgered.length).toBeGreaterThan(0)
    expect(new Set(ledgered)).toEqual(new Set([`audioSlices: ${why}`]))
  })
})
