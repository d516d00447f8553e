import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { toLengthPrefixed } from '../media/annexb.ts'
import { idrPicId } from '../media/idr-picture.ts'
import { idrConfig, idrSlice } from '../media/testing/idr-slice.ts'
import { newDirectory } from '../media/testing/new-directory.ts'
import { NotEncodedError } from './encode-lead.ts'
import type { Encoded } from './exact-pictures.ts'
import { tellApart } from './tell-apart.ts'

const config = idrConfig()
const idr = (id: number) => toLengthPrefixed([idrSlice(config, id, '0110')])
const other = toLengthPrefixed([Buffer.of(0x41, 0x9a, 0x22)])

/** What an encoder made, in its file; and the numbers of its IDR pictures when the picture behind the seam has number 1. */
async function numbersOf(...samples: Buffer[]) {
  const path = join(await newDirectory(), 'encoded')
  await writeFile(path, Buffer.concat(samples))
  const sizes = Uint32Array.from(samples, ({ length }) => length)
  const offsets = Float64Array.from(samples, (_, at) => samples.slice(0, at).reduce((sum, { length }) => sum + length, 0))
  const encoded: Encoded = { config, sizes, offsets, keys: Uint32Array.of(0) }
  const made = await tellApart(path, encoded, idr(1), config)
  const file = await readFile(path)
  return samples.map((_, at) => idrPicId(file.subarray(made.offsets[at]!, made.offsets[at]! + made.sizes[at]!), config))
}

describe('the last picture that was encoded', () => {
  test('has another number than the IDR picture behind it', async () => {
    expect(await numbersOf(idr(1))).toEqual([0])
    expect(await numbersOf(idr(0), other, idr(1))).toEqual([0, undefined, 0])
  })

  test('and than one in front of it', async () => expect(await numbersOf(idr(0), idr(1))).toEqual([0, 2]))

  test('is as it was where it has, or is none', async () => {
    expect(await numbersOf(idr(7))).toEqual([7])
    expect(await numbersOf(idr(1), other)).toEqual([1, undefined])
  })

  test('is nothing where the one behind it cannot be read', async () => {
    const path = join(await newDirectory(), 'encoded')
    await writeFile(path, idr(1))
    const encoded: Encoded = {
      config,
      sizes: Uint32Array.of(idr(1).length),
      offsets: Float64Array.of(0),
      keys: Uint32Array.of(0),
    }
    const told = tellApart(path, encoded, idr(1).subarray(0, 6), config)
    await expect(told).rejects.toThrow(NotEncodedError)
    await expect(told).rejects.toMatchObject({ why: 'EncodingFailed', message: expect.stringContaining('it ends in the middle') })
  })
})
