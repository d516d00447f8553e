import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { recordTypes } from './index-records.ts'
import { readMediaIndex } from './media-index.ts'
import { encodeRecord } from './records.ts'

const directory = mkdtempSync(join(tmpdir(), 'media-index-'))
afterAll(() => rmSync(directory, { recursive: true }))

/** Of this process, by what they are open on. */
const openOn = (path: string) =>
  readdirSync('/proc/self/fd').filter((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`) === path
    } catch {
      return false
    }
  })

describe('an index with a record that is whole and cannot be read', () => {
  it('is refused, and does not stay open', async () => {
    const path = join(directory, 'a.index')
    writeFileSync(path, encodeRecord(recordTypes.identity, Buffer.from('{')))
    await expect(readMediaIndex(path)).rejects.toThrow(/JSON/)
    expect(openOn(path)).toEqual([])
  })
})
