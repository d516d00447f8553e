import { describe, expect, test } from 'vitest'
import { account, pausesOf, uncovered } from './accounting.ts'

const epochMillis = 1_000_000
const intervalMillis = 100
const span = (first: number, last: number) => ({
  track: 'video' as const,
  epochMillis,
  intervalMillis,
  first,
  last,
  clipFrames: 900,
})
/** Pictures n of a file, `late` on their way. */
const recorded = (numbers: number[], late = 30) => numbers.map((n) => epochMillis + n * intervalMillis + late)
const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, n) => first + n)
const within = { from: 0, to: Number.POSITIVE_INFINITY }

describe('sent against recorded', () => {
  test('all is there, in one file or several, each late by its own way', () => {
    const files = [recorded(range(0, 9)), recorded(range(10, 19), 80)]
    expect(account({ sent: [span(0, 19)], files, losses: [], within })).toEqual({
      ...{ sent: 20, recorded: 20, inLedger: 0, unexplained: [] },
    })
  })

  test('lateness about a whole interval does not make neighbours of pictures', () => {
    const jittery = range(0, 19).map((n) => epochMillis + n * intervalMillis + (n % 2 === 0 ? 99 : 101))
    expect(account({ sent: [span(0, 20)], files: [jittery], losses: [], within }).recorded).toBe(20)
  })

  test('a file that is early by a millisecond has what was sent before each pause', () => {
    const spans = [span(0, 9), span(20, 29), span(35, 39)]
    const early = recorded(
      spans.flatMap(({ first, last }) => range(first, last)),
      -1,
    )
    expect(account({ sent: spans, files: [early], losses: [], within })).toEqual({
      ...{ sent: 25, recorded: 25, inLedger: 0, unexplained: [] },
    })
  })

  test('what is missing and not in the ledger is told from when to when', () => {
    const files = [recorded([...range(0, 4), ...range(8, 19)])]
    const { unexplained } = account({ sent: [span(0, 19)], files, losses: [], within })
    expect(unexplained).toEqual([{ from: epochMillis + 500, to: epochMillis + 700 }])
  })

  test('what the ledger says is missing is not lost without a word', () => {
    const files = [recorded([...range(0, 4), ...range(40, 59)])]
    const losses = [{ from: epochMillis + 1500, to: epochMillis + 3000 }]
    const { inLedger, unexplained } = account({ sent: [span(0, 59)], files, losses, within })
    expect(inLedger).toBe(35)
    expect(unexplained).toEqual([])
  })

  test('what was sent before the recorder came is not asked for', () => {
    const files = [recorded(range(10, 19))]
    const { sent } = account({ sent: [span(0, 19)], files, losses: [], within: { ...within, from: epochMillis + 1000 } })
    expect(sent).toBe(10)
  })

  test('a user without a file has lost everything', () => {
    expect(account({ sent: [span(0, 19)], files: [], losses: [], within }).unexplained).toHaveLength(1)
  })
})

describe('silence', () => {
  test('is explained by a pause of the sender', () => {
    const pauses = pausesOf([span(0, 49), span(100, 149)], { from: epochMillis, to: epochMillis + 15_000 })
    expect(pauses).toEqual([{ from: epochMillis + 5000, to: epochMillis + 10_000 }])
    expect(uncovered([{ from: epochMillis + 5050, to: epochMillis + 9900 }], pauses)).toEqual([])
    expect(uncovered([{ from: epochMillis + 12_000, to: epochMillis + 12_100 }], pauses)).toHaveLength(1)
  })
})
