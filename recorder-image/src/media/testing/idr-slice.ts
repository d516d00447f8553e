import { withPrevention } from '../annexb.ts'
import { parseSps } from '../h264.ts'
import type { VideoConfig } from '../video-codec.ts'

/** The sets of x264 for 16x16 pixels; of CABAC, and of fields, where that is asked for. */
export const idrConfig = ({ isArithmetic = false, isOfFields = false } = {}): VideoConfig => ({
  ...{ codec: 'h264', width: 16, height: 16 },
  units: [
    isOfFields ? '6764001eacd940b424d8088000000300800000190f8a14cb' : '6742c00ada7b011000000300100000030320f1226a',
    isArithmetic ? '68ee3c80' : '68ce3c80',
  ].map((unit) => Buffer.from(unit, 'hex')),
})

const golomb = (value: number) => '0'.repeat((value + 1).toString(2).length - 1) + (value + 1).toString(2)

/** The slice of an IDR picture: what stands in front of `idr_pic_id`, that, and the bits of `behind`. `field`: those that a sequence of fields has there. */
export function idrSlice(config: VideoConfig, id: number, behind = '', field = ''): Buffer {
  const number = '0'.repeat(parseSps(config.units[0]!).numberBits)
  const bits = `${golomb(0)}${golomb(7)}${golomb(0)}${number}${field}${golomb(id)}${behind}1`
  const padded = bits.padEnd(Math.ceil(bits.length / 8) * 8, '0')
  return withPrevention(Buffer.of(0x65), Buffer.from(padded.match(/.{8}/g)!.map((byte) => Number.parseInt(byte, 2))))
}
