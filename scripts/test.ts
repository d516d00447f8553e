/**
 * `node scripts/test.ts unit integration e2e`: runs those vitest projects one after the other and ends with one line that sums them up,
 * `N passed, N failed`, after the name and first line of each failure. Exit code 0 only if nothing failed. A sandbox that the tests have started is ended.
 *
 * What plays in real time, in a browser or on the cluster, is tried once more where it failed, and named with what it failed of: it passed, and is to be
 * looked into. `vitest run` and the soaks try nothing twice.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'

interface VitestReport {
  numPassedTests: number
  numFailedTests: number
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
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interrupted = true
  })
}

const projects = process.argv.slice(2)
const wasUp = projects.includes('e2e') && (await sandboxRuns())
let passed = 0
let failed = 0
const failures: string[] = []
/** Passed, but not at once. */
const unsteady: string[] = []
const inRealTime = ['integration', 'e2e']
for (const project of projects) {
  if (interrupted) break
  const started = performance.now()
  console.log(`\n=== ${project} tests`)
  const counts = await runProject(project)
  passed += counts.passed
  failed += counts.failed
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(`=== ${project} tests: ${counts.passed} passed, ${counts.failed} failed (${seconds} s)`)
}
if (projects.includes('e2e') && !wasUp) await run(process.execPath, ['sandbox/src/main.ts', 'down'])
if (interrupted) process.exit(130)
for (const line of [...unsteady, ...failures]) console.log(line)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0

/** A file that could not be loaded and a vitest that crashed count as one failure each: they have no failed test to show. */
async function runProject(project: string): Promise<{ passed: number; failed: number }> {
  const report = join(reports, `${project}.json`)
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const options = ['--project', project, '--passWithNoTests', ...(inRealTime.includes(project) ? ['--retry=1'] : [])]
  const code = await run(join(root, 'node_modules/.bin/vitest'), ['run', ...options, ...reporters])
  let result: VitestReport
  try {
    result = JSON.parse(readFileSync(report, 'utf8')) as VitestReport
  } catch {
    return { passed: 0, failed: code === 0 ? 0 : 1 }
  }
  const unloaded = result.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length
  for (const { name, message, assertionResults } of result.testResults) {
    const file = relative(root, name)
    if (message !== '') failures.push(`failed: ${file}: ${firstLine(message)}`)
    for (const test of assertionResults) {
      const line = `${file}: ${test.fullName}: ${firstLine(test.failureMessages[0] ?? '')}`
      if (test.status === 'failed') failures.push(`failed: ${line}`)
      else if (test.failureMessages.length > 0) unsteady.push(`passed at the second try: ${line}`)
    }
  }
  const counted = result.numFailedTests + unloaded
  return { passed: result.numPassedTests, failed: counted === 0 && code !== 0 ? 1 : counted }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}

function run(command: string, args: readonly string[]): Promise<number> {
  const child = spawn(command, args, { cwd: root, stdio: 'inherit', env: { SEQUENCES: '10000', ...process.env } })
  return new Promise((resolve, reject) => child.once('error', reject).once('close', (code) => resolve(code ?? 1)))
}

/** Whether any part of the sandbox runs already: then it is somebody's, and stays. */
async function sandboxRuns(): Promise<boolean> {
  const { status } = await import('../sandbox/src/sandbox.ts')
  const { cluster, services } = await status()
  return cluster.state !== 'down' || Object.values(services).some(({ state }) => state === 'up')
}
