/** docs/performance-operator.md, from bench/results/operator.json. `make verify` holds that it is what the figures say. */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import {
  type Floor,
  type Measures,
  type OperatorResults,
  type OperatorRun,
  type Quantiles,
  readOperatorResults,
  type StartParts,
} from './results.ts'

const docs = fileURLToPath(new URL('../../docs/performance-operator.md', import.meta.url))

/** What is aimed at. */
export const goals = {
  timesTheJobController: 2,
  cpuMsEach: 2,
  writesEach: 10,
  memoryMB: 300,
  applyToStartedMs: 2000,
  stopToSucceededMs: 600,
  timesWhileUnreachable: 1.1,
} as const

const startParts: Record<Exclude<keyof StartParts, 'podReady'>, string> = {
  podMade: 'apply to Pod made',
  podScheduled: 'until it has a node',
  containerRunning: 'until its container runs',
  inRoom: 'until the recorder is in the room (Node, Chromium, the room)',
  startedTold: 'until the status says so (the recorder itself is asked)',
}

export function operatorReport(results: OperatorResults): string {
  const { measuredAt, cores, workers, runs, failed } = results
  return `# What the operator costs

<!-- Written by bench/operator/report.ts from bench/results/operator.json. Do not edit: run \`make bench-operator\`. -->

\`make bench-operator\` makes as many Recordings at once as one client can on a real API server and etcd, beside the same number of Kubernetes Jobs through Kubernetes' own Job controller with its client limits
lifted and as many workers, and beside a bare client that does nothing but the same writes; lets all of them record, stops some while the others record, and some more while one in twenty recorders does not answer, stops all, and kills the leader. Pods are played
([bench/operator/pods.ts](../bench/operator/pods.ts)): bound, in the room, and ended when they are told to. Each part is on an API server of its own. Then it plays single lives on the sandbox's cluster, with the real
recorder, and lets Recordings come and go. The raw result: [bench/results/operator.json](../bench/results/operator.json).

Measured on ${measuredAt.slice(0, 10)}, ${cores} cores, ${workers} workers. Everything shares the cores: API server, etcd, the operator or the Job controller, the client and the player of Pods.${failed.length === 0 ? '' : ` Not measured: ${failed.join('; ')}.`}

## Many at once

${table(
  [
    'at once',
    '',
    'create to Pod, p50',
    'p99',
    'times the Job controller’s',
    'CPU each',
    'CPU of API server and etcd each',
    'writes a life',
    'memory',
  ],
  runs.flatMap(manyAtOnce),
)}

Aims: ${goals.timesTheJobController} times the Job controller's p99 at any number, ${goals.cpuMsEach} ms of CPU (until all have their Pods), ${goals.writesEach} writes a life beyond those that only tell of progress, ${goals.memoryMB} MB while 10,000 record.
${waited(runs)}
${table(
  [
    'at once',
    'stop to recorder told, p50',
    'p99',
    'the same while 1 in 20 does not answer, p50',
    'p99',
    'requests a life',
    'CPU a life',
  ],
  runs.map(({ n, stopToDeletedMs: stop, unreachable: { stopToDeletedMs: silent }, requestsEach, lifeCpuMsEach }) => [
    ...[String(n), ms(stop.p50), ms(stop.p99), ms(silent.p50), ms(silent.p99)],
    ...[requestsEach.toFixed(1), `${lifeCpuMsEach.toFixed(1)} ms`],
  ]),
)}

${floorOf(runs)}The second replica makes the next Pod ${results.takeOverSeconds ?? '–'} s after the leader is killed; its lease runs out after 15 s.
${unreachable(results)}${churn(results)}
## A full resync

${resync(results)}

## One at a time

${lives(results)}

## Where it goes

| | |
| --- | --- |
| A write of a Recording, CPU of the API server | 4 to 6 ms: CEL, the schema, managed fields, and the object read and written as JSON several times; a Pod takes 2 ms, a volume 0.6 (each measured by hand, 1,000 of them, 32 at once) |
| The API server's CPU in a burst of 1,000, by its profile | garbage 19 %, finalizers patched 20 %, Recordings created 19 %, authentication and authorisation of all requests 16 %; across all of these, reading objects 17 %, CEL 10 %, managed fields 10 %, watches 8 % |
| One request to the API server, CPU of the operator | 0.15 to 0.2 ms (TLS, HTTP/2 or HTTP/1.1 alike, undici's own dispatch 0.02 less) |
${finished(results)}| A Pod in the cache | 1.3 KB instead of 4.7 KB |
| Loading the API server's models (client-node) | 90 MB and 0.7 s, which a Pod of the operator does without: it reads its own account |
| Young garbage | with V8's default of 16 MB for the young generation a burst took half as much memory again; the chart says 4 MB |

So the API server limits a burst, and what counts is how few writes go before the Pods, and that no other goes between them:

- Three writes make a Pod: the finalizer (which proves that the Recording is what the cache says), the volume, the Pod. Its name is known beforehand, and making it again does no harm.
- What needs a recorder, or wants something of one, has priority; what is only to be told comes after, with one turn in ten while both wait ([runtime/workqueue.ts](../operator/src/runtime/workqueue.ts)).
- A status that only tells ("waits for a node", "finishes its files") waits 3 s, and mostly the next thing has happened by then ([recording/untold.ts](../operator/src/recording/untold.ts)). A stop is told to the recorder first, whose Pod remembers it.
- The operator's own writes do not make it look again.
- Events tell what went otherwise than planned, and the end.
`
}

