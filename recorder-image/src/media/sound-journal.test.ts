import { readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { AppendFile } from './append-file.ts'
import { silentOpusPacket } from './opus.ts'
import {
  type JournalDamage,
  type JournalPacket,
  opusPacketRecord,
  readJournal,
  releaseJournal,
  timesPath,
} from './sound-journal.ts'
import { newDirectory } from './testing/new-directory.ts'

const data = Buffer.concat([silentOpusPacket(960), Buffer.alloc(157)])
const packets = Array.from({ length: 4000 }, (_, n) => ({
  ...{ ssrc: 0xf0000001, rtpTimestamp: (2 ** 32 - 1000 + n * 960) % 2 ** 32, receiveTimeMicros: 1.8e15 + n * 20_000 },
  ...{ sequenceNumber: n % 5 === 0 ? null : (65_000 + n) % 2 ** 16, samples: 960, data },
}))

/** A journal of these packets, and where it ends with each of them. */
async function journal(): Promise<{ path: string; ends: number[] }> {
  const file = new AppendFile(join(await newDirectory(), 'file.opus'))
  const ends = packets.map((packet) => {
    file.append(opusPacketRecord(packet))
    return file.length
  })
  await file.flush()
  await file.close()
  return { path: file.path, ends }
}

async function read(path: string): Promise<{ packets: JournalPacket[]; whole: number }> {
  const found: JournalPacket[] = []
  const reader = readJournal(path)
  for (let next = await reader.next(); ; next = await reader.next()) {
    if (next.done === true) return { packets: found, whole: next.value }
    found.push(...next.value)
  }
}

const withoutSound = (packet: JournalPacket) => ({ ...packet, data: null })

describe('a journal of which the front was given back to the volume', () => {
  test('tells of every packet when it was sent and arrived, and has the sound of those behind', async () => {
    const { path, ends } = await journal()
    await releaseJournal(path, { start: 0, end: ends[999]! })
    await releaseJournal(path, { start: ends[999]!, end: ends[2999]! })
    const { packets: found, whole } = await read(path)
    expect(whole).toBe(ends.at(-1))
    expect(found.map(withoutSound)).toEqual(packets.map(withoutSound))
    expect(found.findIndex((packet) => packet.data.length > 0)).toBe(3000)
    expect(found[3000]!.data).toEqual(data)
  })

  test.each([
    ['the times were half written', 1],
    ['the hole was made', 0],
  ])('is whole as well when the process was killed before %s', async (_, torn) => {
    const { path, ends } = await journal()
    await releaseJournal(path, { start: 0, end: ends[999]! })
    const before = await readFile(path)
    await releaseJournal(path, { start: ends[999]!, end: ends[1999]! })
    await writeFile(path, before)
    await truncate(timesPath(path), (await stat(timesPath(path))).size - torn)
    const { packets: found, whole } = await read(path)
    expect(whole).toBe(ends.at(-1))
    expect(found.map(withoutSound)).toEqual(packets.map(withoutSound))
  })
})

describe('a journal in which a bit has changed', () => {
  const readWithDamage = async (path: string) => {
    const damages: JournalDamage[] = []
    const found: JournalPacket[] = []
    for await (const batch of readJournal(path, (damage) => damages.push(damage))) found.push(...batch)
    return { found, damages }
  }
  const arrival = (n: number) => packets[n]!.receiveTimeMicros

  test('has every packet but that one, and says between which two how much is missing', async () => {
    const { path, ends } = await journal()
    const bytes = await readFile(path)
    bytes[ends[2000]! + 50]! ^= 4
    await writeFile(path, bytes)
    const { found, damages } = await readWithDamage(path)
    expect(found.map(withoutSound)).toEqual(packets.filter((_, n) => n !== 2001).map(withoutSound))
    expect(damages).toEqual([{ bytes: ends[2001]! - ends[2000]!, fromMicros: arrival(2000), toMicros: arrival(2002) }])
  })

  test('of what was given back to the volume, misses the times of one stretch only', async () => {
    const { path, ends } = await journal()
    for (const [from, to] of [
      [0, 999],
      [999, 1999],
      [1999, 2999],
    ] as const)
      await releaseJournal(path, { start: from === 0 ? 0 : ends[from]!, end: ends[to]! })
    const { size } = await stat(timesPath(path))
    const times = await readFile(timesPath(path))
    times[size >> 1]! ^= 1
    await writeFile(timesPath(path), times)
    const { found, damages } = await readWithDamage(path)
    expect(found.map(withoutSound)).toEqual(packets.filter((_, n) => n <= 999 || n > 1999).map(withoutSound))
    expect(damages).toEqual([{ bytes: ends[1999]! - ends[999]!, fromMicros: arrival(999), toMicros: arrival(2000) }])
  })
})
