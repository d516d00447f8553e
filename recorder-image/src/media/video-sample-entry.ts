/** How MP4 describes pictures: a sample entry for each configuration, and the codec strings that go with it. */
import { av1Codec, av1Configuration } from './av1.ts'
import { avcCodec, avcDecoderConfiguration, pictureSize, readAvcDecoderConfiguration } from './h264.ts'
import { hevcCodec, hevcDecoderConfiguration } from './h265.ts'
import { box, fullBox, u16, u32 } from './mp4-box.ts'
import { Box } from './mp4-read.ts'
import type { VideoCodec, VideoConfig } from './video-codec.ts'

/** Where the parameter sets are: in the sample entry alone, or in the samples too. */
export type ParameterSets = 'apart' | 'in band'

const entryTypes = {
  h264: { apart: 'avc1', 'in band': 'avc3' },
  h265: { apart: 'hvc1', 'in band': 'hev1' },
  vp8: { apart: 'vp08', 'in band': 'vp08' },
  vp9: { apart: 'vp09', 'in band': 'vp09' },
  av1: { apart: 'av01', 'in band': 'av01' },
} as const

/** VisualSampleEntry (ISO 14496-12, 12.1.3) with what the codec adds. */
export function videoSampleEntry(config: VideoConfig, sets: ParameterSets): Buffer {
  const { width, height } = config
  return box(
    entryTypes[config.codec][sets],
    ...[Buffer.alloc(6), u16(1), Buffer.alloc(16), u16(width, height), u32(0x480000, 0x480000, 0), u16(1), Buffer.alloc(32)],
    ...[u16(24, 0xffff), configurationBox(config, sets)],
  )
}

/** The codec that a sample entry is of; undefined for one that this recorder makes none of. */
export function codecOfEntry(entry: Buffer): VideoCodec | undefined {
  const type = entry.toString('latin1', 4, 8)
  return (Object.keys(entryTypes) as VideoCodec[]).find((codec) => Object.values(entryTypes[codec]).some((name) => name === type))
}

/** Of a VisualSampleEntry, in front of the boxes in it. */
const entryFieldsBytes = 86

/** What an entry of H.264 says. Throws for one that cannot be read. */
export function readAvcEntry(entry: Buffer): VideoConfig {
  const avcC = new Box(entry, entryFieldsBytes, entry.length).child('avcC')
  const units = readAvcDecoderConfiguration(avcC.slice(0))
  return { codec: 'h264', ...pictureSize(units[0]!), units }
}

/** Codec string of RFC 6381. */
export function videoCodecString(config: VideoConfig, sets: ParameterSets): string {
  switch (config.codec) {
    case 'h264':
      return avcCodec(entryTypes.h264[sets], config)
    case 'h265':
      return hevcCodec(entryTypes.h265[sets], config)
    case 'vp8':
      return 'vp08.00.41.08'
    case 'vp9': {
      const [profile = 0, bitDepth = 8] = config.units[0] ?? []
      return `vp09.0${profile}.${vp9Level(config)}.${String(bitDepth).padStart(2, '0')}`
    }
    case 'av1':
      return av1Codec(config)
  }
}

function configurationBox(config: VideoConfig, sets: ParameterSets): Buffer {
  switch (config.codec) {
    case 'h264':
      return box('avcC', avcDecoderConfiguration(config))
    case 'h265':
      return box('hvcC', hevcDecoderConfiguration(config, sets === 'apart'))
    case 'vp8':
      return vpcC(0, 41, 8, 1, 0)
    case 'vp9': {
      const [profile = 0, bitDepth = 8, subsampling = 1, fullRange = 0] = config.units[0] ?? []
      return vpcC(profile, vp9Level(config), bitDepth, subsampling, fullRange)
    }
    case 'av1':
      return box('av1C', av1Configuration(config))
  }
}

/** VPCodecConfigurationRecord of the VP codec ISO media file format binding, 1.0. Colours are unspecified. */
const vpcC = (profile: number, level: number, bitDepth: number, subsampling: number, fullRange: number) =>
  fullBox('vpcC', 1, 0, Buffer.from([profile, level, (bitDepth << 4) | (subsampling << 1) | fullRange, 2, 2, 2, 0, 0]))

/** By the size of the picture alone, at up to 30 pictures a second (VP9 bitstream, annex A). */
function vp9Level({ width, height }: VideoConfig): number {
  const levels = [
    [36_864, 10],
    [73_728, 11],
    [122_880, 20],
    [245_760, 21],
    [552_960, 30],
    [983_040, 31],
    [2_228_224, 40],
    [8_912_896, 50],
  ] as const
  return levels.find(([samples]) => width * height <= samples)?.[1] ?? 60
}