function manyAtOnce({ n, jobs, floor, ...ours }: OperatorRun): string[][] {
  const times = timesOf(ours.createToPodMs, jobs.createToPodMs)
  return [
    [
      ...[String(n), 'operator', ms(ours.createToPodMs.p50), ms(ours.createToPodMs.p99), times],
      ...[`${ours.cpuMsEach.toFixed(2)} ms`, `${ours.serverCpuMsEach.toFixed(2)} ms`],
      ...[ours.writesEach.toFixed(1), `${ours.memoryMB} MB`],
    ],
    ...(floor === undefined ? [] : [floorRow(n, floor, jobs)]),
    [
      ...[String(n), 'Job controller', ms(jobs.createToPodMs.p50), ms(jobs.createToPodMs.p99), ''],
      ...[`${jobs.cpuMsEach.toFixed(2)} ms`, `${jobs.serverCpuMsEach.toFixed(2)} ms`, '', `${jobs.memoryMB} MB`],
    ],
  ]
}

function floorRow(n: number, { createToPodMs, ...floor }: Floor, jobs: OperatorRun['jobs']): string[] {
  const times = timesOf(createToPodMs, jobs.createToPodMs)
  return [
    ...[String(n), 'the same writes alone', ms(createToPodMs.p50), ms(createToPodMs.p99), times],
    ...[`${floor.cpuMsEach.toFixed(2)} ms`, `${floor.serverCpuMsEach.toFixed(2)} ms`, '', ''],
  ]
}

const timesOf = (ours: Quantiles, others: Quantiles) => (ours.p99 / others.p99).toFixed(1)

function floorOf(runs: readonly OperatorRun[]): string {
  const measured = runs.flatMap(({ n, createToPodMs, floor }) =>
    floor === undefined ? [] : `${timesOf(createToPodMs, floor.createToPodMs)} times at ${n}`,
  )
  if (measured.length === 0) return ''
  return `The floor is what the same writes take alone, by a client that decides nothing; the operator's p99 is of that ${measured.join(', ')}. What sets it is
the API server's CPU on cores that all share: a Recording with its rules, its finalizer, a volume and a Pod of the full restricted profile, where a Job
is one small object and one small Pod.

`
}

function waited(runs: readonly OperatorRun[]): string {
  const measured = runs.flatMap(({ n, ofThem }) =>
    ofThem === undefined
      ? []
      : `at ${n} ${ofThem.beforeStarted.toFixed(1)} statuses and ${(ofThem.events - 1).toFixed(1)} Events`,
  )
  if (measured.length === 0) return ''
  return `Of the writes a life, ${measured.join(', ')} tell of a Recording whose Pod does not run yet or runs at last: no Pod is played before all are made, so that
all but the last wait for longer than the 3 s after which that is told. A Recording whose Pod runs sooner has none of these.
`
}

function resync({ resync }: OperatorResults): string {
  const often = 'Every ten minutes (`resyncSeconds`) everything is listed and looked at again, as a net under the watches.'
  if (resync === undefined) return `${often} What that asks of the API server: not measured.`
  const { n, kinds, fromCache, cpuMs, serverCpuMs, everySeconds } = resync
  const requests = kinds.reduce((total, kind) => total + kind.requests, 0)
  const isAll = fromCache >= requests
  const where = isAll ? 'all of them from its watch cache' : `${fromCache} of them from its watch cache, and the others from etcd`
  return `${often} With ${n} Recordings, each with a Pod and a volume:

${table(
  ['kind', 'requests', 'with'],
  kinds.map(({ resource, requests, parameters }) => [resource, String(requests), parameters]),
)}

The API server answered the ${requests} requests, ${where} (\`apiserver_cache_list_total\`). In the ${everySeconds} s in which that happened the operator took ${ms(cpuMs)} of CPU, and API server and etcd ${ms(serverCpuMs)}, watches and leases included.`
}

