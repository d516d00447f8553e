/** Compares what a publisher sent with what is in its files and in the ledger, picture by picture. */
import type { SentSpan } from '../../sandbox/src/room/index.ts'
import { median } from '../statistics.ts'

/** Times in milliseconds since 1970. */
export interface Stretch {
  from: number
  to: number
}

/** One user's pictures. */
export interface Evidence {
  /** What was sent; all at one interval from one epoch. */
  sent: readonly SentSpan[]
  /** Wall-clock times of the pictures of each file, by what the file says of itself. */
  files: readonly (readonly number[])[]
  /** What the ledger says is missing of this user. */
  losses: readonly Stretch[]
  /** When the recorder was there to get it. */
  within: Stretch
}

export interface Account {
  sent: number
  recorded: number
  inLedger: number
  /** Sent, not recorded, and not in the ledger. */
  unexplained: Stretch[]
}

/** What is beside a loss belongs to it: clocks differ by the way, and pictures begin again with a key frame, of which there is one a second. */
const besideMillis = 1200

export function account({ sent, files, losses, within }: Evidence): Account {
  const [first] = sent
  const nothing: Account = { sent: 0, recorded: 0, inLedger: 0, unexplained: [] }
  if (first === undefined) return nothing
  const { epochMillis, intervalMillis } = first
  const wasSent = (n: number) => sent.some((span) => n >= span.first && n <= span.last)
  const recorded = new Set(files.flatMap((times) => numbersOf(times, epochMillis, intervalMillis, wasSent)))
  const result = nothing
  for (const { first, last } of sent) {
    for (let n = first; n <= last; n++) {
      const at = epochMillis + n * intervalMillis
      if (at < within.from || at > within.to) continue
      result.sent++
      if (recorded.has(n)) result.recorded++
      else if (losses.some(({ from, to }) => at >= from - besideMillis && at <= to + besideMillis)) result.inLedger++
      else extend(result.unexplained, at, intervalMillis)
    }
  }
  return result
}

/**
 * The numbers the sender gave them. A file as a whole is late by the way from there to here; or early by a little, since its clock is only known to some
 * milliseconds. Which of both it is, is told by the pauses: what was not sent is in no file.
 */
function numbersOf(
  times: readonly number[],
  epochMillis: number,
  intervalMillis: number,
  wasSent: (n: number) => boolean,
): number[] {
  const lateness = times.map((time) => (((time - epochMillis) % intervalMillis) + intervalMillis) % intervalMillis)
  // Lateness goes round in a circle: it is measured from where most are.
  const origin = lateness[lateness.length >> 1] ?? 0
  const turned = lateness.map((late) => ((late - origin + 1.5 * intervalMillis) % intervalMillis) - 0.5 * intervalMillis)
  const late = origin + (turned.length === 0 ? 0 : median(turned))
  const ifLate = times.map((time) => Math.round((time - epochMillis - late) / intervalMillis))
  const ifEarly = ifLate.map((n) => n + 1)
  return ifEarly.filter(wasSent).length > ifLate.filter(wasSent).length ? ifEarly : ifLate
}

function extend(stretches: Stretch[], at: number, intervalMillis: number): void {
  const last = stretches.at(-1)
  if (last !== undefined && at - last.to <= 2 * intervalMillis) last.to = at
  else stretches.push({ from: at, to: at })
}

/** The stretches that none of the reasons covers, each reason with what is beside it. */
export const uncovered = (stretches: readonly Stretch[], reasons: readonly Stretch[]): Stretch[] =>
  stretches.filter(
    ({ from, to }) => !reasons.some((reason) => from >= reason.from - besideMillis && to <= reason.to + besideMillis),
  )

/** The pauses between what was sent, also before and after. */
export function pausesOf(sent: readonly SentSpan[], within: Stretch): Stretch[] {
  const pauses: Stretch[] = []
  let from = within.from
  for (const { epochMillis, intervalMillis, first, last } of sent) {
    const start = epochMillis + first * intervalMillis
    if (start > from) pauses.push({ from, to: start })
    from = Math.max(from, epochMillis + (last + 1) * intervalMillis)
  }
  if (from < within.to) pauses.push({ from, to: within.to })
  return pauses
}
