import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { e2eLanes, integrationLanes } from './lanes.ts'

const root = resolve(import.meta.dirname, '..')

test.each([
  ['integration', integrationLanes],
  ['e2e', e2eLanes],
] as const)('every %s test is run once', (kind, lanes) => {
  const found = globSync(`**/*.${kind}.test.ts`, { cwd: root, exclude: ['**/node_modules'] })
  const run = lanes().flatMap(({ files }) => files)
  expect(run.toSorted()).toEqual(found.toSorted())
  for (const { files } of lanes()) expect(files.length).toBeGreaterThan(0)
})

/** Those of the files that import something like it. */
const importing = (files: readonly string[], what: RegExp) =>
  files.filter((file) => what.test(readFileSync(join(root, file), 'utf8')))

test('what runs while Kubernetes is built needs nothing of it', () => {
  const runsIt = /from '[^']*(\/cluster\/|\/images\/|\/api-server\.ts|\/chart\.ts)/
  const [beside, after] = [false, true].map((needsBuild) =>
    integrationLanes().flatMap((lane) => (lane.needsBuild === needsBuild ? lane.files : [])),
  )
  expect(importing(beside!, runsIt)).toEqual([])
  expect(importing(after!, runsIt)).toContain('e2e/operator/crd.integration.test.ts')
})

test('what plays in real time has the lowest priority nowhere', () => {
  const plays = /from '([^']*(\/chromium|\/recorder\/world|\/chromium-playback|\.\/world)\.ts|puppeteer-core)'/
  const [alone, beside] = [undefined, true].map((beside) =>
    integrationLanes().flatMap((lane) => (lane.beside === beside ? lane.files : [])),
  )
  expect(importing(beside!, plays)).toEqual([])
  expect(importing(alone!, plays)).toContain('e2e/recorder/recording.integration.test.ts')
})

test('what changes the operator or COS for all runs beside no other end-to-end test', () => {
  const changes = /installOperator|'helm', \['(upgrade|uninstall)|(kill|replace)Operator|outage\(|clearFaults\(\)|'drain'/
  const [alone, together] = [true, false].map((alone) =>
    e2eLanes().flatMap(({ filesAtATime, files }) => ((filesAtATime === 1) === alone ? files : [])),
  )
  expect(importing(together!, changes)).toEqual([])
  expect(importing(alone!, changes)).toContain('e2e/system/helm.e2e.test.ts')
})
