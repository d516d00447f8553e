import { appendFile, readFile, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { AppendFile } from './append-file.ts'
import { encodeRecord, readRecords } from './records.ts'
import { newDirectory } from './testing/new-directory.ts'

let path: string
beforeEach(async () => {
  path = join(await newDirectory(), 'file')
})

async function readAll(): Promise<{ texts: string[]; whole: number }> {
  const texts: string[] = []
  const reader = readRecords(path)
  for (let next = await reader.next(); ; next = await reader.next()) {
    if (next.done === true) return { texts, whole: next.value }
    texts.push(...next.value.map(({ type, payload }) => `${type}:${payload.length > 20 ? payload.length : payload}`))
  }
}

describe('a file of records', () => {
  const records = [encodeRecord(1, Buffer.from('one')), encodeRecord(2, Buffer.alloc(0)), encodeRecord(3, Buffer.from('three'))]

  it('is read back', async () => {
    await writeFile(path, Buffer.concat(records))
    expect(await readAll()).toEqual({ texts: ['1:one', '2:', '3:three'], whole: Buffer.concat(records).length })
  })

  it('is read up to the last whole record, wherever it was cut', async () => {
    const all = Buffer.concat(records)
    const ends = [0, records[0]!.length, records[0]!.length + records[1]!.length, all.length]
    for (let cut = 0; cut <= all.length; cut++) {
      await writeFile(path, all)
      await truncate(path, cut)
      const whole = ends.findLast((end) => end <= cut)!
      expect(await readAll()).toEqual({ texts: ['1:one', '2:', '3:three'].slice(0, ends.indexOf(whole)), whole })
    }
  })

  it('is read on behind bytes that were changed, and past no garbage', async () => {
    const all = Buffer.concat(records)
    all[records[0]!.length + 4]! ^= 1
    await writeFile(path, all)
    expect(await readAll()).toEqual({ texts: ['1:one', '3:three'], whole: all.length })
    // A length that leads out of the file, and one that leads into another record.
    for (const [byte, bits] of [
      [2, 0x40],
      [0, 4],
    ] as const) {
      const changed = Buffer.concat(records)
      changed[byte]! ^= bits
      await writeFile(path, changed)
      expect(await readAll()).toEqual({ texts: ['2:', '3:three'], whole: all.length })
    }
    await writeFile(path, records[0]!)
    await appendFile(path, Buffer.alloc(5000, 0xff))
    expect(await readAll()).toEqual({ texts: ['1:one'], whole: records[0]!.length })
    // Zeros are what a lost machine leaves of blocks that never got their data.
    await writeFile(path, Buffer.concat([records[0]!, Buffer.alloc(5000)]))
    expect(await readAll()).toEqual({ texts: ['1:one'], whole: records[0]!.length })
  })

  it('is read in parts when it is larger than one', async () => {
    const large = Array.from({ length: 30 }, (_, n) => encodeRecord(n + 1, Buffer.alloc(100_000, n)))
    const all = Buffer.concat(large)
    await writeFile(path, all)
    const texts = large.map((_, n) => `${n + 1}:100000`)
    expect((await readAll()).texts).toEqual(texts)
    all[100_009 * 10 + 5000]! ^= 1
    await writeFile(path, all)
    expect((await readAll()).texts).toEqual(texts.filter((_, n) => n !== 10))
  })
})

describe('a file that is appended to', () => {
  it('has in it what was flushed, in order, also when more buffers wait than the system takes at once', async () => {
    const file = new AppendFile(path)
    const parts = Array.from({ length: 3000 }, (_, n) => Buffer.from(`${n},`))
    for (const part of parts) file.append(part)
    const first = file.flush()
    file.append(Buffer.from('end'))
    await Promise.all([first, file.flush()])
    await file.close()
    expect(await readFile(path, 'utf8')).toBe(`${Buffer.concat(parts)}end`)
    expect(file.written).toBe(file.length)
  })

  it('goes on after what is kept of an earlier one', async () => {
    await writeFile(path, 'kept, lost')
    const file = new AppendFile(path, 4)
    file.append(Buffer.from(' and new'))
    await file.flush()
    await file.sync()
    await file.close()
    expect(await readFile(path, 'utf8')).toBe('kept and new')
  })

  it('keeps the first error and writes nothing after it', async () => {
    await symlink('/dev/full', path)
    const file = new AppendFile(path)
    file.append(Buffer.from('x'))
    await file.flush()
    expect(file.error?.message).toMatch(/ENOSPC/)
    file.append(Buffer.from('y'))
    await file.flush()
    expect(file.written).toBe(0)
    await file.close()
    expect((await stat('/dev/full')).isCharacterDevice()).toBe(true)
  })
})
