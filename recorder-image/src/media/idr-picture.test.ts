import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toLengthPrefixed, withoutPrevention, withPrevention } from './annexb.ts'
import { unitsOfSample } from './h264.ts'
import { idrPicId, withIdrPicId } from './idr-picture.ts'
import { idrConfig, idrSlice } from './testing/idr-slice.ts'

const config = idrConfig()
const ids = fc.nat({ max: 40 })
// Mostly nothing, so that emulation has to be prevented.
const bits = fc.array(fc.constantFrom('0', '0', '0', '00000000', '1'), { maxLength: 300 }).map((bits) => bits.join(''))

test('the number of an IDR picture can be another one, and all that stands behind it is as it was', () => {
  fc.assert(
    fc.property(ids, ids, bits, (id, other, behind) => {
      const sei = Buffer.of(6, 5, 1, 0, 0x80)
      const sample = toLengthPrefixed([sei, idrSlice(config, id, behind)])
      expect(idrPicId(sample, config)).toBe(id)
      const changed = withIdrPicId(sample, config, other)
      expect(idrPicId(changed, config)).toBe(other)
      expect(unitsOfSample(changed)).toEqual([sei, idrSlice(config, other, behind)])
    }),
  )
})

test('emulation is prevented, and that is taken off again', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40, max: 5 }), (plain) => {
      const unit = withPrevention(Buffer.of(0x65), plain)
      for (const code of [0, 1, 2]) expect(unit.includes(Buffer.of(0, 0, code))).toBe(false)
      expect([...withoutPrevention(unit, 1)]).toEqual([...plain])
    }),
  )
})

test('is found in pictures of fields, too', () => {
  const config = idrConfig({ isOfFields: true })
  for (const field of ['0', '10', '11']) {
    expect(idrPicId(toLengthPrefixed([idrSlice(config, 5, '', field)]), config)).toBe(5)
  }
})

test('a picture that is none has no number, and of one that cannot be read it is said why', () => {
  expect(idrPicId(toLengthPrefixed([Buffer.of(0x41, 0x9a, 0x22)]), config)).toBeUndefined()
  const sample = toLengthPrefixed([idrSlice(config, 3)])
  expect(() => idrPicId(sample.subarray(0, 6), config)).toThrow('it ends in the middle')
  expect(() => idrPicId(sample, { ...config, units: config.units.slice(0, 1) })).toThrow('parameter set 0, which is not there')
})

test('of CABAC it can be another one of the same length alone: what is coded so begins at a full byte', () => {
  const config = idrConfig({ isArithmetic: true })
  const sample = toLengthPrefixed([idrSlice(config, 1)])
  expect(idrPicId(withIdrPicId(sample, config, 2), config)).toBe(2)
  expect(() => withIdrPicId(sample, config, 3)).toThrow('CABAC')
})
