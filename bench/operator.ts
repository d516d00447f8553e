/**
 * From the creation of Recordings to their Pods, and their whole life, on a real API server and etcd with Pods that are played, beside the same
 * number of Jobs through Kubernetes' own Job controller in the same run. `make bench-operator`; N=1000 for one size only.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { startApiServer } from '../e2e/operator/api-server.ts'
import { measureJobs } from './operator/jobs.ts'
import { measureRecordings } from './operator/recordings.ts'

const sizes = process.env.N === undefined ? [1000, 10_000] : process.env.N.split(',').map(Number)
const workers = Number(process.env.WORKERS ?? 32)
const say = (text: string) => console.log(text)

const runs: object[] = []
let takeOverSeconds = Number.NaN
for (const n of sizes) {
  say(`${n} Jobs`)
  const jobs = await withApiServer((api) => measureJobs(api, n, workers))
  say(`  made: p50 ${jobs.createToPodMs.p50} ms, p99 ${jobs.createToPodMs.p99} ms, ${jobs.cpuMsEach.toFixed(2)} ms of CPU each`)
  say(`${n} Recordings`)
  const measured = await withApiServer((api) => measureRecordings(api, n, workers, say))
  takeOverSeconds = measured.takeOverSeconds
  runs.push({ n, ...measured.run, jobs: { ...jobs, cpuMsEach: Math.round(jobs.cpuMsEach * 100) / 100 } })
}
const results = { measuredAt: new Date().toISOString(), cores: cpus().length, workers, runs, takeOverSeconds }
say(JSON.stringify(results, undefined, 2))
if (process.env.N === undefined) {
  const directory = new URL('./results/', import.meta.url)
  mkdirSync(directory, { recursive: true })
  writeFileSync(new URL('operator.json', directory), `${JSON.stringify(results, undefined, 2)}\n`)
}

async function withApiServer<T>(measure: (api: Awaited<ReturnType<typeof startApiServer>>) => Promise<T>): Promise<T> {
  const api = await startApiServer()
  try {
    return await measure(api)
  } finally {
    await api.stop()
  }
}
