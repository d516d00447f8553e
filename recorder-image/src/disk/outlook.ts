/** Room on the volume at a time; times in milliseconds of one clock. */
export interface Room {
  at: number
  freeBytes: number
  totalBytes: number
}

export interface Outlook {
  totalBytes: number
  freeBytes: number
  /** Until it is full at the pace of the last minutes; null while nothing is used up. */
  minutesLeft: number | null
  isLow: boolean
}

/** The pace is that of so long. */
export const paceMillis = 120_000
/** Of the whole volume. */
const lowShare = 0.1
const lowMinutes = 15

/** What becomes of the volume at this pace. Pure; `rooms` from the oldest to the latest, at least one. */
export function outlookOf(rooms: readonly Room[]): Outlook {
  const last = rooms.at(-1)!
  const first = rooms[0]!
  const { freeBytes, totalBytes } = last
  const usedBytes = first.freeBytes - freeBytes
  const millis = last.at - first.at
  const minutesLeft = usedBytes > 0 && millis > 0 ? Math.floor((freeBytes / usedBytes) * (millis / 60_000)) : null
  const isLow = freeBytes < totalBytes * lowShare || (minutesLeft !== null && minutesLeft < lowMinutes)
  return { totalBytes, freeBytes, minutesLeft, isLow }
}
