/** Pictures in a form that ffmpeg reads from a pipe. */
import { annexBOf, toAnnexB } from './annexb.ts'
import type { VideoConfig } from './video-codec.ts'

export interface RawVideo {
  /** The name of the form, for `-f`. */
  format: string
  /** What comes before the first picture. */
  head: Uint8Array
  /** A sample as MP4 has it, the `number`th of the stream. */
  picture(sample: Uint8Array, number: number): Uint8Array
}

/** For samples of one configuration, the first of them a key frame. */
export function rawVideo(config: VideoConfig): RawVideo {
  switch (config.codec) {
    case 'h264':
      return annexB('h264', config, Buffer.from([0x09, 0xf0]))
    case 'h265':
      return annexB('hevc', config, Buffer.from([0x46, 0x01, 0x50]))
    case 'vp8':
      return ivf(config, 'VP80')
    case 'vp9':
      return ivf(config, 'VP90')
    case 'av1':
      return ivf(config, 'AV01')
  }
}

/** With a delimiter in front of each picture, so that nothing has to be guessed. */
function annexB(format: string, { units }: VideoConfig, delimiter: Uint8Array): RawVideo {
  const start = annexBOf([delimiter])
  return { format, head: annexBOf(units), picture: (sample) => Buffer.concat([start, toAnnexB(sample)]) }
}

function ivf({ width, height }: VideoConfig, fourcc: string): RawVideo {
  const head = Buffer.alloc(32)
  head.write(`DKIF\0\0\x20\0${fourcc}`, 'latin1')
  head.writeUInt16LE(width, 12)
  head.writeUInt16LE(height, 14)
  head.writeUInt32LE(30, 16)
  head.writeUInt32LE(1, 20)
  return {
    format: 'ivf',
    head,
    picture(sample, number) {
      const header = Buffer.alloc(12)
      header.writeUInt32LE(sample.length, 0)
      header.writeUInt32LE(number, 4)
      return Buffer.concat([header, sample])
    },
  }
}
