/** Pictures in a form that ffmpeg reads from a pipe. */
import { annexBOf, toAnnexB } from './annexb.ts'
import type { VideoConfig } from './video-codec.ts'

/** The name of the form, for `-f`. */
export function rawVideoFormat({ codec }: VideoConfig): string {
  switch (codec) {
    case 'h264':
      return 'h264'
    case 'h265':
      return 'hevc'
    case 'vp8':
    case 'vp9':
      return 'ivf'
  }
}

/** Samples as MP4 has them, of one configuration, the first a key frame. */
export function rawVideo(config: VideoConfig, samples: readonly Uint8Array[]): Buffer {
  switch (config.codec) {
    case 'h264':
    case 'h265':
      return Buffer.concat([annexBOf(config.units), ...samples.map(toAnnexB)])
    case 'vp8':
    case 'vp9':
      return ivf(config, samples)
  }
}

function ivf({ codec, width, height }: VideoConfig, samples: readonly Uint8Array[]): Buffer {
  const head = Buffer.alloc(32)
  head.write(codec === 'vp8' ? 'DKIF\0\0\x20\0VP80' : 'DKIF\0\0\x20\0VP90', 'latin1')
  head.writeUInt16LE(width, 12)
  head.writeUInt16LE(height, 14)
  head.writeUInt32LE(30, 16)
  head.writeUInt32LE(1, 20)
  head.writeUInt32LE(samples.length, 24)
  const frames = samples.flatMap((sample, at) => {
    const frame = Buffer.alloc(12)
    frame.writeUInt32LE(sample.length, 0)
    frame.writeUInt32LE(at, 4)
    return [frame, sample]
  })
  return Buffer.concat([head, ...frames])
}
