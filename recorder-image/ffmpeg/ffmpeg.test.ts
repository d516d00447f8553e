import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { leadArguments } from '../src/clips/encode-lead.ts'
import { stillArguments } from '../src/live/stills/decode-still.ts'
import { aac, mp3 } from '../src/media/audio-format.ts'
import { rawVideo } from '../src/media/raw-video.ts'
import type { VideoConfig } from '../src/media/video-codec.ts'
import { flacArguments, mp3Arguments } from '../src/outputs/encode-pcm.ts'
import { mixGraph } from '../src/outputs/mix-layout.ts'
import { mixArguments } from '../src/outputs/mix-picture.ts'

const script = readFileSync(new URL('./build.sh', import.meta.url), 'utf8')
const listed = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(script)![1]!.split(',')
/** What follows `option` in arguments of ffmpeg. */
const after = (option: string, arguments_: readonly string[]) => arguments_[arguments_.indexOf(option) + 1]!

describe('the ffmpeg of the image', () => {
  test.each([aac, mp3])('encodes $name, and decodes it for the self-check', ({ name, ffmpegArguments }) => {
    expect(listed('encoders')).toContain(after('-c:a', ffmpegArguments))
    expect(listed('muxers')).toContain(after('-f', ffmpegArguments))
    expect(listed('demuxers')).toEqual(expect.arrayContaining(['ogg', name]))
    expect(listed('decoders')).toEqual(expect.arrayContaining(['opus', name === 'mp3' ? 'mp3float' : name]))
  })

  test.each([
    ['h264', 'h264'],
    ['h265', 'hevc'],
    ['vp8', 'vp8'],
    ['vp9', 'vp9'],
    ['av1', 'libdav1d'],
  ] as const)('decodes %s for the self-check', (codec, decoder) => {
    const { format } = rawVideo({ codec, units: [], width: 16, height: 16 } as unknown as VideoConfig)
    expect(listed('demuxers')).toContain(format)
    expect(listed('decoders')).toContain(decoder)
    expect(listed('parsers')).toContain(decoder.replace('libdav1d', 'av1'))
  })

  test('makes a JPEG of a picture, in the range of brightness that a JPEG has', () => {
    expect(listed('encoders')).toContain(after('-c:v', stillArguments))
    expect(listed('muxers')).toContain(after('-f', stillArguments))
    expect(listed('filters')).toContain('scale')
    expect(script).not.toContain('--disable-swscale')
  })

  test('reads whole files, and takes and gives PCM, for what is made of sound', () => {
    expect(listed('demuxers')).toEqual(expect.arrayContaining(['mov', 'mp3', 'pcm_s16le']))
    expect(listed('muxers')).toEqual(expect.arrayContaining(['mp3', 'pcm_s16le']))
    expect(listed('decoders')).toContain('pcm_s16le')
    expect(listed('encoders')).toEqual(expect.arrayContaining(['libmp3lame', 'pcm_s16le']))
    expect(listed('filters')).toContain('aresample')
    for (const arguments_ of [mp3Arguments, flacArguments]) {
      expect(listed('encoders')).toContain(after('-c:a', arguments_))
      expect(listed('muxers')).toContain(after('-f', arguments_))
    }
  })

  test('mixes pictures, from files whose head is apart, into an MP4', () => {
    const seen = (stream: 'main' | 'aux') => [{ userId: 'alice', stream, spans: [{ from: 0, to: 1 }] }]
    const graph = mixGraph({ cameras: seen('main'), screens: seen('aux') }, 1)
    const used = graph.split(';').flatMap((chain) => chain.replace(/\[[^\]]*\]/g, '').match(/(?<=^|,)[a-z]+(?==|,|$)/g) ?? [])
    expect(listed('filters')).toEqual(expect.arrayContaining([...new Set(used)].filter((name) => name !== '')))
    expect(used).toEqual(expect.arrayContaining(['color', 'overlay', 'scale', 'split']))
    const arguments_ = mixArguments('libopenh264')
    expect(listed('encoders')).toEqual(expect.arrayContaining([after('-c:v', arguments_), after('-c:a', arguments_)]))
    expect(listed('muxers')).toContain(after('-f', arguments_))
    expect(listed('protocols')).toEqual(expect.arrayContaining(['file', 'concat']))
  })

  test('encodes the beginning of an exact clip anew, from a file whose head is apart', () => {
    const arguments_ = leadArguments('libopenh264', 'concat:head|body', { from: 3, end: 5 }, 'clip.mp4')
    expect(listed('encoders')).toContain(after('-c:v', arguments_))
    expect(listed('muxers')).toContain('mp4')
    expect(listed('demuxers')).toContain(after('-f', arguments_))
    expect(listed('protocols')).toEqual(expect.arrayContaining(['file', 'concat']))
    // `trim` is a part of the program itself.
    expect(after('-vf', arguments_)).toBe('trim=start_pts=3:end_pts=5')
    expect(listed('filters')).toEqual(expect.arrayContaining(['scale', 'format']))
  })
})
