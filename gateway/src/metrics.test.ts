import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { createMetrics } from './metrics.ts'

test('docs/gateway.md names every metric of ours with its labels, and none that there is not', async () => {
  const { registry } = createMetrics()
  const names = (await registry.getMetricsAsJSON()).map(({ name }) => name).filter((name) => name.startsWith('trtc_'))
  const labelsOf = (name: string) => (registry.getSingleMetric(name) as unknown as { labelNames: string[] }).labelNames
  const docs = await readFile(new URL('../../docs/gateway.md', import.meta.url), 'utf8')
  const rows = [...docs.matchAll(/^\| `(trtc_recorder_gateway_\w+)(?:\{([\w,]+)\})?` /gm)]
  const named = rows.map(([, name, labels]) => [name, labels?.split(',') ?? []])
  expect(named.toSorted()).toEqual(names.map((name) => [name, labelsOf(name)]).toSorted())
})
