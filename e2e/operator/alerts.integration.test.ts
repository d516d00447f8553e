import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { createMetrics } from '../../operator/src/telemetry/metrics.ts'
import { ensureBinaries } from '../../sandbox/src/cluster/binaries.ts'
import { Helm, ofKind, settingsOf } from './chart.ts'

/**
 * The rules of the chart, loaded and evaluated by Prometheus' own engine over what an operator's own registry exports in the course of two hours: a metric
 * that is called otherwise fires nothing.
 */

/** Scraped, and judged, once a minute. */
const endMinute = 110
/** From when on something is the matter. */
const beginMinute = 30

type Labels = Record<string, string>
interface Series {
  labels: Labels
  values: [second: number, value: number][]
}

/** An operator's process that is well, as its metrics tell: `tick` is what happens within a minute. */
class Process {
  readonly metrics = createMetrics()
  readonly controller = this.metrics.controller('recordings')
  readonly reflector = this.metrics.reflector('pods')
  readonly claims = { held: 1, other: 0, unguarded: 0 }
  unread = 0
  unknown = 0
  lagSeconds = 0.01

  constructor() {
    this.metrics.unread(() => this.unread)
    this.metrics.progressUnknown(() => this.unknown)
    this.metrics.claims(() => this.claims)
  }

  tick(minute: number): void {
    const { changes } = this.metrics
    for (let time = 0; time < 20; time += 1) this.controller.observer.reconciled?.('success', 0.05)
    for (let time = 0; time < 20; time += 1) this.controller.queue.waited?.(0.02)
    this.reflector.restarted?.('expired')
    changes.started(1.5)
    changes.attemptEnded('Completed')
    changes.finished('succeeded', 1000, 0.5)
    this.metrics.callbackDelivery('delivered')
    // Now and then something goes wrong, and is made good.
    if (minute % 20 !== 0) return
    this.controller.observer.reconciled?.('error', 0.1)
    this.reflector.restarted?.('cut')
    changes.attemptEnded('RoomLost')
    this.metrics.callbackDelivery('refused')
  }

  /** Name, labels and value of all that is exported. */
  async scrape(): Promise<{ name: string; labels: Labels; value: number }[]> {
    const metrics = await this.metrics.registry.getMetricsAsJSON()
    const samples = metrics.flatMap(({ name: family, values }) =>
      (values as { value: number; labels: Record<string, string | number>; metricName?: string }[]).map((one) => ({
        name: one.metricName ?? family,
        value: one.value,
        labels: Object.fromEntries(Object.entries(one.labels).map(([name, value]) => [name, String(value)])),
      })),
    )
    const lag = samples.find(({ name }) => name === 'nodejs_eventloop_lag_p99_seconds')
    // That of this process is the test's.
    lag!.value = this.lagSeconds
    return samples
  }
}

interface Incident {
  what: string
  /** What is the matter, each minute from `beginMinute` on. */
  befalls?(operator: Process, minute: number): unknown
  /** The same of its replicas, and of the Lease. */
  isLed?: boolean
  isThere?: boolean
  /** What fires, with its labels; nothing else may. */
  fires: [alert: string, labels: Labels][]
}

const repeat = (times: number, action: () => void) => {
  for (let time = 0; time < times; time += 1) action()
}

const nothing: Incident = { what: 'nothing', fires: [] }

/** A row for each alert at least; what its paragraph in docs/operations.md is about. */
const incidents: Incident[] = [
  { what: 'nobody holds the Lease', isLed: false, fires: [['TrtcRecorderDown', {}]] },
  { what: 'no Pod of the operator is left', isThere: false, fires: [['TrtcRecorderDown', {}]] },
  {
    what: 'a namespace of watchNamespaces does not exist',
    befalls: (operator) => Object.assign(operator, { unread: 1 }),
    fires: [['TrtcRecorderNamespacesUnread', {}]],
  },
  {
    what: 'another release serves a namespace',
    befalls: ({ claims }) => Object.assign(claims, { other: 1 }),
    fires: [['TrtcRecorderServedByAnother', {}]],
  },
  {
    what: 'Leases may not be made',
    befalls: ({ claims }) => Object.assign(claims, { held: 0, unguarded: 1 }),
    fires: [['TrtcRecorderUnguarded', {}]],
  },
  {
    what: 'the API server refuses again and again',
    befalls: ({ controller }) => repeat(12, () => controller.observer.reconciled?.('error', 0.1)),
    fires: [['TrtcRecorderReconcileErrors', { controller: 'recordings' }]],
  },
  {
    what: 'there is more to do than workers do',
    befalls: ({ controller }) => repeat(5, () => controller.queue.waited?.(60)),
    fires: [['TrtcRecorderQueueSlow', { name: 'recordings' }]],
  },
  {
    what: 'of recordings something is missing',
    befalls: ({ metrics }, minute) => minute === beginMinute && metrics.changes.finished('failed', 0, 1),
    fires: [['TrtcRecorderRecordingsFailing', { result: 'failed' }]],
  },
  {
    what: 'recorders take long into the room',
    befalls: ({ metrics }) => metrics.changes.started(200),
    fires: [['TrtcRecorderStartsSlow', {}]],
  },
  {
    what: 'attempts end in one way',
    befalls: ({ metrics }) => metrics.changes.attemptEnded('OOMKilled'),
    fires: [['TrtcRecorderAttemptsFailing', { reason: 'OOMKilled' }]],
  },
  {
    what: 'a receiver takes no result',
    befalls: ({ metrics }, minute) => minute === beginMinute && metrics.callbackDelivery('given_up'),
    fires: [['TrtcRecorderCallbacksGivenUp', { outcome: 'given_up' }]],
  },
  {
    what: 'watches do not hold',
    befalls: ({ reflector }) => repeat(6, () => reflector.restarted?.('failed')),
    fires: [['TrtcRecorderWatchesRestart', { resource: 'pods' }]],
  },
  {
    what: 'watches that are quiet are begun anew',
    befalls: ({ reflector }) => repeat(6, () => reflector.restarted?.('silent')),
    fires: [],
  },
  {
    what: 'the process has more to do than a core can',
    befalls: (operator) => Object.assign(operator, { lagSeconds: 2 }),
    fires: [['TrtcRecorderEventLoopSlow', { pod: 'demo-0' }]],
  },
  {
    what: 'recorders cannot be asked',
    befalls: (operator) => Object.assign(operator, { unknown: 3 }),
    fires: [['TrtcRecorderProgressUnknown', {}]],
  },
]

