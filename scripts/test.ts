/**
 * `node scripts/test.ts unit integration e2e`: runs those vitest projects one after the other and ends with one line that sums them up,
 * `N passed, N failed`, after the name and first line of each failure. Exit code 0 only if nothing failed. A sandbox that the tests have started is ended.
 *
 * What the later tests need and a new machine does not have, Kubernetes and the images, is built meanwhile with the time that the tests before leave
 * (SCHED_IDLE). lanes.ts has which these are, which run some files at a time, which beside others, and which with the time that all others leave.
 *
 * Of what plays in real time, in a browser or on the cluster, a file in which a test failed is run once more as a whole, with what its tests share. What
 * passed only then is named with what it had failed of, and is to be looked into. `vitest run` and the soaks try nothing twice.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { type Lane, type Project, plan } from './lanes.ts'

interface VitestReport {
  numPassedTests: number
  testResults: {
    name: string
    status: string
    message: string
    assertionResults: { status: string; fullName: string; failureMessages: string[] }[]
  }[]
}

const root = resolve(import.meta.dirname, '..')
const reports = mkdtempSync(join(tmpdir(), 'trtc-recorder-test-'))
process.once('exit', () => rmSync(reports, { recursive: true, force: true }))
// The terminal gives Ctrl-C to the running command as well; what it was starting is ended by it, and this ends after it.
let interrupted = false
let builder: ChildProcess | undefined
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interrupted = true
    builder?.kill(signal)
  })
}

const projects = process.argv.slice(2) as Project[]
const wasUp = projects.includes('e2e') && (await sandboxRuns())
let runs = 0
let passed = 0
let failed = 0
const failures: string[] = []
/** Passed, but not at once. */
const unsteady: string[] = []
const inRealTime = ['integration', 'e2e']
/** More than these fail of one cause, which does not pass. */
const mostFilesAgain = 6
const building = projects.some((project) => inRealTime.includes(project)) ? build() : undefined
const firsts = new Map(projects.map((project) => [project, noOutcome()]))
const { steps, beside } = plan(projects)
let besideAll: Promise<unknown> | undefined
let sandbox: Promise<void> | undefined
for (const step of steps) {
  // Unit tests leave no time.
  if (step.every(({ project }) => project !== 'unit'))
    besideAll ??= Promise.resolve(building).then(() => Promise.all(beside.map((lane) => runLane(lane, 'beside'))))
  if (step.some(({ needsBuild }) => needsBuild)) await building
  if (interrupted) break
  if (step.some(({ project }) => project === 'e2e')) {
    sandbox ??= sandboxUp()
    await sandbox
  }
  await Promise.all(step.map((lane, at) => runLane(lane, at === 0 ? 'in front' : 'behind')))
}
await besideAll
// The last first: its sandbox is up.
for (const project of projects.toReversed()) {
  await onceMore(project, firsts.get(project)!)
  if (project === 'e2e' && !wasUp) await run(process.execPath, ['sandbox/src/main.ts', 'down'])
}
if (interrupted) process.exit(130)
for (const line of [...unsteady, ...failures]) console.log(line)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0

interface Failure {
  /** Of a file as a whole it is the file's name: it could not be loaded, or what its tests share failed. */
  test: string
  message: string
}

async function runLane(lane: Lane, where: Where): Promise<void> {
  if (interrupted) return
  const { project, files } = lane
  const started = performance.now()
  const what = `${project} tests${files.length === 0 ? '' : `, ${files.length} files`}${where === 'in front' ? '' : ', beside others'}`
  console.log(`\n=== ${what}`)
  const outcome = await runFiles(lane, where)
  add(outcome, firsts.get(project)!)
  console.log(`=== ${what}: ${((performance.now() - started) / 1000).toFixed(1)} s`)
}

/** A vitest that crashed counts as one failure: it has no failed test to show. */
async function onceMore(project: Project, first: Outcome): Promise<void> {
  const again = inRealTime.includes(project) ? [...new Set(first.failures.keys())] : []
  if (again.length === 0 || again.length > mostFilesAgain || interrupted) return tell(project, first)
  console.log(`\n=== ${project} tests once more, of the files in which one failed: ${again.join(', ')}`)
  const second = await runFiles({ project, files: again, filesAtATime: 1, needsBuild: true })
  for (const [file, failed] of first.failures) {
    const stillFailed = new Set(second.failures.get(file)?.map(({ test }) => test))
    for (const { test, message } of failed)
      if (!stillFailed.has(test)) unsteady.push(`passed at the second try: ${file}: ${test}: ${message}`)
  }
  const passedBefore = first.passed - again.reduce((sum, file) => sum + (first.passedOf.get(file) ?? 0), 0)
  tell(project, { ...second, passed: passedBefore + second.passed })
}

