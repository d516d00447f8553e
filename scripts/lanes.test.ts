import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { type Lane, plan } from './lanes.ts'

const root = resolve(import.meta.dirname, '..')

const { steps, beside } = plan(['unit', 'integration', 'e2e'])
const lanes = steps.flat()
const filesOf = (some: readonly Lane[]) => some.flatMap(({ files }) => files)

test.each([
  ['integration', ['integration']],
  ['e2e', ['e2e']],
  ['integration', ['unit', 'integration', 'e2e']],
  ['e2e', ['unit', 'integration', 'e2e']],
] as const)('every %s test is run once of %j', (kind, projects) => {
  const found = globSync(`**/*.${kind}.test.ts`, { cwd: root, exclude: ['**/node_modules'] })
  const { steps, beside } = plan(projects)
  const all = [...steps.flat(), ...beside].filter(({ project }) => project === kind)
  expect(filesOf(all).toSorted()).toEqual(found.toSorted())
  for (const { files } of all) expect(files.length).toBeGreaterThan(0)
})

/** Those of the files that import something like it. */
const importing = (files: readonly string[], what: RegExp) =>
  files.filter((file) => what.test(readFileSync(join(root, file), 'utf8')))

test('what runs while Kubernetes is built needs nothing of it', () => {
  const runsIt = /from '[^']*(\/cluster\/|\/images\/|\/api-server\.ts|\/chart\.ts)/
  const [early, late] = [false, true].map((needsBuild) => filesOf(lanes.filter((lane) => lane.needsBuild === needsBuild)))
  expect(importing(early!, runsIt)).toEqual([])
  expect(importing(late!, runsIt)).toContain('e2e/operator/crd.integration.test.ts')
})

test('what plays in real time has the lowest priority nowhere', () => {
  const plays = /from '([^']*(\/chromium|\/recorder\/world|\/chromium-playback|\.\/world)\.ts|puppeteer-core)'/
  expect(importing(filesOf(beside), plays)).toEqual([])
  expect(importing(filesOf(lanes), plays)).toContain('e2e/recorder/recording.integration.test.ts')
})

test('no more than two files that may play in real time run at a time', () => {
  const atATime = steps.map((step) => step.reduce((sum, { filesAtATime }) => sum + filesAtATime, 0))
  for (const [at, step] of steps.entries())
    if (step.some(({ project, files }) => project !== 'unit' && !files.some((file) => file.startsWith('e2e/operator/'))))
      expect(atATime[at]).toBeLessThanOrEqual(2)
})

test('what changes the operator or COS for all runs beside no other end-to-end test', () => {
  const changes = /installOperator|'helm', \['(upgrade|uninstall)|(kill|replace)Operator|outage\(|clearFaults\(\)|'drain'/
  const ofCluster = steps.map((step) => step.filter(({ project }) => project === 'e2e'))
  const isAlone = (step: readonly Lane[]) => step.reduce((sum, { filesAtATime }) => sum + filesAtATime, 0) === 1
  const [alone, together] = [true, false].map((alone) => filesOf(ofCluster.filter((step) => isAlone(step) === alone).flat()))
  expect(importing(together!, changes)).toEqual([])
  expect(importing(alone!, changes)).toContain('e2e/system/helm.e2e.test.ts')
})