interface Target {
  namespace: string
  container: string
  lease: string
}

/** What Prometheus has after it: of two replicas, and of another controller that has the same metrics and is not well at all. */
async function story({ befalls, isLed = true, isThere = true }: Incident, target: Target, names: RegExp): Promise<Series[]> {
  const [operator, standby, other] = [new Process(), new Process(), new Process()]
  const { namespace, container, lease } = target
  const processes = [
    { process: operator, labels: { namespace, container, pod: 'demo-0' } },
    { process: standby, labels: { namespace, container, pod: 'demo-1' } },
    { process: other, labels: { namespace: 'elsewhere', container: 'controller', pod: 'other-0' } },
  ]
  const series = new Map<string, Series>()
  for (let minute = 0; minute <= endMinute; minute += 1) {
    const isBefallen = minute >= beginMinute
    operator.metrics.leading(lease, isLed || !isBefallen)
    standby.metrics.leading(lease, false)
    other.metrics.leading('other', true)
    operator.tick(minute)
    other.controller.observer.reconciled?.('error', 1)
    other.controller.queue.waited?.(100)
    other.lagSeconds = 5
    if (isBefallen) befalls?.(operator, minute)
    for (const { process, labels: target } of processes) {
      if (process !== other && isBefallen && !isThere) continue
      for (const { name, labels, value } of await process.scrape()) {
        if (!names.test(name) || (process === other && name.startsWith('trtc_'))) continue
        const all = { __name__: name, ...target, ...labels }
        const key = JSON.stringify(all)
        if (!series.has(key)) series.set(key, { labels: all, values: [] })
        series.get(key)!.values.push([minute * 60, value])
      }
    }
  }
  return [...series.values()]
}

describe('the alerts of the chart', () => {
  let alerts: string[]
  let verdicts: { alert: string; labels: Labels }[][]
  beforeAll(async () => {
    const [helm, { promql }] = [await Helm.open(), await ensureBinaries(['promql'])]
    const manifests = await helm.renderValues({ metrics: { prometheusRule: { enabled: true } } })
    await helm.close()
    const { spec } = (ofKind(manifests, 'PrometheusRule') as unknown as { spec: { groups: { rules: Rule[] }[] } }[])[0]!
    const rules = spec.groups.flatMap((group) => group.rules)
    alerts = rules.map(({ alert }) => alert)
    const deployment = ofKind(manifests, 'Deployment')[0]!
    const { containers } = deployment.spec!.template.spec
    const target = {
      namespace: deployment.metadata.namespace,
      container: containers[0]!.name!,
      lease: settingsOf({ containers }).leaseName,
    }
    const names = new RegExp(`^(${rules.flatMap(({ expr }) => expr.match(/[a-z]+_\w+/g) ?? []).join('|')})$`)
    const scenarios = []
    for (const incident of [nothing, ...incidents])
      scenarios.push({ endSeconds: endMinute * 60, series: await story(incident, target, names) })
    const child = spawn(promql, { stdio: ['pipe', 'pipe', 'inherit'] })
    child.stdin.end(JSON.stringify({ rules: stringify(spec), stepSeconds: 60, scenarios }))
    const [said] = await Promise.all([text(child.stdout), once(child, 'close')])
    verdicts = JSON.parse(said)
  }, 300_000)

  test('are each of them judged', () => {
    const judged = incidents.flatMap(({ fires }) => fires.map(([alert]) => alert))
    expect([...new Set(judged)].toSorted()).toEqual(alerts.toSorted())
  })

  test.each([nothing, ...incidents].map((incident, index) => ({ ...incident, index })))(
    'say what is the matter, and nothing else, where it is that $what',
    ({ index, fires }) => {
      expect(verdicts[index]).toMatchObject(fires.map(([alert, labels]) => ({ alert, labels })))
      expect(verdicts[index]).toHaveLength(fires.length)
    },
  )
})

interface Rule {
  alert: string
  expr: string
}
