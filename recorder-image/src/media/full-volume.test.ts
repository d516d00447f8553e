import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BodyWriter } from './body-writer.ts'
import { mediaPaths } from './media-paths.ts'

/** Only root can mount a volume that is small enough to be filled; `make test` runs as root. */
describe.runIf(process.getuid?.() === 0)('a volume that gets full', () => {
  let volume: string
  beforeEach(() => {
    volume = mkdtempSync(join(tmpdir(), 'volume-'))
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'volume', volume])
    writeFileSync(join(volume, 'reserve'), Buffer.alloc(200 * 1024))
  })
  afterEach(() => {
    execFileSync('umount', ['--lazy', volume])
    rmSync(volume, { recursive: true })
  })

  const record = (offset: number) => Buffer.from(`batch at ${offset}\n`)

  test.each(['journal', 'body'] as const)(
    'at a write to the %s: with room again every batch is there, in order, each with its record',
    async (first) => {
      const paths = mediaPaths(volume, 'file.mp4')
      const writer = new BodyWriter(paths)
      await writer.writeBatch([Buffer.alloc(1000, 1)], record)
      // All but what the write that comes next needs.
      writeFileSync(join(volume, 'filler'), Buffer.alloc(statfsSync(volume).bavail * statfsSync(volume).bsize))
      if (first === 'journal') {
        writer.journal.append(Buffer.alloc(9000, 9))
        await writer.journal.flush()
      }
      for (const n of [2, 3]) await writer.writeBatch([Buffer.alloc(5000, n), Buffer.alloc(5000, n)], record)
      expect(writer.error).toMatchObject({ code: 'ENOSPC' })
      expect(writer.covered).toBe(1000)

      rmSync(join(volume, 'reserve'))
      await writer.retry()
      expect(writer.error).toBeUndefined()
      expect(writer.covered).toBe(21_000)
      await writer.close()
      const body = Buffer.concat([Buffer.alloc(1000, 1), Buffer.alloc(10_000, 2), Buffer.alloc(10_000, 3)])
      expect(readFileSync(paths.body).equals(body)).toBe(true)
      expect(readFileSync(paths.index, 'utf8')).toBe('batch at 0\nbatch at 1000\nbatch at 11000\n')
      if (first === 'journal') expect(readFileSync(paths.journal)).toHaveLength(9000)
    },
  )

  test('and stays full: what is covered is whole, and nothing else is in the body', async () => {
    const paths = mediaPaths(volume, 'file.mp4')
    const writer = new BodyWriter(paths)
    await writer.writeBatch([Buffer.alloc(1000, 1)], record)
    writeFileSync(join(volume, 'filler'), Buffer.alloc(statfsSync(volume).bavail * statfsSync(volume).bsize))
    await writer.writeBatch([Buffer.alloc(50_000, 2)], record)
    await writer.retry()
    expect(writer.error).toMatchObject({ code: 'ENOSPC' })
    await writer.close()
    expect(readFileSync(paths.body).equals(Buffer.alloc(1000, 1))).toBe(true)
  })
})
