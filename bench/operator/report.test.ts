import { expect, test } from 'vitest'
import { operatorReport } from './report.ts'
import { noOperatorResults, type OperatorResults } from './results.ts'

const results: OperatorResults = {
  ...noOperatorResults(2, 32),
  runs: [
    {
      n: 1000,
      createToPodMs: { p50: 900, p99: 3000 },
      jobs: { createToPodMs: { p50: 800, p99: 2000 }, cpuMsEach: 0.7, memoryMB: 100, serverCpuMsEach: 4 },
      cpuMsEach: 1.5,
      serverCpuMsEach: 9,
      createToPodRequestsEach: 3,
      lifeCpuMsEach: 6,
      requestsEach: 11,
      writesEach: 9.5,
      progressWritesEach: 1,
      memoryMB: 150,
      mostMemoryMB: 160,
      stopToDeletedMs: { p50: 10, p99: 40 },
      unreachable: { share: 0.05, stopToDeletedMs: { p50: 11, p99: 42 } },
    },
  ],
}

test('the page sets a run beside the Job controller’s', () => {
  const page = operatorReport(results)
  expect(page).toContain('| 1000 | operator | 900 ms | 3.0 s | 1.5 | 1.50 ms | 9.00 ms | 9.5 | 150 MB |')
  expect(page).toContain('| 1000 | Job controller | 800 ms | 2.0 s |  | 0.70 ms | 4.00 ms |  | 100 MB |')
  expect(page).toContain('| 1000 | 10 ms | 40 ms | 11 ms | 42 ms |')
})

test('the page sets a run beside the floor, where that was measured', () => {
  expect(operatorReport(results)).not.toContain('the same writes alone')
  const [run] = results.runs
  const floor = { createToPodMs: { p50: 700, p99: 2500 }, cpuMsEach: 1, serverCpuMsEach: 8 }
  const page = operatorReport({ ...results, runs: [{ ...run!, floor }] })
  expect(page).toContain('| 1000 | the same writes alone | 700 ms | 2.5 s | 1.3 | 1.00 ms | 8.00 ms |  |  |')
  expect(page).toContain('of that 1.2 times at 1000')
})

test('the page says how many of the writes are of Recordings that waited, where that was measured', () => {
  expect(operatorReport(results)).not.toContain('Of the writes a life')
  const [run] = results.runs
  const page = operatorReport({ ...results, runs: [{ ...run!, ofThem: { beforeStarted: 0.9, events: 1.6 } }] })
  expect(page).toContain(
    'Of the writes a life, at 1000 0.9 statuses and 0.6 Events tell of a Recording whose Pod does not run yet',
  )
})

test('the page works out what 60,000 finished Recordings take from what some were seen to take', () => {
  expect(operatorReport(results)).not.toContain('A finished Recording in the cache')
  const page = operatorReport({ ...results, finished: { n: 2000, kilobytesEach: 0.84, wholeKilobytesEach: 5 } })
  expect(page).toContain('| A finished Recording in the cache | 0.8 KB instead of 5.0 KB: ')
  expect(page).toContain('so 60,000 take 50 MB (measured with 2000) |\n| A Pod in the cache')
})

test('the page says what a full resync asks, and from where it is answered', () => {
  expect(operatorReport(results)).toMatch(/## A full resync\n\n.*not measured\./)
  const kinds = [
    {
      resource: 'pods',
      requests: 2,
      parameters: 'limit 500, resourceVersion none; limit 500, resourceVersion none, continue',
    },
    { resource: 'resourcequotas', requests: 1, parameters: 'limit 500, resourceVersion none' },
  ]
  const resync = { n: 1000, everySeconds: 30, kinds, fromCache: 3, cpuMs: 400, serverCpuMs: 1200 }
  const page = operatorReport({ ...results, resync })
  expect(page).toContain('| pods | 2 | limit 500, resourceVersion none; limit 500, resourceVersion none, continue |')
  expect(page).toContain('answered the 3 requests, all of them from its watch cache')
  expect(page).toContain('400 ms of CPU, and API server and etcd 1.2 s')
  expect(operatorReport({ ...results, resync: { ...resync, fromCache: 1 } })).toContain(
    '1 of them from its watch cache, and the others from etcd',
  )
})

test('the page says what it changes that some recorders cannot be reached, where that was measured', () => {
  expect(operatorReport(results)).not.toContain('some do not')
  const reached = { stopToToldMs: 10, createToPodMs: 20, idleCpuMs: 300, idleRequests: 8 }
  const unreached = { stopToToldMs: 11, createToPodMs: 20, idleCpuMs: 330, idleRequests: 8 }
  const ratios = { stopToToldMs: 1.1, createToPodMs: 1, idleCpuMs: 1.1, idleRequests: 1 }
  const page = operatorReport({
    ...results,
    unreachable: { n: 2000, share: 0.05, phasesEach: 4, reached, unreached, ratios },
  })
  expect(page).toContain(
    'With 2000 Recordings, medians of 4 phases in which all recorders answer and of as many in which 1 in 20',
  )
  expect(page).toContain('| stop to recorder told, one at a time | 10 ms | 11 ms | 1.10 |')
  expect(page).toContain('| its requests to the API server in that time | 8 | 8 | 1.00 |')
})

test('the page says what has not been measured', () => {
  const page = operatorReport({ ...results, failed: ['10000 at once: Gave up waiting until all record'] })
  expect(page).toContain('Not measured: 10000 at once: Gave up waiting until all record.')
  expect(page).toContain('## One at a time\n\nNot measured.')
})

test('the page prints the parts of a start and the three ways to stop', () => {
  const page = operatorReport({
    ...results,
    applyToStartedMs: 1900,
    applyToStartedParts: { podMade: 20, podScheduled: 30, containerRunning: 700, inRoom: 900, startedTold: 10 },
    stopToSucceededMs: { patch: 450, removeUser: 500, dismissRoom: 550 },
    rounds: 15,
  })
  expect(page).toContain('medians of 15 lives: from apply to Started **1.9 s** (aim 2.0 s)')
  expect(page).toContain('| until its container runs | 700 ms |')
  expect(page).toContain('by a patch **450 ms**, by RemoveUser **500 ms**, by DismissRoom **550 ms**')
})
