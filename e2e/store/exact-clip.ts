import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { checkClip } from '../../recorder-image/src/clips/check-clip.ts'
import { cutFile, type ExactOptions } from '../../recorder-image/src/clips/cut-file.ts'
import { finishAndPlay, openFile, type Recording } from '../../recorder-image/src/media/testing/recording.ts'
import type { EncodedFrame } from '../../recorder-image/src/tap/frame.ts'
import { type Shown, shownIn } from '../media/numbered-pictures.ts'

/** A file that was recorded, and what a player shows of it. */
export interface Source {
  path: string
  data: Buffer
  shown: Shown['pictures']
}

export async function recordSource(directory: string, frames: readonly EncodedFrame[], how: Recording = {}): Promise<Source> {
  const file = openFile('02', await mkdtemp(join(directory, 'source-')), how)
  for (const frame of frames) file.write(frame)
  const { path } = await finishAndPlay(file)
  return { path, data: await readFile(path), shown: (await shownIn(path)).pictures }
}

/** An exact clip, written to `path` and checked by the recorder's own check, with `checkedBy`. */
export async function cutExactly(
  path: string,
  { data }: Pick<Source, 'data'>,
  { from, to, checkedBy, exact }: { from: number; to: number; checkedBy: string; exact: Partial<ExactOptions> },
) {
  const reader = {
    bytes: data.length,
    readBytes: 0,
    async read(start: number, end: number) {
      this.readBytes += end - start
      return data.subarray(start, end)
    },
  }
  const usual = { ffmpegPath: checkedBy, until: performance.now() + 60_000, whenLate: 'hide', onDone() {} } as const
  const bodyPath = `${path}.body`
  const where = { fromSeconds: from, toSeconds: to, startTime: new Date(0), bodyPath }
  const file = await cutFile(reader, 'x.mp4', { ...where, exact: { ...usual, ...exact } })
  if (file === undefined) throw new Error(`there is nothing from ${from} to ${to}`)
  await writeFile(path, Buffer.concat([file.head, await readFile(bodyPath)]))
  const problems = await checkClip('x.mp4', file, bodyPath, checkedBy)
  return { file, path, readBytes: reader.readBytes, problems, entries: file.tracks[0]!.sampleEntries.map(typeOf) }
}
const typeOf = (entry: Buffer) => entry.toString('latin1', 4, 8)
