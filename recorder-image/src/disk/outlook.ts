/** Room on the volume at a time; times in milliseconds of one clock. */
export interface Room {
  at: number
  freeBytes: number
  /** What COS has confirmed of it and can be given back. */
  releasableBytes: number
  totalBytes: number
}

export interface Outlook extends Omit<Room, 'at'> {
  /** Until it is full at the pace of the last minutes, all given back that can be; null while nothing is used up. */
  minutesLeft: number | null
  isLow: boolean
}

/** The pace is that of so long. */
export const paceMillis = 120_000
/** Of the whole volume. */
const lowShare = 0.1
const lowMinutes = 15

/**
 * What becomes of the volume at this pace, and whether it is time to give back to it what COS has. Pure; `rooms` from the oldest to the latest, at
 * least one.
 */
export function outlookOf(rooms: readonly Room[]): { outlook: Outlook; releaseIsDue: boolean } {
  const { at: _, ...last } = rooms.at(-1)!
  const all = judge(rooms, ({ freeBytes, releasableBytes }) => freeBytes + releasableBytes)
  return { outlook: { ...last, ...all }, releaseIsDue: judge(rooms, ({ freeBytes }) => freeBytes).isLow }
}

function judge(rooms: readonly Room[], bytesOf: (room: Room) => number): Pick<Outlook, 'minutesLeft' | 'isLow'> {
  const [first, last] = [rooms[0]!, rooms.at(-1)!]
  const bytes = bytesOf(last)
  const usedBytes = bytesOf(first) - bytes
  const millis = last.at - first.at
  const minutesLeft = usedBytes > 0 && millis > 0 ? Math.floor((bytes / usedBytes) * (millis / 60_000)) : null
  return { minutesLeft, isLow: bytes < last.totalBytes * lowShare || (minutesLeft !== null && minutesLeft < lowMinutes) }
}
