import { cpSync, rmSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LiveEntry, liveIndexObjectSchema } from '@trtc-recorder/api'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Ledger } from '../ledger/ledger.ts'
import { aJob, noLog } from '../recorder/testing.ts'
import { type StoredObject, StoreError } from '../store/upload.ts'
import { LiveObjects } from './live-objects.ts'
import { entriesAList } from './object-list.ts'
import type { LiveSource } from './part.ts'

const never = new Promise<void>(() => {})
const zero = Date.parse('2026-03-01T10:00:00.000Z') * 1000
const second = 1_000_000

/** A bucket in memory, which may be slow, away, or refuse. */
class Bucket {
  readonly objects = new Map<string, Buffer>()
  answers: (key: string) => Promise<void> = async () => {}
  readonly asked: string[] = []

  async put(key: string, body: Uint8Array): Promise<StoredObject> {
    this.asked.push(key)
    await this.answers(key)
    this.objects.set(key, Buffer.from(body))
    return { url: `http://cos/${key}`, bytes: body.length, crc64: '1' }
  }

  /** Every entry of every list. */
  get entries(): LiveEntry[] {
    const lists = [...this.objects].filter(([key]) => key.includes('/index-'))
    return lists.flatMap(([, body]) => liveIndexObjectSchema.parse(JSON.parse(String(body))).entries)
  }
}

let root: string
let directory: string
let bucket: Bucket
let ledger: Ledger
/** Events. */
let told: string[]
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'live-'))
  directory = join(root, 'live')
  bucket = new Bucket()
  ledger = new Ledger()
  told = []
})
// One that was given up may still be written.
afterEach(() => rm(root, { recursive: true, maxRetries: 10 }))

const anAttempt = (
  attempt = 1,
  options: { directory?: string; bucket?: Bucket; ledger?: Ledger; mostWaitingBytes?: number } = {},
) => {
  return new LiveObjects({
    directory,
    ledger,
    events: { add: (type, object) => void told.push(`${type} ${object!.userId} ${object!.status} ${object!.url}`) },
    ...options,
    job: aJob({}, { attempt }),
    store: options.bucket ?? bucket,
    log: noLog,
  })
}
const sourceOf = (userId: string, attempt = 1): LiveSource => ({ id: 1, userId, stream: 'main', attempt, file: `${userId}.mp4` })
const aSlice = (name: string, text = name) => ({
  name,
  data: Buffer.from(text),
  contentType: 'audio/ogg',
  toMicros: zero + 5 * second,
})
const make = (objects: LiveObjects, name: string, userId = 'alice', attempt = 1) =>
  objects.begin('audioSlices', sourceOf(userId, attempt), zero, zero + 5 * second).made(aSlice(name))

