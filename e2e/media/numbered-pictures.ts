import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { complaintsIn, machineProgram, sayingAll } from '../../recorder-image/src/media/testing/machine-program.ts'

const run = promisify(execFile)
const cells = 8

/** Which pictures of a numbered clip (recorder-image/src/media/testing/clip.ts) a player shows, and when. */
export interface Shown {
  pictures: { number: number; seconds: number }[]
  complaints: string
}

/** `input`: options for ffmpeg in front of the file, such as `-ignore_editlist 1`. A cell that is neither black nor white makes a number that is none. */
export async function shownIn(path: string, input: string[] = []): Promise<Shown> {
  const options = { encoding: 'buffer' as const, maxBuffer: 2 ** 30 }
  // The middle of each cell.
  const filter = `showinfo=checksum=0,crop=iw:ih/16:0:ih*29/32,scale=${cells * 8}:1:flags=area,format=gray`
  const all = ['-map', '0:v', '-fps_mode', 'passthrough']
  const outputs = [...all, '-vf', filter, '-f', 'rawvideo', '-', ...all, '-enc_time_base', '1:90000', '-f', 'null', '-']
  const { stdout, stderr } = await run(machineProgram('ffmpeg'), [...sayingAll, ...input, '-i', path, ...outputs], options)
  const times = [...stderr.toString().matchAll(/pts_time:\s*(-?[0-9.e-]+)/g)].map((match) => Number(match[1]))
  const pictures = times.map((seconds, n) => {
    let number = 0
    for (let bit = 0; bit < cells; bit++) {
      const brightness = stdout[n * cells * 8 + bit * 8 + 4]!
      number += brightness > 160 ? 2 ** bit : brightness < 90 ? 0 : Number.NaN
    }
    return { number, seconds }
  })
  return { pictures, complaints: complaintsIn(stderr.toString()) }
}
