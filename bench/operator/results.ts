/** bench/results/operator.json: what `make bench-operator` measured in one run. docs/performance-operator.md is written from it. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

export const operatorResultsFile = fileURLToPath(new URL('../results/operator.json', import.meta.url))

export interface Quantiles {
  p50: number
  p99: number
}

export interface OperatorResults {
  measuredAt: string
  cores: number
  /** Recordings, and Jobs, worked on at once. */
  workers: number
  runs: OperatorRun[]
  /** One at a time and warm on the sandbox's cluster: medians. */
  applyToStartedMs: number | null
  applyToStartedParts: StartParts | null
  stopToSucceededMs: { patch: number; removeUser: number; dismissRoom: number } | null
  /** Lives that each of these medians is of. */
  rounds: number
  /** From the death of the leader to the next Pod. */
  takeOverSeconds: number | null
  churn: Churn | null
  /** Not in results of before it was measured. */
  finished?: Finished
  /** Not in results of before it was measured. */
  resync?: Resync
  /** Not in results of before it was measured. */
  unreachable?: Unreachable
  /** What could not be measured, and why. */
  failed: string[]
}

export interface OperatorRun {
  n: number
  createToPodMs: Quantiles
  jobs: { createToPodMs: Quantiles; cpuMsEach: number; memoryMB: number; serverCpuMsEach: number }
  /** Not in results of before it was measured. */
  floor?: Floor
  /** Of the operator, until all have their Pods. */
  cpuMsEach: number
  /** Of API server and etcd, until all have their Pods. */
  serverCpuMsEach: number
  createToPodRequestsEach: number
  lifeCpuMsEach: number
  requestsEach: number
  /** Of a whole life, but for those that only tell of progress. */
  writesEach: number
  progressWritesEach: number
  /** Of `writesEach`: statuses of a Recording that waits for its Pod to run, and Events. Not in results of before it was measured. */
  ofThem?: { beforeStarted: number; events: number }
  /** While all record. */
  memoryMB: number
  mostMemoryMB: number
  /** From the request to stop to the recorder being told, while the others record. */
  stopToDeletedMs: Quantiles
  /** The same while a share of the Pods does not answer. */
  unreachable: { share: number; stopToDeletedMs: Quantiles }
}

/** The same Recordings, whose Pods a client makes that decides nothing: with the same writes and bodies, as many at once. */
export interface Floor {
  createToPodMs: Quantiles
  cpuMsEach: number
  serverCpuMsEach: number
}

/** Where the time goes from apply to Started, in milliseconds; medians of each, so that they need not add up. */
export interface StartParts {
  podMade: number
  podScheduled: number
  containerRunning: number
  inRoom: number
  /** Only in results in which `startedTold` counts from there. */
  podReady?: number
  startedTold: number
}

export interface Churn {
  minutes: number
  lives: number
  /** Resident memory of the operator: the median of the second fifth of that time, and of the last. */
  memoryMB: { early: number; late: number }
}

/** What the caches hold of a Recording that is over: only what is needed of it, beside all of it. */
export interface Finished {
  n: number
  kilobytesEach: number
  wholeKilobytesEach: number
}

/** What is measured of a phase; medians of several. */
export interface Measures {
  /** From the request to stop to the recorder being told. */
  stopToToldMs: number
  createToPodMs: number
  /** Of the operator in 15 s in which nobody wants anything. */
  idleCpuMs: number
  /** The same of its requests to the API server. */
  idleRequests: number
}

/** What it changes that the recorders of some of n Recordings cannot be reached: phases with and without, by turns. */
export interface Unreachable {
  n: number
  share: number
  phasesEach: number
  reached: Measures
  unreached: Measures
  /** How many times as much it is while some cannot be reached. */
  ratios: Measures
}

/** What a full resync asks of the API server. */
export interface Resync {
  /** Recordings, with a Pod and a volume each. */
  n: number
  everySeconds: number
  kinds: {
    resource: string
    requests: number /** What stood in the requests: limit and resourceVersion. */
    parameters: string
  }[]
  /** By how much the API server's count of lists of these kinds rose that it answered from its watch cache. */
  fromCache: number
  /** In that time, of the operator, which looks at all of them again; and of API server and etcd. */
  cpuMs: number
  serverCpuMs: number
}

export const noOperatorResults = (cores: number, workers: number): OperatorResults => ({
  measuredAt: new Date().toISOString(),
  cores,
  workers,
  runs: [],
  applyToStartedMs: null,
  applyToStartedParts: null,
  stopToSucceededMs: null,
  rounds: 0,
  takeOverSeconds: null,
  churn: null,
  failed: [],
})

export const readOperatorResults = (): OperatorResults => JSON.parse(readFileSync(operatorResultsFile, 'utf8'))

export function writeOperatorResults(path: string, results: OperatorResults): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${JSON.stringify(results, undefined, 2)}\n`)
}