interface Outcome {
  passed: number
  passedOf: Map<string, number>
  /** By file, those in which anything failed. */
  failures: Map<string, Failure[]>
  /** vitest ended otherwise than its report says. */
  crashed: boolean
}

function noOutcome(): Outcome {
  return { passed: 0, passedOf: new Map(), failures: new Map(), crashed: false }
}

function tell(project: Project, outcome: Outcome): void {
  const all = [...outcome.failures].flatMap(([file, failed]) =>
    failed.map(({ test, message }) => `failed: ${file}: ${test}: ${message}`),
  )
  failures.push(...all)
  const notPassed = all.length === 0 && outcome.crashed ? 1 : all.length
  passed += outcome.passed
  failed += notPassed
  console.log(`=== ${project} tests: ${outcome.passed} passed, ${notPassed} failed`)
}

/** For all lanes once: each leaves up what was up before. What could not be started, the first of them tries once more, and says why not. */
async function sandboxUp(): Promise<void> {
  await run(process.execPath, ['sandbox/src/main.ts', 'up'])
}

/** Builds Kubernetes and the images where they are not yet. What could not be built, the tests that need it try once more, and say why not. */
function build(): Promise<number> {
  builder = start('chrt', ['--idle', '0', process.execPath, 'sandbox/src/main.ts', 'build'])
  return ended(builder)
}

function add(some: Outcome, all: Outcome): void {
  all.passed += some.passed
  for (const [file, count] of some.passedOf) all.passedOf.set(file, count)
  for (const [file, failed] of some.failures) all.failures.set(file, failed)
  all.crashed ||= some.crashed
}

/** `behind` and `beside` others what is printed is printed in the end, in one piece; `beside`, with the time that all others leave. */
type Where = 'in front' | 'behind' | 'beside'

async function runFiles({ project, files, filesAtATime, needsBuild }: Lane, where: Where = 'in front'): Promise<Outcome> {
  const report = join(reports, `${project}-${++runs}.json`)
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const vitest = join(root, 'node_modules/.bin/vitest')
  const args = ['run', '--project', project, '--passWithNoTests', ...reporters, ...files]
  const environment = {
    FILES_AT_A_TIME: String(filesAtATime),
    ...(needsBuild ? {} : { BUILT_MEANWHILE: 'yes' }),
    ...(where === 'beside' ? { LOWEST_PRIORITY: 'yes' } : {}),
  }
  const [command, ...rest] = where === 'beside' ? ['chrt', '--idle', '0', vitest, ...args] : [vitest, ...args]
  const code =
    where === 'in front'
      ? await ended(start(command!, rest, environment))
      : await endedInOnePiece(start(command!, rest, environment, 'pipe'))
  const outcome: Outcome = { passed: 0, passedOf: new Map(), failures: new Map(), crashed: code !== 0 }
  let result: VitestReport
  try {
    result = JSON.parse(readFileSync(report, 'utf8')) as VitestReport
  } catch {
    return outcome
  }
  outcome.passed = result.numPassedTests
  for (const { name, status, message, assertionResults } of result.testResults) {
    const file = relative(root, name)
    const failed = assertionResults
      .filter((test) => test.status === 'failed')
      .map((test) => ({ test: test.fullName, message: firstLine(test.failureMessages[0] ?? '') }))
    if (status === 'failed' && failed.length === 0) failed.push({ test: 'the file', message: firstLine(message) })
    if (failed.length > 0) outcome.failures.set(file, failed)
    outcome.passedOf.set(file, assertionResults.filter((test) => test.status === 'passed').length)
  }
  return outcome
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}

function run(command: string, args: readonly string[]): Promise<number> {
  return ended(start(command, args))
}

function start(
  command: string,
  args: readonly string[],
  more: NodeJS.ProcessEnv = {},
  output: 'inherit' | 'pipe' = 'inherit',
): ChildProcess {
  // Half of what a process of this project or a thread of its takes to start is to read its TypeScript, and tests start thousands.
  const compiled = join(root, 'node_modules/.cache/compiled')
  const env = { SEQUENCES: '10000', NODE_COMPILE_CACHE: compiled, ...process.env, ...more }
  return spawn(command, args, { cwd: root, stdio: ['inherit', output, output], env })
}

/** What it has printed is printed when it has ended, so that it does not stand between the lines of others. */
async function endedInOnePiece(child: ChildProcess): Promise<number> {
  const printed: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data: Buffer) => printed.push(data))
  const code = await ended(child)
  process.stdout.write(Buffer.concat(printed))
  return code
}

function ended(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => child.once('error', reject).once('close', (code) => resolve(code ?? 1)))
}

/** Whether any part of the sandbox runs already: then it is somebody's, and stays. */
async function sandboxRuns(): Promise<boolean> {
  const { status } = await import('../sandbox/src/sandbox.ts')
  const { cluster, services } = await status()
  return cluster.state !== 'down' || Object.values(services).some(({ state }) => state === 'up')
}