function unreachable({ unreachable }: OperatorResults): string {
  if (unreachable === undefined) return ''
  const { n, share, phasesEach, reached, unreached, ratios } = unreachable
  const row = (what: string, name: keyof Measures, unit: (value: number) => string) => [
    what,
    unit(reached[name]),
    unit(unreached[name]),
    ratios[name].toFixed(2),
  ]
  return `
With ${n} Recordings, medians of ${phasesEach} phases in which all recorders answer and of as many in which 1 in ${Math.round(1 / share)} does not, by turns (aim: at most ${goals.timesWhileUnreachable} times):

${table(
  ['', 'all answer', 'some do not', 'times'],
  [
    row('stop to recorder told, one at a time', 'stopToToldMs', ms),
    row('create to Pod, one at a time', 'createToPodMs', ms),
    row('CPU of the operator in 15 s in which nobody wants anything', 'idleCpuMs', ms),
    row('its requests to the API server in that time', 'idleRequests', String),
  ],
)}
`
}

function churn({ churn }: OperatorResults): string {
  if (churn === null) return ''
  const { lives, minutes, memoryMB } = churn
  return `\nWhile ${lives} Recordings came and went in ${minutes} min, 50 at a time, the operator took ${memoryMB.early} MB early on and ${memoryMB.late} MB in the end.\n`
}

/** A row of the table, where it was measured. */
function finished({ finished }: OperatorResults): string {
  if (finished === undefined) return ''
  const { n, kilobytesEach, wholeKilobytesEach } = finished
  const megabytes = Math.round((60_000 * kilobytesEach) / 1000)
  const size = `${kilobytesEach.toFixed(1)} KB instead of ${wholeKilobytesEach.toFixed(1)} KB`
  return `| A finished Recording in the cache | ${size}: only who it was and how it ended is kept, so 60,000 take ${megabytes} MB (measured with ${n}) |\n`
}

function lives({ applyToStartedMs, applyToStartedParts, stopToSucceededMs, rounds }: OperatorResults): string {
  if (applyToStartedMs === null || applyToStartedParts === null || stopToSucceededMs === null) return 'Not measured.'
  const parts = Object.entries(startParts) as [keyof typeof startParts, string][]
  const { podReady = 0, ...measured } = applyToStartedParts
  const millis = { ...measured, startedTold: podReady + measured.startedTold }
  return `On the sandbox's cluster, warm, medians of ${rounds} lives: from apply to Started **${ms(applyToStartedMs)}** (aim ${ms(goals.applyToStartedMs)}).

${table(
  ['part', 'median'],
  parts.map(([name, words]) => [words, ms(millis[name])]),
)}

From the stop to Succeeded (aim ${ms(goals.stopToSucceededMs)}): by a patch **${ms(stopToSucceededMs.patch)}**, by RemoveUser **${ms(stopToSucceededMs.removeUser)}**, by DismissRoom **${ms(stopToSucceededMs.dismissRoom)}**.

What sets these is Kubernetes' own pace, which no operator can hurry ([ADR 51](adr/0051-the-kubelets-second.md)):

- The scheduler binds a volume of a class that waits for its first consumer (as most do), and looks whether that is done after one second, and not before.
- The kubelet looks at its containers once a second. That one runs, has an address, or has ended is told only then, on average half a second late; being in the room and being
  ready need no kubelet, since the recorder itself is asked.
- So a start takes the scheduler's second, the making of the container up to the kubelet's next look, and what is left of the recorder's own way into the room; a stop takes the
  finishing of the files up to the kubelet's next look.`
}

const ms = (millis: number) => (millis >= 1000 ? `${(millis / 1000).toFixed(1)} s` : `${Math.round(millis)} ms`)

const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

export const writeOperatorReport = (results: OperatorResults): void => writeFileSync(docs, operatorReport(results))

/** Whether the page is what the figures say. */
export const isOperatorReportFresh = (): boolean => readFileSync(docs, 'utf8') === operatorReport(readOperatorResults())

if (process.argv[1] === import.meta.filename) writeOperatorReport(readOperatorResults())
