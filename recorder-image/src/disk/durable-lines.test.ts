import { mkdir, mkdtemp, open, readFile, rm, rmdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type DamagedLines, DurableLines, readLines } from './durable-lines.ts'

let folder: string
let path: string
let damage: DamagedLines[]
beforeEach(async () => {
  damage = []
  folder = await mkdtemp(join(tmpdir(), 'lines-'))
  path = join(folder, 'lines.jsonl')
})
afterEach(() => rm(folder, { recursive: true }))

const read = () => readLines(path, (lines) => damage.push(lines))

describe('lines on the volume', () => {
  test('are there once they have settled, in order', async () => {
    const lines = new DurableLines(path)
    lines.add([[1, { n: 1 }]])
    lines.add([
      [2, { n: 2 }],
      [3, { n: 3 }],
    ])
    await lines.settled()
    expect(await read()).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
  })

  test('are written unasked, also after nothing was added', async () => {
    const lines = new DurableLines(path)
    lines.add([])
    // What `add` began is over when a promise of the same turn is.
    await Promise.resolve()
    lines.add([[1, { n: 1 }]])
    await expect.poll(() => read().catch(() => [])).toEqual([{ n: 1 }])
  })

  test('what could not be written is written later, with its latest value', async () => {
    await mkdir(path)
    const lines = new DurableLines(path)
    lines.add([[1, { n: 1 }]])
    await lines.settled()
    expect(lines.error).toMatchObject({ code: 'EISDIR' })
    lines.add([[1, { n: 'later' }]])
    await rmdir(path)
    await lines.settled()
    expect(lines.error).toBeUndefined()
    expect(await read()).toEqual([{ n: 'later' }])
  })

  test('what could not be written is written again once, however many wait for it, and stays there', async () => {
    await mkdir(path)
    const lines = new DurableLines(path)
    lines.add([[1, { n: 1 }]])
    await lines.settled()
    await rmdir(path)
    const handle = await open(folder)
    const device = vi.spyOn(Object.getPrototypeOf(handle), 'datasync').mockRejectedValueOnce(new Error('EIO: i/o error'))
    await handle.close()
    await Promise.all([lines.settled(), lines.settled(), lines.settled()])
    device.mockRestore()
    await lines.settled()
    expect(lines.waiting).toEqual([])
    expect(await read()).toEqual([{ n: 1 }])
  })

  test('what the device has taken, and could not make last, is there once when it is written again', async () => {
    const lines = new DurableLines(path)
    lines.add([[1, { n: 1 }]])
    await lines.settled()
    const handle = await open(path)
    const device = vi.spyOn(Object.getPrototypeOf(handle), 'datasync').mockRejectedValueOnce(new Error('EIO: i/o error'))
    await handle.close()
    lines.add([
      [2, { n: 2 }],
      [3, { n: 3 }],
    ])
    await lines.settled()
    device.mockRestore()
    expect(lines.error).toBeUndefined()
    expect(await read()).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
  })

  test('a torn line hides no other, before or after it', async () => {
    await writeFile(path, '{"n":1}\n{"n":')
    const lines = new DurableLines(path)
    lines.add([[1, { n: 2 }]])
    await lines.settled()
    expect(await read()).toEqual([{ n: 1 }, { n: 2 }])
  })

  test('one that the disk has changed is told of, with its file and when it was written', async () => {
    const lines = new DurableLines(path)
    for (const n of [1, 2, 3]) {
      lines.add([[n, { n, text: 'abc' }]])
      await lines.settled()
    }
    await writeFile(path, (await readFile(path, 'utf8')).replace('"n":2,"text":"abc"', '"n":2,"text":"abd"'))
    expect(await read()).toMatchObject([{ n: 1 }, { n: 3 }])
    expect(damage).toMatchObject([{ file: path.split('/').slice(-2).join('/'), lines: 1 }])
    expect(damage[0]!.toMicros).toBeGreaterThanOrEqual(damage[0]!.fromMicros)
  })
})
