/**
 * From the creation of Recordings to their Pods, and their whole life, on a real API server and etcd with Pods that are played, beside the same
 * number of Jobs through Kubernetes' own Job controller and the writes before the Pods alone, in the same run; what is held of
 * Recordings that are over; what a full resync asks; what it changes that some recorders cannot be reached; single lives on the sandbox's cluster; whether the operator grows.
 *
 *     make bench-operator [N=1000] [PARTS=runs,finished,resync,unreachable,lives,churn] [WORKERS=32] [ROUNDS=5] [CHURN_MINUTES=1] [FINISHED=2000] [RESYNCED=1000] [UNREACHABLE=2000]
 *
 * What has been measured is written after each part. With neither N nor PARTS it goes to bench/results/operator.json, and from there to
 * docs/performance-operator.md; else to .sandbox/bench-operator.json. A part that fails is named in `failed`, and the rest goes on.
 */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { type ApiServer, startApiServer } from '../e2e/operator/api-server.ts'
import { measureChurn } from './operator/churn.ts'
import { measureFinished } from './operator/finished.ts'
import { measureFloor } from './operator/floor.ts'
import { measureJobs } from './operator/jobs.ts'
import { measureLives } from './operator/lives.ts'
import { measureRecordings } from './operator/recordings.ts'
import { writeOperatorReport } from './operator/report.ts'
import { noOperatorResults, operatorResultsFile, writeOperatorResults } from './operator/results.ts'
import { measureResync } from './operator/resync.ts'
import { measureUnreachable } from './operator/unreachable.ts'

const { N, PARTS, WORKERS = '32', ROUNDS = '5', CHURN_MINUTES = '1', FINISHED = '2000', RESYNCED = '1000' } = process.env
const { UNREACHABLE = '2000' } = process.env
const sizes = N ? N.split(',').map(Number) : [1000, 10_000]
const parts = PARTS ? PARTS.split(',') : ['runs', 'finished', 'resync', 'unreachable', 'churn', 'lives']
const workers = Number(WORKERS)
const isWhole = !N && !PARTS
const output = isWhole ? operatorResultsFile : join(import.meta.dirname, '../.sandbox/bench-operator.json')
const say = (text: string) => console.log(text)

const results = noOperatorResults(availableParallelism(), workers)
const started = performance.now()
if (parts.includes('runs')) {
  for (const n of sizes) {
    await attempt(`${n} at once`, async () => {
      const jobs = await withApiServer((api) => measureJobs(api, n, workers))
      const { p50, p99 } = jobs.createToPodMs
      say(`  Jobs made: p50 ${p50} ms, p99 ${p99} ms, ${jobs.cpuMsEach.toFixed(2)} ms of CPU each`)
      const floor = await withApiServer((api) => measureFloor(api, n, workers))
      say(`  the same writes by a bare client: p50 ${floor.createToPodMs.p50} ms, p99 ${floor.createToPodMs.p99} ms`)
      const { run, takeOverSeconds } = await withApiServer((api) => measureRecordings(api, n, workers, say))
      results.runs.push({ ...run, jobs, floor })
      const times = (other: number) => (run.createToPodMs.p99 / other).toFixed(1)
      say(
        `  p99 is ${times(jobs.createToPodMs.p99)} times that of the Job controller, ${times(floor.createToPodMs.p99)} times the floor`,
      )
      results.takeOverSeconds = takeOverSeconds
    })
  }
}
if (parts.includes('finished')) {
  await attempt('Finished ones in the cache', async () => {
    results.finished = await withApiServer((api) => measureFinished(api, Number(FINISHED)))
  })
}
if (parts.includes('resync')) {
  await attempt('A full resync', async () => {
    results.resync = await measureResync(Number(RESYNCED), workers, say)
  })
}
if (parts.includes('unreachable')) {
  await attempt('Recorders that cannot be reached', async () => {
    results.unreachable = await withApiServer((api) => measureUnreachable(api, Number(UNREACHABLE), workers, say))
  })
}
if (parts.includes('churn')) {
  await attempt('Coming and going', async () => {
    results.churn = await withApiServer((api) => measureChurn(api, Number(CHURN_MINUTES), workers))
  })
}
if (parts.includes('lives')) {
  await attempt('One at a time on the cluster', async () => {
    Object.assign(results, await measureLives(Number(ROUNDS), say))
  })
}
say(JSON.stringify(results, undefined, 2))
if (isWhole) writeOperatorReport(results)
say(`${((performance.now() - started) / 60_000).toFixed(1)} min: ${output}`)
process.exit(results.failed.length > 0 ? 1 : 0)

async function attempt(what: string, measure: () => Promise<void>): Promise<void> {
  say(what)
  try {
    await measure()
  } catch (error) {
    results.failed.push(`${what}: ${(error as Error).message}`)
    say(`  failed: ${(error as Error).stack}`)
  }
  writeOperatorResults(output, results)
}

async function withApiServer<T>(measure: (api: ApiServer) => Promise<T>): Promise<T> {
  const api = await startApiServer()
  try {
    return await measure(api)
  } finally {
    await api.stop()
  }
}