describe('objects of live outputs', () => {
  test('are in COS at once, and in a list that the manifest names, with whose they are and when they were', async () => {
    const objects = anAttempt()
    expect(await make(objects, 'a.ogg')).toBe(true)
    expect(bucket.objects.get('lessons/maths.YWxpY2U.main.audioSlices/a.ogg')?.toString()).toBe('a.ogg')
    expect(objects.counts).toEqual([{ part: 'audioSlices', stored: 1, waiting: 0, lost: 0 }])
    const path = 'lessons/maths.YWxpY2U.main.audioSlices/index-1-1.json'
    const [from, to] = ['2026-03-01T10:00:00.000Z', '2026-03-01T10:00:05.000Z']
    expect(await objects.finish(never)).toEqual([
      { part: 'audioSlices', userId: 'alice', stream: 'main', path, stored: 1, lost: 0, from, to },
    ])
    expect(liveIndexObjectSchema.parse(JSON.parse(bucket.objects.get(path)!.toString()))).toEqual({
      ...{ version: 1, part: 'audioSlices', userId: 'alice', stream: 'main', attempt: 1 },
      entries: [
        {
          ...{ startTime: from, endTime: to, path: 'lessons/maths.YWxpY2U.main.audioSlices/a.ogg', bytes: 5 },
          ...{ message: 'ok', file: 'alice.mp4' },
        },
      ],
    })
  })

  test('that COS refuses are named as lost in list, counts and ledger, and hold up no other', async () => {
    bucket.answers = async (key) => {
      if (key.endsWith('a.ogg')) throw new StoreError('refused', 'AccessDenied', 'COS does not allow it')
    }
    const objects = anAttempt()
    expect(await Promise.all([make(objects, 'a.ogg'), make(objects, 'b.ogg')])).toEqual([false, true])
    await objects.finish(never)
    expect(bucket.entries.map(({ path, message }) => [path === '', message])).toEqual([
      [true, 'COS does not allow it'],
      [false, 'ok'],
    ])
    expect(objects.counts).toEqual([{ part: 'audioSlices', stored: 1, waiting: 0, lost: 1 }])
    expect(ledger.losses).toMatchObject([
      { userId: 'alice', reason: 'LiveOutputLost', from: '2026-03-01T10:00:00.000Z', to: '2026-03-01T10:00:05.000Z' },
    ])
    expect(told.toSorted()).toEqual([
      'sliceStored alice 0 ',
      'sliceStored alice 1 http://lessons-1250000000.cos.example:1/lessons/maths.YWxpY2U.main.audioSlices/b.ogg',
    ])
    // It is in the files.
    expect(ledger.totals.stretches).toBe(0)
  })

  test('that hold nothing, or could not be made, are no objects: the one is told nowhere, the other as lost', async () => {
    const objects = anAttempt()
    objects.begin('audioSlices', sourceOf('alice'), zero, zero + second).nothing()
    objects.begin('audioSlices', sourceOf('bob'), zero, zero + second).failed('the decoder ended', zero + second)
    expect((await objects.finish(never)).map(({ userId, stored, lost }) => [userId, stored, lost])).toEqual([['bob', 0, 1]])
    expect(ledger.losses).toMatchObject([{ userId: 'bob', detail: 'audioSlices: the decoder ended' }])
  })

  test('that wait when the time is over are lost, and the time is kept', async () => {
    bucket.answers = () => never
    const objects = anAttempt()
    const stored = make(objects, 'a.ogg')
    const [list] = await objects.finish(new Promise((resolve) => setTimeout(resolve, 50)))
    expect(await stored).toBe(false)
    expect(list).toMatchObject({ userId: 'alice', path: '', stored: 0, lost: 1 })
  })

  test('of which too much waits lose the oldest', async () => {
    bucket.answers = () => never
    const objects = anAttempt(1, { mostWaitingBytes: 120 })
    const data = Buffer.alloc(50)
    const made = ['a', 'b', 'c'].map((name) =>
      objects.begin('audioSlices', sourceOf('alice'), zero, zero + second).made({ ...aSlice(name), data }),
    )
    expect(await made[0]).toBe(false)
    expect(objects.counts).toMatchObject([{ lost: 1 }])
  })

  test('that are given up while they are written leave nothing on the volume', async () => {
    const objects = anAttempt(1, { mostWaitingBytes: 120 })
    const data = Buffer.alloc(100)
    for (const name of ['a', 'b']) {
      void objects.begin('audioSlices', sourceOf('alice'), zero, zero + second).made({ ...aSlice(name), data })
    }
    await objects.finish(never)
    expect(objects.counts).toMatchObject([{ stored: 1, lost: 1 }])
    expect(await readdir(join(directory, 'waiting'))).toEqual([])
  })

  test('are in lists of 500, which the volume knows as notes when they are complete', async () => {
    const objects = anAttempt()
    await Promise.all(Array.from({ length: 501 }, (_, n) => make(objects, `${n}.ogg`)))
    expect((await objects.finish(never)).map(({ path, stored }) => [path.slice(-14), stored])).toEqual([
      ['index-1-1.json', 500],
      ['index-1-2.json', 1],
    ])
    expect(bucket.entries).toHaveLength(501)
    const next = anAttempt(2)
    next.takeOver()
    expect((await next.finish(never)).map(({ stored }) => stored)).toEqual([500, 1])
  })

  test('that are overwritten are sent once for all that waited', async () => {
    const first = Promise.withResolvers<void>()
    bucket.answers = () => first.promise
    const objects = anAttempt()
    const sent = ['1', '2', '3'].map((text) => objects.replace('latest', Buffer.from(text), 'image/jpeg'))
    await new Promise((resolve) => setImmediate(resolve))
    sent.push(...['4', '5'].map((text) => objects.replace('latest', Buffer.from(text), 'image/jpeg')))
    first.resolve()
    expect(await Promise.all(sent)).toEqual([true, true, true, true, true])
    expect(bucket.asked).toHaveLength(2)
    expect(bucket.objects.get('latest')?.toString()).toBe('5')
  })

  test('of a user whose id is too long for a name are theirs for the next attempt, too', async () => {
    const userId = '在场'.repeat(100)
    bucket.answers = () => never
    const killed = anAttempt(1)
    void make(killed, 'a.ogg', userId)
    const listed = async () => {
      const [list] = (await readdir(directory)).filter((name) => name.endsWith('.jsonl'))
      return readFile(join(directory, list!), 'utf8').catch(() => '')
    }
    await expect.poll(listed).toContain('"state":"made"')
    bucket.answers = async () => {}
    const next = anAttempt(2)
    next.takeOver()
    expect(await next.finish(never)).toMatchObject([{ userId, stored: 1 }])
    for (const name of await readdir(directory)) expect(Buffer.byteLength(name)).toBeLessThan(255)
  })

  test('of a recorder that was killed are sent by the next one, and what it was making is named as lost', async () => {
    bucket.answers = () => never
    const killed = anAttempt(1)
    void make(killed, 'a.ogg')
    killed.begin('audioSlices', sourceOf('alice'), zero + 5 * second, zero + 10 * second)
    await expect.poll(async () => readdir(join(directory, 'waiting'))).toHaveLength(1)
    await new Promise((resolve) => setTimeout(resolve, 50))
    bucket.answers = async () => {}
    // Stored and not removed, and half written.
    const [waiting] = await readdir(join(directory, 'waiting'))
    for (const more of ['98', '99.tmp']) await writeFile(join(directory, 'waiting', waiting!.replace(/\d+$/, more)), 'b')
    const next = anAttempt(2)
    next.takeOver()
    expect(await next.finish(never)).toMatchObject([{ userId: 'alice', stored: 1, lost: 1 }])
    expect(await readdir(join(directory, 'waiting'))).toEqual([])
    expect(bucket.entries.map(({ startTime, message }) => `${startTime} ${message}`)).toEqual([
      '2026-03-01T10:00:00.000Z ok',
      '2026-03-01T10:00:05.000Z the recorder was killed while it was made',
    ])
    const third = anAttempt(3)
    third.takeOver()
    expect(await third.finish(never)).toMatchObject([{ userId: 'alice', stored: 1, lost: 1 }])
  })

  test('whose list is complete before those of earlier attempts are looked through are counted once', async () => {
    const objects = anAttempt(2)
    await Promise.all(Array.from({ length: entriesAList }, (_, n) => make(objects, `${n}.ogg`, 'alice', 2)))
    objects.isQuiet = true
    objects.tick()
    await expect.poll(() => readdir(directory)).toContain('audioSlices.main.YWxpY2U.2-1.jsonl.done')
    objects.takeOver()
    expect(await objects.finish(never)).toMatchObject([{ userId: 'alice', stored: entriesAList }])
    expect(objects.counts).toEqual([{ part: 'audioSlices', stored: entriesAList, waiting: 0, lost: 0 }])
  })

  test('of an earlier attempt whose note the disk has changed are in the ledger, where the note would say something else', async () => {
    const first = anAttempt(1)
    await make(first, 'a.ogg')
    await first.finish(never)
    const [note] = (await readdir(directory)).filter((name) => name.endsWith('.done'))
    const path = join(directory, note!)
    await writeFile(path, (await readFile(path, 'utf8')).replace('"stored":1', '"stored":9'))
    const next = anAttempt(2)
    next.takeOver()
    expect(await next.finish(never)).toEqual([])
    expect(ledger.losses).toMatchObject([
      { userId: 'alice', reason: 'LiveOutputLost', detail: expect.stringContaining('its list on the volume cannot be read') },
    ])
  })

  test('of an earlier attempt whose list cannot be read are in the ledger, and hold up no other', async () => {
    // A folder in place of the file.
    await mkdir(join(directory, 'audioSlices.main.YWxpY2U.1-1.jsonl'), { recursive: true })
    const next = anAttempt(2)
    next.takeOver()
    expect(await make(next, 'b.ogg', 'bob')).toBe(true)
    await next.finish(never)
    expect(ledger.losses).toMatchObject([
      {
        ...{ userId: 'alice', stream: 'main', medium: 'audio', reason: 'LiveOutputLost' },
        detail: expect.stringMatching(/^audioSlices: its list on the volume cannot be read: EISDIR/),
      },
    ])
  })
})

