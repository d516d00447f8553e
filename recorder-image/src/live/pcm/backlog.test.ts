import { readdirSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Backlog, type Dropped, leftSince } from './backlog.ts'
import type { Sound } from './sound.ts'

let root: string
let folders = 0
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'backlog-'))
})
afterAll(() => rm(root, { recursive: true }))

const packetMicros = 20_000
/** Packets of 20 ms from the n-th on, each with its number in it. */
const packets = (from: number, count: number): Sound[] =>
  Array.from({ length: count }, (_, n) => {
    const data = Buffer.alloc(4)
    data.writeUInt32LE(from + n)
    return { type: 'packet', data, samples: 960, atMicros: (from + n) * packetMicros }
  })
const numbers = (sounds: readonly Sound[]) =>
  sounds.flatMap((sound) => (sound.type === 'packet' ? [Buffer.from(sound.data).readUInt32LE()] : []))
const range = (from: number, end: number) => Array.from({ length: end - from }, (_, n) => from + n)

function aBacklog(keepSeconds: number) {
  const directory = join(root, String(++folders))
  const dropped: Dropped[] = []
  return { directory, dropped, backlog: new Backlog({ directory, keepSeconds, onDrop: (one) => dropped.push(one) }) }
}

async function takeAll(backlog: Backlog): Promise<Sound[]> {
  const sounds: Sound[] = []
  while (!backlog.isEmpty) sounds.push(...(await backlog.take(24_000)))
  return sounds
}

describe('what waits for a receiver', () => {
  test('comes out in order, however long it waited, and is on the volume meanwhile', async () => {
    const { backlog, directory, dropped } = aBacklog(60)
    for (let n = 0; n < 2000; n += 10) backlog.add(packets(n, 10))
    await expect.poll(() => readdirSync(directory).length).toBe(8)
    expect(leftSince(readdirSync(directory))).toBe(0)
    expect(numbers(await takeAll(backlog))).toEqual(range(0, 2000))
    expect(dropped).toEqual([])
    await backlog.end()
    expect(readdirSync(root)).not.toContain(String(folders))
  })

  test('is dropped oldest first where it is more than may wait, and told of with its times', async () => {
    const { backlog, dropped } = aBacklog(10)
    backlog.add([{ type: 'muted', muted: true, samples: 0, atMicros: 0 }])
    for (let n = 0; n < 2000; n += 10) backlog.add(packets(n, 10))
    const sounds = await takeAll(backlog)
    const [first = 0] = numbers(sounds)
    expect(numbers(sounds)).toEqual(range(first, 2000))
    expect(2000 - first).toBeGreaterThanOrEqual(500)
    expect(2000 - first).toBeLessThanOrEqual(750)
    expect(dropped.reduce((sum, { packets }) => sum + packets, 0)).toBe(first)
    expect(dropped.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(first * 4)
    expect(dropped[0]).toMatchObject({ fromMicros: 0, why: 'tooOld' })
    expect(dropped.at(-1)!.toMicros).toBeCloseTo(first * packetMicros)
    // What it said of the mute holds still.
    expect(sounds[0]).toMatchObject({ type: 'muted', muted: true })
    await backlog.end()
  })

  test('is told of where the volume has lost it, and what is after it comes', async () => {
    const { backlog, directory, dropped } = aBacklog(60)
    backlog.add(packets(0, 1000))
    await expect.poll(() => readdirSync(directory).length).toBe(4)
    const third = readdirSync(directory).find((name) => name.startsWith(`${500 * packetMicros}-`))!
    await writeFile(join(directory, third), 'torn')
    expect(numbers(await takeAll(backlog))).toEqual([...range(0, 500), ...range(750, 1000)])
    expect(dropped).toEqual([
      { fromMicros: 500 * packetMicros, toMicros: 750 * packetMicros, packets: 250, bytes: 1000, why: 'volume' },
    ])
    await backlog.end()
  })

  test('is told of where nobody came for it until the end', async () => {
    const { backlog, dropped } = aBacklog(60)
    backlog.add(packets(0, 700))
    await backlog.end()
    expect(dropped.reduce((sum, { packets }) => sum + packets, 0)).toBe(700)
  })

  test('is in order, and either taken or told of, whatever is added, taken and put back', async () => {
    const step = fc.oneof(
      fc.record({ add: fc.integer({ min: 1, max: 400 }) }),
      fc.record({ take: fc.integer({ min: 1, max: 300_000 }), back: fc.boolean() }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const { backlog, dropped } = aBacklog(12)
        let added = 0
        const taken: number[] = []
        for (const step of steps) {
          if ('add' in step) {
            backlog.add(packets(added, step.add))
            added += step.add
          } else {
            const sounds = await backlog.take(step.take)
            if (step.back) backlog.putBack(sounds)
            else taken.push(...numbers(sounds))
          }
          expect(backlog.seconds).toBeLessThanOrEqual(12 + 5 + 8)
        }
        taken.push(...numbers(await takeAll(backlog)))
        expect(taken).toEqual(taken.toSorted((a, b) => a - b))
        expect(new Set(taken).size).toBe(taken.length)
        expect(taken.length + dropped.reduce((sum, { packets }) => sum + packets, 0)).toBe(added)
        await backlog.end()
      }),
      { numRuns: 60 },
    )
  })
})
