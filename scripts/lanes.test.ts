import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { integrationLanes } from './lanes.ts'

const root = resolve(import.meta.dirname, '..')

test('every integration test is run once', () => {
  const found = globSync('**/*.integration.test.ts', { cwd: root, exclude: ['**/node_modules'] })
  const run = integrationLanes().flatMap(({ files }) => files)
  expect(run.toSorted()).toEqual(found.toSorted())
  for (const { files } of integrationLanes()) expect(files.length).toBeGreaterThan(0)
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
