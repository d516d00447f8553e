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
    metrics.request({ method: 'GET', code: '200', host: 'api', seconds: 0.1 })
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

describe('docs/operations.md', () => {
  it('names every metric of ours, and none that there is not', async () => {
    const metrics = createMetrics()
    metrics.recordings(() => ({ pending: 1 }))
    metrics.unread(() => 0)
    metrics.progressUnknown(() => 0)
    metrics.claims(() => ({ held: 1 }))
    const ours = (await metrics.registry.getMetricsAsJSON()).map(({ name }) => name).filter((name) => /^trtc_/.test(name))
    const docs = await readFile(new URL('../../../docs/operations.md', import.meta.url), 'utf8')
    const named = docs.match(/^\| `trtc_recorder_\w+/gm)?.map((row) => row.slice('| `'.length))
    expect(named?.toSorted()).toEqual(ours.toSorted())
  })
})

describe('alerts and dashboard', () => {
  it('ask for metrics that there are', async () => {
    const metrics = createMetrics()
    metrics.recordings(() => ({ pending: 1 }))
    metrics.unread(() => 0)
    metrics.progressUnknown(() => 0)
    metrics.claims(() => ({ held: 1 }))
    const known = new Set((await metrics.registry.getMetricsAsJSON()).map(({ name }) => name))
    const files = new URL('../../../charts/trtc-recorder/files/', import.meta.url)
    const text = (
      await Promise.all(['alerts.yaml', 'dashboard.json'].map((name) => readFile(new URL(name, files), 'utf8')))
    ).join('')
    const asked = new Set(
      text.match(/\b(trtc_recorder|controller_runtime|workqueue|rest_client|nodejs|process|leader_election)_\w+/g),
    )
    const base = (name: string) => (known.has(name) ? name : name.replace(/_(bucket|sum|count)$/, ''))
    expect([...asked].filter((name) => !known.has(base(name)))).toEqual([])
    expect(asked.size).toBeGreaterThan(10)
  })
})
