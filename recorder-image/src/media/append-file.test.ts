import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { AppendFile } from './append-file.ts'

const isRoot = process.getuid?.() === 0

/** Only root can mount a volume that is small enough to be filled; `make test` runs as root. */
describe.runIf(isRoot)('a file on a volume that gets full', () => {
  let volume: string
  beforeEach(() => {
    volume = mkdtempSync(join(tmpdir(), 'volume-'))
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'volume', volume])
  })
  afterEach(() => {
    execFileSync('umount', ['--lazy', volume])
    rmSync(volume, { recursive: true })
  })
  const reserve = () => join(volume, 'reserve')
  const numbered = (count: number) => Array.from({ length: count }, (_, at) => Buffer.alloc(1000, at % 256))

  test('keeps what came before, and takes the rest when there is room, without a byte too many or too few', async () => {
    writeFileSync(reserve(), Buffer.alloc(100 * 1024))
    const file = new AppendFile(join(volume, 'body'))
    const chunks = numbered(200)
    for (const chunk of chunks.slice(0, 120)) file.append(chunk)
    await file.flush()
    expect(file.error).toBeUndefined()
    for (const chunk of chunks.slice(120)) file.append(chunk)
    await file.flush()
    expect(file.error).toMatchObject({ code: 'ENOSPC' })
    expect(statfsSync(volume).bavail).toBe(0)
    const whole = Buffer.concat(chunks)
    expect(readFileSync(file.path).equals(whole.subarray(0, file.written))).toBe(true)

    rmSync(reserve())
    await file.retry()
    expect(file.error).toBeUndefined()
    await file.close()
    expect(readFileSync(file.path).equals(whole)).toBe(true)
  })
})

test.each(['ENOSPC', 'EIO'])(
  '%s that shows at the sync only: what was written since the one before is written again',
  async (code) => {
    const directory = mkdtempSync(join(tmpdir(), 'sync-'))
    const file = new AppendFile(join(directory, 'body'))
    file.append(Buffer.from('synced, '))
    await file.flush()
    await file.sync()
    for (const part of ['dropped, ', 'dropped too, ']) {
      file.append(Buffer.from(part))
      await file.flush()
    }
    const handle = await open(file.path)
    const datasync = vi.spyOn(Object.getPrototypeOf(handle), 'datasync').mockImplementationOnce(async () => {
      truncateSync(file.path, 'synced, '.length)
      throw Object.assign(new Error(`${code}: at the sync`), { code })
    })
    await handle.close()
    await file.sync()
    expect(file.error).toMatchObject({ code })
    expect(file.written).toBe('synced, '.length)
    file.append(Buffer.from('and later'))

    await file.retry()
    expect(file.error).toBeUndefined()
    expect(readFileSync(file.path, 'utf8')).toBe('synced, dropped, dropped too, and later')
    // The second time it is on the disk.
    expect(datasync).toHaveBeenCalledTimes(2)
    datasync.mockRestore()
    await file.close()
    rmSync(directory, { recursive: true })
  },
)

test('another error stays, and nothing is written after it', async () => {
  const file = new AppendFile('/dev/null/body')
  file.append(Buffer.from('x'))
  await file.flush()
  await file.retry()
  expect(file.error).toMatchObject({ code: 'ENOTDIR' })
  await file.close()
})
