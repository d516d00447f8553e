import { describe, expect, it } from 'vitest'
import { av1Codec, av1Configuration, readAv1 } from './av1.ts'

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replace(/\s/g, ''), 'hex'))
const delimiter = bytes('1200')
/** By libaom: 16x16, 8 bit. */
const sequenceHeader = bytes('0a0a 000000019ff9b5f20080')
const keyFrame = bytes('3210 1000900008208220000039517fb89148')
/** The front of a frame that is shown and refers to others. */
const deltaFrame = bytes('3203 300102')
const unit = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts))

describe('a picture of AV1', () => {
  it('is a key frame with its sequence header, and its delimiter is left out of the file', () => {
    const picture = readAv1(unit(delimiter, sequenceHeader, keyFrame))
    expect(picture).toMatchObject({ key: true, config: { codec: 'av1', width: 16, height: 16 } })
    expect(Buffer.from(picture.data)).toEqual(Buffer.from(unit(sequenceHeader, keyFrame)))
    expect(Buffer.from(picture.config!.units[0]!)).toEqual(Buffer.from(sequenceHeader))
  })

  it('that refers to others has no configuration', () => {
    const picture = readAv1(deltaFrame)
    expect(picture).toMatchObject({ key: false, config: undefined })
    expect(picture.data).toBe(deltaFrame)
  })

  it('is no place to begin without a sequence header, whatever kind of frame it is', () => {
    expect(readAv1(keyFrame)).toMatchObject({ key: false, config: undefined })
  })

  it('is none where there is no frame', () => {
    expect(readAv1(unit(delimiter, sequenceHeader)).data).toHaveLength(0)
    expect(readAv1(delimiter).data).toHaveLength(0)
  })

  it('gets the size that its last OBU may come without', () => {
    const withoutSize = unit(Uint8Array.of(0x30), keyFrame.subarray(2))
    expect(Buffer.from(readAv1(unit(sequenceHeader, withoutSize)).data)).toEqual(Buffer.from(unit(sequenceHeader, keyFrame)))
    const long = new Uint8Array(300)
    const { data } = readAv1(unit(Uint8Array.of(0x30), long))
    expect(Buffer.from(data.subarray(0, 3))).toEqual(Buffer.from([0x32, 0xac, 0x02]))
    expect(data).toHaveLength(303)
  })

  it.each([
    ['ends in the middle', bytes('3210 1000')],
    ['does not begin as one', bytes('ff00')],
    ['the size of an OBU has no end', bytes('32 ffffffffff01')],
  ])('%s is refused', (message, data) => {
    expect(() => readAv1(data)).toThrow(message)
  })
})

describe('how MP4 describes AV1', () => {
  it('is profile, level, tier and depth, and the sequence header behind them', () => {
    const { config } = readAv1(unit(sequenceHeader, keyFrame))
    expect(av1Codec(config!)).toBe('av01.0.00M.08')
    expect(av1Configuration(config!).toString('hex')).toBe(`81000c00${Buffer.from(sequenceHeader).toString('hex')}`)
  })
})
