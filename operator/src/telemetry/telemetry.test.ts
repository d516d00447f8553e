import { readFile } from 'node:fs/promises'
import type { Recording } from '@trtc-recorder/api'
import { describe, expect, it } from 'vitest'
import { Controller } from '../runtime/controller.ts'
import { createHealthServer, createMetricsServer, Health } from './health.ts'
import { createLog } from './log.ts'
import { createMetrics } from './metrics.ts'
import { countStates } from './recording-states.ts'

describe('metrics', () => {
  it('have the names that dashboards for controller-runtime look for', async () => {
    const metrics = createMetrics()
    const hooks = metrics.controller('recording')
    const controller = new Controller({
      name: 'recording',
      log: createLog('error', { write() {} }),
      workers: 4,
      queue: { observer: hooks.queue },
      observer: hooks.observer,
      reconcile: async (key) => {
        if (key === 'bad') throw new Error('refused')
        return undefined
      },
    })
    hooks.watchQueue(controller.queue)
    controller.start()
    controller.enqueue('bad')
    await controller.stop(1000)
    metrics.request({ method: 'GET', code: '200', host: 'api', date: undefined, seconds: 0.1 })
    metrics.leading('lease', true)
    metrics.reflector('pods').restarted?.('expired')
    metrics.callbackDelivery('delivered')
    metrics.clipFinished('NotExact')
    metrics.unread(() => 0)
    metrics.progressUnknown(() => 3)
    metrics.changes.started(1.2)
    metrics.changes.attemptEnded('OOMKilled')
    metrics.changes.finished('succeeded', 1000, 0.4)
    metrics.recordings(() => ({ pending: 2, recording: 1 }))

    const text = await metrics.registry.metrics()
    for (const line of [
      'controller_runtime_reconcile_total{controller="recording",result="error"} 1',
      'controller_runtime_reconcile_total{controller="recording",result="success"} 0',
      'controller_runtime_reconcile_errors_total{controller="recording"} 1',
      'controller_runtime_terminal_reconcile_errors_total{controller="recording"} 0',
      'controller_runtime_reconcile_timeouts_total{controller="recording"} 0',
      'controller_runtime_reconcile_time_seconds_count{controller="recording"} 1',
      'controller_runtime_max_concurrent_reconciles{controller="recording"} 4',
      'controller_runtime_active_workers{controller="recording"} 0',
      'workqueue_adds_total{name="recording",controller="recording"} 1',
      'workqueue_retries_total{name="recording",controller="recording"} 1',
      'workqueue_depth{name="recording",controller="recording"} 0',
      'workqueue_unfinished_work_seconds{name="recording",controller="recording"} 0',
      'workqueue_longest_running_processor_seconds{name="recording",controller="recording"} 0',
      'rest_client_requests_total{code="200",method="GET",host="api"} 1',
      'leader_election_master_status{name="lease"} 1',
      'trtc_recorder_watch_restarts_total{resource="pods",cause="expired"} 1',
      'trtc_recorder_callback_deliveries_total{outcome="delivered"} 1',
      'trtc_recorder_clips_finished_total{reason="NotExact"} 1',
      'trtc_recorder_recordings{state="pending"} 2',
      'trtc_recorder_namespaces_unread 0',
      'trtc_recorder_progress_unknown 3',
      'trtc_recorder_apply_to_recording_seconds_sum 1.2',
      'trtc_recorder_stop_to_stored_seconds_sum 0.4',
      'trtc_recorder_attempts_total{reason="OOMKilled"} 1',
      'trtc_recorder_recordings_finished_total{result="succeeded"} 1',
      'trtc_recorder_recordings_finished_total{result="failed"} 0',
      'trtc_recorder_stored_bytes_total 1000',
    ]) {
      expect(text).toContain(`${line}\n`)
    }
    expect(text).toContain('workqueue_queue_duration_seconds_count')
    expect(text).toContain('workqueue_work_duration_seconds_count')
    expect(text).toContain('nodejs_eventloop_lag_seconds')
  })

  it('that an alert waits for an increase of are there from the beginning: of a series that begins with 1 nothing has increased', async () => {
    const alerts = await readFile(new URL('../../../charts/trtc-recorder/files/alerts.yaml', import.meta.url), 'utf8')
    const asked = [...alerts.matchAll(/increase\((\w+)\{(\w+="[^"]*")\}/g)].map(([, name, label]) => `${name}{${label}} 0`)
    expect(asked.length).toBeGreaterThan(1)
    const text = await createMetrics().registry.metrics()
    for (const line of asked) expect(text).toContain(line)
  })

  it('are served', async () => {
    const server = createMetricsServer(createMetrics())
    const answer = await server.inject('/metrics')
    expect(answer.statusCode).toBe(200)
    expect(answer.headers['content-type']).toContain('text/plain')
    expect(answer.body).toContain('process_cpu_seconds_total')
    await server.close()
  })
})

describe('health', () => {
  it('says what is wrong, each probe for itself', async () => {
    const health = new Health()
    let synced = false
    health.ready('cache of pods', () => (synced ? undefined : 'not synced yet'))
    // One of another namespace, under the same name.
    health.ready('cache of pods', () => undefined)
    health.live('reflector of pods', () => undefined)
    const server = createHealthServer(health)
    const probe = async (path: string) => {
      const { statusCode, body } = await server.inject(path)
      return `${statusCode} ${body}`
    }
    expect(await probe('/healthz')).toBe('200 ok\n')
    expect(await probe('/readyz')).toBe('503 cache of pods: not synced yet\n')
    synced = true
    expect(await probe('/readyz')).toBe('200 ok\n')
    health.live('leader election', () => 'nothing happened for 61 s')
    expect(await probe('/healthz')).toBe('503 leader election: nothing happened for 61 s\n')
    await server.close()
  })
})

describe('the log', () => {
  it('is one JSON object a line, with a level a person can read', () => {
    const lines: string[] = []
    createLog('info', { write: (line) => void lines.push(line) }).info({ recording: 'math' }, 'Callback delivered')
    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'info', msg: 'Callback delivered', recording: 'math' })
  })
})

describe('countStates', () => {
  it('gives every Recording one state, also before its first condition', () => {
    const recording = (...conditions: [string, string, string][]) =>
      ({ status: { conditions: conditions.map(([type, status, reason]) => ({ type, status, reason })) } }) as unknown as Recording
    const counts = countStates([
      recording(),
      recording(['Succeeded', 'Unknown', 'Pending']),
      recording(['Succeeded', 'Unknown', 'Recording'], ['Started', 'True', 'Entered']),
      recording(['Succeeded', 'Unknown', 'Finishing'], ['Started', 'True', 'Entered']),
      recording(['Succeeded', 'True', 'Completed'], ['Started', 'True', 'Entered']),
      recording(['Succeeded', 'False', 'RoomRefused']),
    ])
    expect(counts).toEqual({ pending: 2, queued: 0, recording: 1, finishing: 1, succeeded: 1, failed: 1 })
  })
})

/** The metrics of a process, each with its labels. */
async function metricsAndLabels(): Promise<Map<string, readonly string[]>> {
  const metrics = createMetrics()
  metrics.recordings(() => ({ pending: 1 }))
  metrics.unread(() => 0)
  metrics.progressUnknown(() => 0)
  metrics.claims(() => ({ held: 1 }))
  const names = (await metrics.registry.getMetricsAsJSON()).map(({ name }) => name)
  const labelsOf = (name: string) => (metrics.registry.getSingleMetric(name) as unknown as { labelNames: string[] }).labelNames
  return new Map(names.map((name) => [name, labelsOf(name)]))
}
const textOf = (path: string) => readFile(new URL(`../../../${path}`, import.meta.url), 'utf8')

describe('docs/operations.md', () => {
  it('names every metric of ours with its labels, and none that there is not', async () => {
    const ours = [...(await metricsAndLabels())].filter(([name]) => name.startsWith('trtc_'))
    const rows = [...(await textOf('docs/operations.md')).matchAll(/^\| `(trtc_recorder_\w+)(?:\{([\w,]+)\})?` /gm)]
    const named = rows.map(([, name, labels]) => [name, labels?.split(',') ?? []])
    expect(named.toSorted()).toEqual(ours.toSorted())
  })
})

describe('alerts and dashboard', () => {
  it('ask for metrics and labels that there are, and of those that others have, too, for the operator’s own', async () => {
    const known = await metricsAndLabels()
    const files = ['alerts.yaml', 'dashboard.json'].map((name) => textOf(`charts/trtc-recorder/files/${name}`))
    const text = (await Promise.all(files)).join('\n').replaceAll('\\"', '"')
    const expressions = [...text.matchAll(/(?:^ +expr: |"expr": ")(.*)$/gm)].map(([, expression = '']) => expression)
    const wrong: string[] = []
    let asked = 0
    for (const expression of expressions) {
      const labels = ['le', 'pod']
      for (const [selector, name = '', matchers = ''] of expression.matchAll(/\b([a-z]+_\w+)(?:\{([^}]*)\})?/g)) {
        if (/^(histogram_quantile)$/.test(name)) continue
        asked += 1
        const metric = known.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '')
        const own = known.get(metric)
        if (own === undefined) wrong.push(`${name}: there is no such metric`)
        labels.push(...(own ?? []))
        const matched = [...matchers.matchAll(/(\w+)(?==|!)/g)].map(([label]) => label)
        if (matched.some((label) => !own?.includes(label))) wrong.push(`${selector}: there is no such label`)
        if (!name.startsWith('trtc_recorder_') && !matchers.includes('$operator')) wrong.push(`${selector}: whose?`)
      }
      const by = [...expression.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(', '))
      wrong.push(...by.filter((label) => !labels.includes(label)).map((label) => `by (${label}) in ${expression}`))
    }
    expect(wrong).toEqual([])
    expect(expressions.length).toBeGreaterThan(25)
    expect(asked).toBeGreaterThan(25)
  })

  it('have a paragraph each', async () => {
    const alerts = [...(await textOf('charts/trtc-recorder/files/alerts.yaml')).matchAll(/^ {2}(\w+):$/gm)].map(
      ([, name]) => name,
    )
    const paragraphs = [...(await textOf('docs/operations.md')).matchAll(/^### (TrtcRecorder\w+)$/gm)].map(([, name]) => name)
    expect(paragraphs.toSorted()).toEqual(alerts.toSorted())
  })
})
