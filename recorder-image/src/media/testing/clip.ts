import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { nalType, nalTypes, splitNalUnits } from '../annexb.ts'
import { findFfmpeg } from '../ffmpeg.ts'
import { opusSamples } from '../opus.ts'

const run = promisify(execFile)

/**
 * Real media to feed a file with: H.264 of `fps` pictures a second in which every first picture of a second is white and the others
 * are dark, and Opus with a beep of 100 ms at the start of every second and silence between.
 */
export interface Clip {
  fps: number
  pictures: { data: Uint8Array; key: boolean }[]
  packets: { data: Uint8Array; samples: number }[]
}

/** `toneHertz`: a quiet tone under the beeps, instead of silence. */
export async function makeClip(options: {
  seconds: number
  fps?: number
  size?: string
  channels?: 1 | 2
  toneHertz?: number
}): Promise<Clip> {
  const { seconds, fps = 30, size = '160x96', channels = 2, toneHertz = 0 } = options
  const directory = await mkdtemp(join(tmpdir(), 'clip-'))
  try {
    const h264 = join(directory, 'clip.h264')
    const ogg = join(directory, 'clip.ogg')
    const flash = `testsrc=size=${size}:rate=${fps}:duration=${seconds},eq=brightness=-0.4,drawbox=c=white:t=fill:enable='eq(mod(n,${fps}),0)'`
    const x264 = [
      '-preset',
      'ultrafast',
      '-profile:v',
      'baseline',
      '-pix_fmt',
      'yuv420p',
      '-g',
      `${fps}`,
      '-x264-params',
      'aud=1:keyint_min=1:scenecut=0',
    ]
    const sound = `0.1*sin(2*PI*${toneHertz}*t)+0.5*sin(2*PI*2000*t)*lt(mod(t\\,1)\\,0.1)`
    const beep = new Array(channels).fill(sound).join('|')
    const source = `aevalsrc=${beep}:s=48000:d=${seconds}`
    await run(findFfmpeg(), [
      ...['-v', 'error', '-f', 'lavfi', '-i', flash, '-f', 'lavfi', '-i', source],
      ...['-map', '0:v', '-c:v', 'libx264', ...x264, '-bsf:v', 'dump_extra', h264],
      ...['-map', '1:a', '-c:a', 'libopus', '-b:a', '64k', '-frame_duration', '20', ogg],
    ])
    const pictures = accessUnits(await readFile(h264))
    return { fps, pictures, packets: oggPackets(await readFile(ogg)) }
  } finally {
    await rm(directory, { recursive: true })
  }
}

/** Splits a stream at its access unit delimiters. */
function accessUnits(stream: Uint8Array): Clip['pictures'] {
  const pictures: Uint8Array[][] = []
  for (const unit of splitNalUnits(stream)) {
    if (nalType(unit) === nalTypes.accessUnitDelimiter) pictures.push([])
    pictures.at(-1)?.push(unit)
  }
  return pictures.map((units) => ({
    data: Buffer.concat(units.flatMap((unit) => [Buffer.from([0, 0, 0, 1]), unit])),
    key: units.some((unit) => nalType(unit) === nalTypes.idr),
  }))
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
