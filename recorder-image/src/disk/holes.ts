import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'
import { open, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type CheckedLines, checkedLine, readCheckedLines } from './checked-lines.ts'
import { type DamagedLines, damagedLinesOf } from './durable-lines.ts'
import { replaceWith } from './write-whole.ts'

/** Bytes start to end, end not included, of a body that were given back to the volume: COS has them, and they read as zeros here. */
export interface Hole {
  start: number
  end: number
}

/** Beside a body, a line for each of its holes, twice: whoever did not know of one would take zeros for media. */
export const holesPath = (bodyPath: string) => `${bodyPath}.holes`

const run = promisify(execFile)
const probeBytes = 4096
const blockBytes = 4096
/** No media has so many zeros in a row, and no less is given back. */
const leastZeros = 16 * 1024
/** What is given back begins and ends with a block: so few zeros beyond one are media, which is here still. */
const mostZerosBeside = 16

/**
 * Gives bytes of a file back to the volume; its length stays, and they read as zeros. Node has no call for it, hence `fallocate` of util-linux. Rejects
 * where the file system cannot do it (NFS before 4.2).
 */
export async function makeHole(path: string, { start, end }: Hole): Promise<void> {
  await run('fallocate', ['--punch-hole', '--offset', String(start), '--length', String(end - start), path])
}

/** Whether the file system of a directory takes parts of a file back. Rejects where nothing can be written there. */
export async function takesHoles(directory: string): Promise<boolean> {
  const probe = join(directory, `.hole-${randomUUID()}`)
  try {
    await writeFile(probe, Buffer.alloc(probeBytes))
    return await makeHole(probe, { start: 0, end: probeBytes }).then(
      () => true,
      () => false,
    )
  } finally {
    await rm(probe, { force: true })
  }
}

/** Gives bytes of a body back to the volume. That they are gone is written down first, so that nobody takes zeros for media. Rejects as `makeHole` does. */
export async function punchHole(bodyPath: string, { start, end }: Hole): Promise<void> {
  const lines = await open(holesPath(bodyPath), 'a')
  try {
    const { size } = await lines.stat()
    try {
      await lines.appendFile(linesOf({ start, end }))
      await lines.datasync()
      await makeHole(bodyPath, { start, end })
    } catch (error) {
      await lines.truncate(size)
      throw error
    }
  } finally {
    await lines.close()
  }
}

/**
 * The holes of a body, none if it has none. A line that a crash has torn was followed by no hole. Throws where a line may be damaged in both its copies: it
 * is not known then which bytes are media.
 */
export function holesOf(bodyPath: string): Hole[] {
  const list = readHoles(bodyPath)
  if (isUnsure(list)) throw new Error(`${holesPath(bodyPath)} is damaged: it does not say any more which bytes were given back`)
  return holesIn(list)
}

/** A line of the list that says what was damaged when it was written anew: whoever is to be told of it may be killed before that. */
interface Mended {
  mended: Omit<DamagedLines, 'file'>
}

/**
 * Where it is not known any more which bytes are media, the body tells: what was given back reads as zeros, and behind it something was written. The list is written anew.
 * Returns what was damaged, now or when that was done before.
 */
export async function mendHoles(bodyPath: string): Promise<DamagedLines[]> {
  const path = holesPath(bodyPath)
  const list = readHoles(bodyPath)
  const damages = mendedIn(list).map((mended) => ({ ...damagedLinesOf(path, mended.lines), ...mended }))
  if (!isUnsure(list)) return damages
  const { file, ...mended } = damagedLinesOf(path, list.damaged)
  const found = await zerosIn(bodyPath)
  // Each once: what was in it is counted.
  const others = holesIn(list).filter(({ start, end }) => !found.some((one) => one.start <= start && end <= one.end))
  const all = [...mendedIn(list), mended].map((mended): Mended => ({ mended }))
  const lines = [...all, ...others, ...found].map(linesOf)
  const temporary = temporaryPath(bodyPath)
  await replaceWith(path, temporary, () => writeFile(temporary, lines.join(''), { flush: true }))
  return [...damages, { file, ...mended }]
}

/** With what a recorder left that was killed while it wrote the list anew. */
export async function removeHoles(bodyPath: string): Promise<void> {
  await rm(temporaryPath(bodyPath), { force: true })
  await rm(holesPath(bodyPath), { force: true })
}

const temporaryPath = (bodyPath: string) => `${holesPath(bodyPath)}.tmp`

const linesOf = (line: Hole | Mended) => `\n${checkedLine(line)}\n${checkedLine(line)}`

function readHoles(bodyPath: string): CheckedLines<Hole | Mended> {
  try {
    return readCheckedLines<Hole | Mended>(readFileSync(holesPath(bodyPath)))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { lines: [], damaged: 0, damagedAfter: [] }
    throw error
  }
}

const isUnsure = ({ damaged }: CheckedLines<unknown>) => damaged > 1

const holesIn = ({ lines }: CheckedLines<Hole | Mended>): Hole[] =>
  once(lines.flatMap((line) => (isHole(line) ? [{ start: line.start, end: line.end }] : [])))

const isHole = (line: Hole | Mended): line is Hole =>
  'start' in line && Number.isInteger(line.start) && Number.isInteger(line.end)

const mendedIn = ({ lines }: CheckedLines<Hole | Mended>): Mended['mended'][] =>
  once(lines.flatMap((line) => ('mended' in line ? [line.mended] : [])))

/** Each stands there twice. */
const once = <T>(all: readonly T[]): T[] => [...new Map(all.map((one) => [JSON.stringify(one), one])).values()]

async function zerosIn(path: string): Promise<Hole[]> {
  const zeros = Buffer.alloc(blockBytes)
  const found: Hole[] = []
  let offset = 0
  /** Zeros that the last block ends with, and those in front of it that go on into it. */
  let start: number | undefined
  for await (const chunk of createReadStream(path, { highWaterMark: 256 * blockBytes }) as AsyncIterable<Buffer>) {
    for (let at = 0, length = 0; at < chunk.length; at += length, offset += length) {
      const block = chunk.subarray(at, at + blockBytes)
      length = block.length
      if (block.equals(zeros.subarray(0, length))) {
        start ??= offset
        continue
      }
      const end = offset + block.findIndex((byte) => byte !== 0)
      if (start !== undefined && end - start >= leastZeros) found.push(withoutZerosBeside({ start, end }))
      const last = block.findLastIndex((byte) => byte !== 0)
      start = last === length - 1 ? undefined : offset + last + 1
    }
  }
  return found
}

function withoutZerosBeside({ start, end }: Hole): Hole {
  const [before, behind] = [Math.ceil(start / blockBytes) * blockBytes - start, end % blockBytes]
  return { start: before <= mostZerosBeside ? start + before : start, end: behind <= mostZerosBeside ? end - behind : end }
}

/** Whether some of these bytes are gone. */
export const touchesHole = (holes: readonly Hole[], start: number, end: number) =>
  holes.some((hole) => hole.start < end && start < hole.end)
