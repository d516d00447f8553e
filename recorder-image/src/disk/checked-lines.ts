import { crc32 } from 'node:zlib'

/**
 * JSON lines on the volume, each with a checksum as its first member: `{"crc32":"<8 hex digits>/<bytes>",<the rest>`. The checksum is of the rest, and so
 * is the number of bytes, by which a line is read that a changed byte has cut in two or joined with the next. Of releases before they have none, and are
 * read as they are; and those releases read these, as they read any object with a member more.
 */
export const checkedLine = (value: object): string => {
  const rest = JSON.stringify(value).slice(1)
  const bytes = Buffer.byteLength(rest)
  return `{"crc32":"${crc32(rest).toString(16).padStart(8, '0')}/${bytes}",${rest}`
}

export interface CheckedLines<T> {
  lines: T[]
  /** How many cannot be read, though they were written to their end. One that a kill has torn was never there. */
  damaged: number
  /** Of each of those, how many lines that can be read are before it. */
  damagedAfter: number[]
}

const lineFeed = 10
const headBytes = 64
const headPattern = /^\{"crc32":"([0-9a-f]{8})\/(\d{1,9})",/

/** The lines of such a file. What a byte has changed takes its own line along, and no other. */
export function readCheckedLines<T>(bytes: Buffer): CheckedLines<T> {
  const lines: T[] = []
  const damagedAfter: number[] = []
  for (let at = 0; at < bytes.length; ) {
    const feed = bytes.indexOf(lineFeed, at)
    const read = readLine<T>(bytes, at, feed === -1 ? bytes.length : feed)
    if (read.is === 'whole') lines.push(read.value)
    if (read.is === 'damaged') damagedAfter.push(lines.length)
    // Behind a line stands its line feed, or what has become of it.
    at = read.end + 1
  }
  return { lines, damaged: damagedAfter.length, damagedAfter }
}

/** The one value of a file. Throws where it is not what was written. */
export function readCheckedValue(bytes: Buffer): unknown {
  const { lines, damaged } = readCheckedLines<unknown>(bytes)
  if (lines.length !== 1 || damaged > 0) throw new Error('it is not what was written: a byte of it has changed, or it is torn')
  return lines[0]
}

/** `end`: where the next line feed belongs. */
type ReadLine<T> = { is: 'whole'; value: T; end: number } | { is: 'damaged' | 'torn'; end: number }

function readLine<T>(bytes: Buffer, at: number, end: number): ReadLine<T> {
  const head = headPattern.exec(bytes.toString('latin1', at, Math.min(end, at + headBytes)))
  if (head === null) return readUnchecked(bytes.toString('utf8', at, end), end)
  const start = at + head[0].length
  const told = start + Number(head[2])
  // Where the number is what has changed, the line ends where it ends.
  for (const stop of [told, end]) {
    if (stop > bytes.length || crc32(bytes.subarray(start, stop)) !== Number.parseInt(head[1]!, 16)) continue
    return { is: 'whole', value: JSON.parse(`{${bytes.toString('utf8', start, stop)}`) as T, end: stop }
  }
  return { is: told > end ? 'torn' : 'damaged', end }
}

/** Of a release before, or with a head that has changed. */
function readUnchecked<T>(line: string, end: number): ReadLine<T> {
  try {
    const { crc32: _, ...value } = JSON.parse(line)
    return { is: 'whole', value: value as T, end }
  } catch {
    return { is: line.endsWith('}') ? 'damaged' : 'torn', end }
  }
}
