import { describe, expect, test } from 'vitest'
import { report, summary, withSummary } from './report.ts'
import { noResults, type Results } from './results.ts'

const cost = {
  picture: '1280x720',
  coresPerAnchorOf: { chromium: 0.02, node: 0.005, ffmpeg: 0.009 },
  pssMBOf: { chromium: 200, node: 70, ffmpeg: 30 },
  wakeUpsPerSecond: 900,
}
const results: Results = {
  ...noResults(2, 20, 'machine'),
  complete: true,
  runs: [
    {
      mode: '02',
      anchors: 5,
      ...cost,
      coresPerAnchor: 0.04,
      pssMB: 300,
      framesLost: 0,
      worstPtsErrorMs: 0.05,
      lossesInLedger: 0,
    },
    {
      mode: '02',
      anchors: 25,
      ...cost,
      picture: '640x360',
      coresPerAnchor: 0.02,
      pssMB: 500,
      framesLost: 3,
      worstPtsErrorMs: 0.1,
      lossesInLedger: 1,
    },
  ],
  mediaRecorder: [{ type: 'vp8', anchors: 5, ...cost, coresPerAnchor: 0.36, pssMB: 900, framesPerSecond: 6 }],
  stopToStoredMs: [
    { recordedSeconds: 60, rounds: 10, median: 400, max: 500 },
    { recordedSeconds: 3600, rounds: 10, median: 500, max: 700 },
  ],
  startMs: { rounds: 10, entered: 1200, firstByte: 1500, enteredMax: 1400, firstByteMax: 1900, mediaRecorder: 1000 },
}

test('rows of several runs are said to be that', () => {
  expect(report(results)).toContain('in one run on the same publishers')
  const appended = report({ ...results, madeInRuns: 3 })
  expect(appended).toContain('The rows come from 3 runs')
  expect(appended).not.toContain('in one run')
})

describe('the page on what a recording costs', () => {
  test('sets each row beside the aim and the MediaRecorder of the same run', () => {
    expect(report(results)).toContain('| 02 | 5 | 0.040 | 0.045 | 9.0 | 0 | 0.1 ms | 300 MB | 900 |')
    expect(report(results)).toContain('| 02 | 25 × 640x360 | 0.020 |  |  | 3 | 0.1 ms | 500 MB | 900 |')
  })

  test('says of each row that is beyond its aim that it is', () => {
    const [row] = results.runs
    const dear = report({ ...results, runs: [{ ...row!, coresPerAnchor: 0.046 }] })
    expect(dear).toContain('| 02 | 5 | 0.046 | 0.045, **missed** |')
    const live = { ...row!, live: 'all' as const, lost: 0 }
    const withLive = (coresPerAnchor: number) => report({ ...results, live: [{ ...live, coresPerAnchor }] })
    expect(withLive(0.06)).toContain('| all | 5 | 0.060 | 0.020 | 0.020 |')
    expect(withLive(0.061)).toContain('| all | 5 | 0.061 | 0.021 | 0.020, **missed** |')
  })

  test('says how many times as much a slower machine takes, and aims at so much', () => {
    const mediaRecorder = [{ type: 'vp8' as const, anchors: 1, ...cost, coresPerAnchor: 0.814, pssMB: 900, framesPerSecond: 30 }]
    const slower = report({ ...results, mediaRecorder })
    expect(slower).toContain('This one takes 2.00 times as much')
    expect(slower).toContain('| 02 | 5 | 0.040 | 0.090 |')
    expect(report(results)).not.toContain('times as much for the same')
  })

  test('says of memory and of the start what is aimed at', () => {
    const [row] = results.runs
    const at = (pssMB: number) => report({ ...results, runs: [{ ...row!, anchors: 1, pssMB }] })
    expect(at(300)).toContain('| 02 | 1 | 300 MB | 300 | 200 | 70 | 30 |')
    expect(at(301)).toContain('| 02 | 1 | 301 MB | 300, **missed** |')
    expect(report(results)).toContain('in the room after **1200 ms** (1400; aim 1500)')
    expect(report(results)).toContain('1.50 times the **1000 ms**')
    expect(report({ ...results, startMs: { ...results.startMs!, entered: 1600 } })).toContain('(1400; aim 1500, **missed**)')
  })

  test('sets what is made when all is over beside the same by hand, where it was measured', () => {
    expect(report(results)).not.toContain('What is made when it is over')
    const mix = { here: { cpuSecondsPerHour: 30, peakMB: 90 }, byHand: { cpuSecondsPerHour: 20, peakMB: 40 } }
    expect(report({ ...results, outputs: [{ output: 'mix', ...mix }] })).toContain(
      '| `mix`, MP3 | 30.0 | 90 MB | 20.0 | 40 MB | 1.50 |',
    )
  })

  test('says how much longer a stop takes after an hour than after a minute', () => {
    expect(report(results)).toContain('An hour takes 1.25 times as long as a minute (aim 1.3).')
    const slow = { recordedSeconds: 3600, rounds: 10, median: 600, max: 700 }
    const grown = report({ ...results, stopToStoredMs: [results.stopToStoredMs[0]!, slow] })
    expect(grown).toContain('An hour takes 1.50 times as long as a minute (aim 1.3, **missed**).')
  })
})

describe('the figures in the README', () => {
  test('are those of the runs, with a dash for what was not measured', () => {
    expect(summary(results)).toContain('| mode 02, core per anchor | – | 0.040 | – |')
    expect(summary(results)).toContain('3 frames lost over all runs. In the room 1200 ms after')
  })

  test('stand between their marks, whatever stood there', () => {
    const text = 'before\n<!-- generated: performance -->\nold\n<!-- end: performance -->\nafter\n'
    const written = withSummary(text, results)
    expect(written).toContain('before\n<!-- generated: performance -->\n| | 1 anchor')
    expect(written).not.toContain('old')
    expect(withSummary(written, results)).toBe(written)
  })

  test('have nowhere to go without marks', () => {
    expect(() => withSummary('nothing', results)).toThrow('has no "<!-- generated: performance -->"')
  })
})
