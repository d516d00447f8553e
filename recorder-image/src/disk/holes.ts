import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { open, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { checkedLine, readCheckedLines } from './checked-lines.ts'

/** Bytes start to end, end not included, of a body that were given back to the volume: COS has them, and they read as zeros here. */
export interface Hole {
  start: number
  end: number
}

/** Beside a body, a line for each of its holes, twice: whoever did not know of one would take zeros for media. */
export const holesPath = (bodyPath: string) => `${bodyPath}.holes`

const run = promisify(execFile)
const probeBytes = 4096

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
      const line = checkedLine({ start, end })
      await lines.appendFile(`\n${line}\n${line}`)
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
  let bytes: Buffer
  try {
    bytes = readFileSync(holesPath(bodyPath))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  const { lines, damaged } = readCheckedLines<Hole>(bytes)
  if (damaged > 1) throw new Error(`${holesPath(bodyPath)} is damaged: it does not say any more which bytes were given back`)
  const isOne = ({ start, end }: Hole, at: number) =>
    Number.isInteger(start) && Number.isInteger(end) && lines.findIndex((one) => one.start === start && one.end === end) === at
  return lines.filter(isOne).map(({ start, end }) => ({ start, end }))
}

/** Whether some of these bytes are gone. */
export const touchesHole = (holes: readonly Hole[], start: number, end: number) =>
  holes.some((hole) => hole.start < end && start < hole.end)
