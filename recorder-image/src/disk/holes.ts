import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { promisify } from 'node:util'

/** Bytes start to end, end not included, of a body that were given back to the volume: COS has them, and they read as zeros here. */
export interface Hole {
  start: number
  end: number
}

/** Beside a body, a line for each of its holes. */
export const holesPath = (bodyPath: string) => `${bodyPath}.holes`

const run = promisify(execFile)

/**
 * Gives bytes of a body back to the volume; its length stays. That they are gone is written down first, so that nobody takes zeros for media. Node
 * has no call for it, hence `fallocate` of util-linux. Rejects where the file system cannot do it (NFS before 4.2).
 */
export async function punchHole(bodyPath: string, { start, end }: Hole): Promise<void> {
  const lines = await open(holesPath(bodyPath), 'a')
  const { size } = await lines.stat()
  try {
    await lines.appendFile(`\n${JSON.stringify({ start, end })}`)
    await lines.datasync()
    await run('fallocate', ['--punch-hole', '--offset', String(start), '--length', String(end - start), bodyPath])
  } catch (error) {
    await lines.truncate(size)
    throw error
  } finally {
    await lines.close()
  }
}

/** The holes of a body, none if it has none. A line that a crash has torn was followed by no hole. */
export function holesOf(bodyPath: string): Hole[] {
  try {
    return readFileSync(holesPath(bodyPath), 'utf8').split('\n').flatMap(parse)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function parse(line: string): Hole[] {
  try {
    const { start, end } = JSON.parse(line)
    return Number.isInteger(start) && Number.isInteger(end) ? [{ start, end }] : []
  } catch {
    return []
  }
}

/** Whether some of these bytes are gone. */
export const touchesHole = (holes: readonly Hole[], start: number, end: number) =>
  holes.some((hole) => hole.start < end && start < hole.end)