/** Of a folder in which files come and go: one that goes while it is copied fails the copy. */
function copied(from: string, to: string): void {
  for (let tries = 1; ; tries++) {
    try {
      cpSync(from, to, { recursive: true })
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || tries === 20) throw error
      rmSync(to, { recursive: true, force: true })
    }
  }
}

test('killed at any moment: what the volume knows of is in COS as it was made, or named as lost by the next attempt', async () => {
  const action = fc.record({
    user: fc.constantFrom('alice', 'bob'),
    ends: fc.constantFrom('made', 'made', 'made', 'failed', 'nothing', 'begun'),
    turns: fc.integer({ min: 0, max: 12 }),
  })
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 0, max: 30 }),
      async (actions, rest) => {
        const run = await mkdtemp(join(root, 'run-'))
        const [before, after] = [new Bucket(), new Bucket()]
        before.answers = async (key) => {
          for (let at = 0; at < key.length % 7; at++) await turn()
        }
        const first = anAttempt(1, { directory: join(run, 'live'), bucket: before, ledger: new Ledger() })
        for (const [at, { user, ends, turns }] of actions.entries()) {
          const begun = first.begin('audioSlices', sourceOf(user), zero + at * second, zero + (at + 1) * second)
          for (let n = 0; n < turns; n++) await turn()
          if (ends === 'made') void begun.made(aSlice(`${at}.ogg`, 'x'.repeat(at + 1)))
          if (ends === 'failed') begun.failed('why not', zero + (at + 1) * second)
          if (ends === 'nothing') begun.nothing()
        }
        for (let n = 0; n < rest; n++) await turn()
        // The machine's disk and COS as they are at this moment.
        copied(join(run, 'live'), join(run, 'copy'))
        for (const [key, body] of before.objects) after.objects.set(key, body)
        const losses = new Ledger()
        const second_ = anAttempt(2, { directory: join(run, 'copy'), bucket: after, ledger: losses })
        second_.takeOver()
        const lists = await second_.finish(never)
        for (const { path, message, startTime } of after.entries) {
          if (message === 'ok')
            expect(after.objects.get(path)?.toString()).toBe('x'.repeat(Number(/(\d+)\.ogg$/.exec(path)![1]) + 1))
          else expect(path).toBe('')
          if (/killed|volume/.test(message)) expect(losses.losses.some(({ from }) => from <= startTime)).toBe(true)
        }
        expect(lists.reduce((sum, { stored, lost }) => sum + stored + lost, 0)).toBe(after.entries.length)
        await first.finish(never)
      },
    ),
    { numRuns: 40 },
  )
})
