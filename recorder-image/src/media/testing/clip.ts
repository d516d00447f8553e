import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { annexBOf, splitNalUnits } from '../annexb.ts'
import { opusSamples } from '../opus.ts'
import type { VideoCodec } from '../video-codec.ts'
import { machineProgram } from './machine-program.ts'

const run = promisify(execFile)

/**
 * Real media to feed a file with: H.264 of `fps` pictures a second in which every first picture of a second is white and the others
 * are dark, and Opus with a beep of 100 ms at the start of every second and silence between.
 */
export interface Clip {
  fps: number
  mimeType: string
  pictures: { data: Uint8Array; key: boolean }[]
  packets: { data: Uint8Array; samples: number }[]
}

/** `toneHertz`: a quiet tone under the beeps, instead of silence. `numbered`: each picture says which it is. */
export async function makeClip(options: {
  seconds: number
  fps?: number
  size?: string
  channels?: 1 | 2
  toneHertz?: number
  numbered?: boolean
  codec?: VideoCodec
  /** Options of the video encoder, after the usual ones. */
  encoder?: string[]
  /** The same of the sound encoder. */
  soundEncoder?: string[]
}): Promise<Clip> {
  const { seconds, fps = 30, size = '160x96', channels = 2, toneHertz = 0, codec = 'h264' } = options
  const { encoder = [], soundEncoder = [], numbered = false } = options
  const directory = await mkdtemp(join(tmpdir(), 'clip-'))
  try {
    const pictures = join(directory, `clip.${codec === 'h264' || codec === 'h265' ? codec : 'ivf'}`)
    const ogg = join(directory, 'clip.ogg')
    const flash = `testsrc=size=${size}:rate=${fps}:duration=${seconds},eq=brightness=-0.4,drawbox=c=white:t=fill:enable='eq(mod(n,${fps}),0)'`
    const pattern = numbered ? `${flash},${numberBars}` : flash
    const sound = `0.1*sin(2*PI*${toneHertz}*t)+0.5*sin(2*PI*2000*t)*lt(mod(t\\,1)\\,0.1)`
    const beep = new Array(channels).fill(sound).join('|')
    const source = `aevalsrc=${beep}:s=48000:d=${seconds}`
    await run(machineProgram('ffmpeg'), [
      ...['-v', 'error', '-f', 'lavfi', '-i', pattern, '-f', 'lavfi', '-i', source],
      ...['-map', '0:v', '-pix_fmt', 'yuv420p', '-g', `${fps}`, ...encoders[codec], ...encoder, pictures],
      ...['-map', '1:a', '-c:a', 'libopus', '-b:a', '64k', '-frame_duration', '20', ...soundEncoder, ogg],
    ])
    const stream = await readFile(pictures)
    const packets = oggPackets(await readFile(ogg))
    return { fps, mimeType: `video/${codec.toUpperCase()}`, pictures: picturesIn(codec, stream), packets }
  } finally {
    await rm(directory, { recursive: true })
  }
}

/** The number of a picture in a line of eight cells at the bottom, the lowest bit first: it can be read whatever was encoded anew. */
const numberBars = [
  'drawbox=x=0:y=ih*7/8:w=iw:h=ih/8:c=black:t=fill',
  ...Array.from(
    { length: 8 },
    (_, bit) => `drawbox=x=iw*${bit}/8:y=ih*7/8:w=iw/8:h=ih/8:c=white:t=fill:enable='mod(floor(n/${2 ** bit}),2)'`,
  ),
].join(',')

const encoders: Record<VideoCodec, string[]> = {
  h264: [
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-profile:v', 'baseline', '-bsf:v', 'dump_extra'],
    ...['-x264-params', 'aud=1:keyint_min=1:scenecut=0'],
  ],
  h265: [
    ...['-c:v', 'libx265', '-preset', 'ultrafast'],
    ...['-x265-params', 'aud=1:repeat-headers=1:bframes=0:scenecut=0:log-level=none'],
  ],
  vp8: ['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-auto-alt-ref', '0', '-lag-in-frames', '0'],
  vp9: ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-auto-alt-ref', '0', '-lag-in-frames', '0'],
  av1: ['-c:v', 'libaom-av1', '-usage', 'realtime', '-cpu-used', '8'],
}

function picturesIn(codec: VideoCodec, stream: Buffer): Clip['pictures'] {
  switch (codec) {
    case 'h264':
      return accessUnits(
        stream,
        ([first]) => (first! & 0x1f) === 9,
        ([first]) => (first! & 0x1f) === 5,
      )
    case 'h265':
      return accessUnits(
        stream,
        ([first]) => first! >> 1 === 35,
        ([first]) => first! >> 1 >= 16 && first! >> 1 <= 21,
      )
    case 'vp8':
      return ivfFrames(stream, (frame) => (frame[0]! & 1) === 0)
    case 'vp9':
      return ivfFrames(stream, (frame) => (frame[0]! & 0b1100) === 0)
    case 'av1':
      // Behind the temporal delimiter stands a sequence header.
      return ivfFrames(stream, (frame) => frame[2] === 0x0a)
  }
}

/** Splits a stream at its access unit delimiters. */
function accessUnits(
  stream: Uint8Array,
  isDelimiter: (unit: Uint8Array) => boolean,
  isKey: (unit: Uint8Array) => boolean,
): Clip['pictures'] {
  const pictures: Uint8Array[][] = []
  // Unit by unit: as one picture it would have too many.
  for (const unit of unitsOf(stream)) {
    if (isDelimiter(unit)) pictures.push([])
    pictures.at(-1)?.push(unit)
  }
  return pictures.map((units) => ({ data: annexBOf(units), key: units.some(isKey) }))
}

function* unitsOf(stream: Uint8Array): Generator<Uint8Array> {
  const data = Buffer.from(stream)
  const startCode = Buffer.from([0, 0, 1])
  for (let at = data.indexOf(startCode); at !== -1; ) {
    const next = data.indexOf(startCode, at + 3)
    yield* splitNalUnits(data.subarray(at, next === -1 ? data.length : next))
    at = next
  }
}

function ivfFrames(stream: Buffer, isKey: (frame: Uint8Array) => boolean): Clip['pictures'] {
  const pictures: Clip['pictures'] = []
  for (let at = 32; at < stream.length; ) {
    const data = stream.subarray(at + 12, at + 12 + stream.readUInt32LE(at))
    pictures.push({ data, key: isKey(data) })
    at += 12 + data.length
  }
  return pictures
}

function oggPackets(file: Buffer): Clip['packets'] {
  const packets: Buffer[] = []
  let part: Buffer[] = []
  for (let at = 0; at < file.length; ) {
    const segments = file[at + 26]!
    let data = at + 27 + segments
    for (let segment = 0; segment < segments; segment++) {
      const bytes = file[at + 27 + segment]!
      part.push(file.subarray(data, data + bytes))
      data += bytes
      if (bytes === 255) continue
      packets.push(Buffer.concat(part))
      part = []
    }
    at = data
  }
  // The first two are headers.
  return packets.slice(2).map((packet) => ({ data: packet, samples: opusSamples(packet) }))
}
