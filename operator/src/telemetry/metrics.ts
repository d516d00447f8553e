import type { ClipReason } from '@trtc-recorder/api'
import type { RequestObserver } from '@trtc-recorder/kube'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { ControllerObserver } from '../runtime/controller.ts'
import type { ReflectorObserver } from '../runtime/reflector.ts'
import type { QueueObserver, WorkQueue } from '../runtime/workqueue.ts'
import type { RecordingCounters } from './recording-metrics.ts'

/** The one place where a metric gets its name. No name of an object is ever a label. */
export interface Metrics {
  readonly registry: Registry
  /** For a Controller. `queue` is asked at each scrape for what is being worked on. */
  controller(name: string): { observer: ControllerObserver; queue: QueueObserver; watchQueue(queue: WorkQueue): void }
  reflector(resource: string): ReflectorObserver
  readonly request: RequestObserver
  leading(lease: string, leading: boolean): void
  /** `state` → number, asked at each scrape. */
  recordings(states: () => Record<string, number>): void
  readonly changes: RecordingCounters
  /** How many namespaces could not be read yet, asked at each scrape. */
  unread(count: () => number): void
  /** Recorders in the room of which it is not known how they are doing, asked at each scrape. */
  progressUnknown(count: () => number): void
  /** `state` → number of claims to namespaces, asked at each scrape. */
  claims(states: () => Record<string, number>): void
  callbackDelivery(outcome: CallbackOutcome): void
  clipFinished(reason: ClipReason): void
  /** An Event that nobody will see. */
  eventLost(): void
}

/** What one try to deliver a callback came to. */
export const callbackOutcomes = ['delivered', 'refused', 'unreachable', 'unsigned', 'unusable', 'given_up'] as const
export type CallbackOutcome = (typeof callbackOutcomes)[number]

/** controller-runtime's buckets, so that its dashboards fit. */
const reconcileBuckets = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2, 2.5, 3,
  3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
]
const queueBuckets = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100, 1000]

export function createMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  // Brings nodejs_eventloop_lag_seconds and its percentiles, memory, CPU and garbage collection.
  collectDefaultMetrics({ register: registry })

  const counter = (name: string, help: string, labelNames: string[]) => new Counter({ name, help, labelNames, registers })
  const gauge = (name: string, help: string, labelNames: string[]) => new Gauge({ name, help, labelNames, registers })
  const histogram = (name: string, help: string, labelNames: string[], buckets: number[]) =>
    new Histogram({ name, help, labelNames, buckets, registers })

  const reconciles = counter('controller_runtime_reconcile_total', 'Reconciles by result.', ['controller', 'result'])
  const reconcileErrors = counter('controller_runtime_reconcile_errors_total', 'Reconciles that failed.', ['controller'])
  const terminalErrors = counter(
    'controller_runtime_terminal_reconcile_errors_total',
    'Reconciles that failed and are not tried again.',
    ['controller'],
  )
  const timeouts = counter('controller_runtime_reconcile_timeouts_total', 'Reconciles that took too long.', ['controller'])
  const reconcileSeconds = histogram(
    'controller_runtime_reconcile_time_seconds',
    'Length of a reconcile.',
    ['controller'],
    reconcileBuckets,
  )
  const maxWorkers = gauge('controller_runtime_max_concurrent_reconciles', 'Reconciles that may run at once.', ['controller'])
  const activeWorkers = gauge('controller_runtime_active_workers', 'Reconciles running now.', ['controller'])

  const queueLabels = ['name', 'controller']
  const depth = gauge('workqueue_depth', 'Keys waiting.', queueLabels)
  const adds = counter('workqueue_adds_total', 'Keys added.', queueLabels)
  const retries = counter('workqueue_retries_total', 'Keys added again after a failure.', queueLabels)
  const queueSeconds = histogram('workqueue_queue_duration_seconds', 'Time from add to start.', queueLabels, queueBuckets)
  const workSeconds = histogram('workqueue_work_duration_seconds', 'Time from start to end.', queueLabels, queueBuckets)
  const unfinished = gauge('workqueue_unfinished_work_seconds', 'Sum of the ages of what is being worked on.', queueLabels)
  const longest = gauge('workqueue_longest_running_processor_seconds', 'Greatest age of what is being worked on.', queueLabels)

  const requests = counter('rest_client_requests_total', 'Requests to the API server.', ['code', 'method', 'host'])
  const requestSeconds = histogram(
    'rest_client_request_duration_seconds',
    'Time to the head of the API server’s answer.',
    ['verb', 'host'],
    [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60],
  )
  const leader = gauge('leader_election_master_status', '1 while this process leads.', ['name'])

  const lists = counter('trtc_recorder_cache_lists_total', 'Whole lists read, by resource.', ['resource'])
  const watchEvents = counter('trtc_recorder_watch_events_total', 'Events of watches, by type.', ['resource', 'type'])
  const restarts = counter(
    'trtc_recorder_watch_restarts_total',
    'Watches that ended otherwise than by the server’s time-out: expired, refused, missing, failed, cut, silent, resync.',
    ['resource', 'cause'],
  )
  const deliveries = counter(
    'trtc_recorder_callback_deliveries_total',
    'Tries to deliver a callback: delivered, refused (another answer than 2xx), unreachable, unsigned (no key), unusable (an address that cannot be called), given_up.',
    ['outcome'],
  )

  const histogramOf = (name: string, help: string, buckets: number[]) => histogram(name, help, [], buckets)
  const applyToRecording = histogramOf(
    'trtc_recorder_apply_to_recording_seconds',
    'From the creation of a Recording to its recorder being in the room.',
    [0.5, 1, 1.5, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600, 1800],
  )
  const stopToStored = histogramOf(
    'trtc_recorder_stop_to_stored_seconds',
    'From when it was known that a recording stops to everything being stored and the status saying so.',
    [0.25, 0.5, 0.75, 1, 2, 3, 5, 10, 30, 60, 300, 1800, 7200],
  )
  const attempts = counter('trtc_recorder_attempts_total', 'Attempts that ended, by how.', ['reason'])
  const finished = counter('trtc_recorder_recordings_finished_total', 'Recordings that are over: succeeded, failed.', ['result'])
  const storedBytes = counter('trtc_recorder_stored_bytes_total', 'Bytes of finished recordings that are verified in COS.', [])
  const lostEvents = counter('trtc_recorder_events_lost_total', 'Events that were dropped, or could not be written.', [])
  const clips = counter('trtc_recorder_clips_finished_total', 'Clips that are over, by the reason of Succeeded.', ['reason'])
  // Of a series that begins with 1 Prometheus sees no increase, and an alert on it would miss the first.
  for (const result of ['succeeded', 'failed']) finished.inc({ result }, 0)
  for (const outcome of callbackOutcomes) deliveries.inc({ outcome }, 0)
  for (const reason of ['Completed', 'NotExact', 'FilesFailed']) clips.inc({ reason }, 0)

  return {
    registry,

    changes: {
      started: (seconds) => applyToRecording.observe(seconds),
      attemptEnded: (reason) => attempts.inc({ reason }),
      finished(result, bytes, stopToStoredSeconds) {
        finished.inc({ result })
        storedBytes.inc(bytes)
        if (stopToStoredSeconds !== undefined) stopToStored.observe(stopToStoredSeconds)
      },
    },

    controller(name) {
      const labels = { controller: name }
      const queue = { name, controller: name }
      for (const result of ['success', 'error', 'requeue', 'requeue_after']) reconciles.inc({ ...labels, result }, 0)
      for (const each of [reconcileErrors, terminalErrors, timeouts]) each.inc(labels, 0)
      return {
        observer: {
          workers: (count) => maxWorkers.set(labels, count),
          active: (count) => activeWorkers.set(labels, count),
          reconciled(outcome, seconds) {
            reconciles.inc({ ...labels, result: outcome })
            reconcileSeconds.observe(labels, seconds)
            if (outcome === 'error') reconcileErrors.inc(labels)
          },
          failedForGood: () => terminalErrors.inc(labels),
          timedOut: () => timeouts.inc(labels),
        },
        queue: {
          added: () => adds.inc(queue),
          retried: () => retries.inc(queue),
          depth: (value) => depth.set(queue, value),
          waited: (seconds) => queueSeconds.observe(queue, seconds),
          worked: (seconds) => workSeconds.observe(queue, seconds),
        },
        watchQueue(watched) {
          const ages = () => [...watched.working.values()].map((since) => (performance.now() - since) / 1000)
          onScrape(unfinished, () =>
            unfinished.set(
              queue,
              ages().reduce((sum, age) => sum + age, 0),
            ),
          )
          onScrape(longest, () => longest.set(queue, Math.max(0, ...ages())))
        },
      }
    },

    reflector: (resource) => ({
      listed: () => lists.inc({ resource }),
      restarted: (cause) => restarts.inc({ resource, cause }),
      event: (type) => watchEvents.inc({ resource, type }),
    }),

    request({ method, code, host, seconds }) {
      requests.inc({ code, method, host })
      requestSeconds.observe({ verb: method, host }, seconds)
    },

    leading: (name, leading) => leader.set({ name }, leading ? 1 : 0),

    recordings(states) {
      const recordings = gauge('trtc_recorder_recordings', 'Recordings by state.', ['state'])
      onScrape(recordings, () => {
        recordings.reset()
        for (const [state, count] of Object.entries(states())) recordings.set({ state }, count)
      })
    },

    unread(count) {
      const unread = gauge('trtc_recorder_namespaces_unread', 'Namespaces that could not be read yet, and so are not served.', [])
      onScrape(unread, () => unread.set(count()))
    },

    progressUnknown(count) {
      const unknown = gauge('trtc_recorder_progress_unknown', 'Recorders in the room that do not say how they are doing.', [])
      onScrape(unknown, () => unknown.set(count()))
    },

    claims(states) {
      const claims = gauge(
        'trtc_recorder_claims',
        'Claims to namespaces, and to the cluster: held, other (by another release, so that they are left alone), unguarded (served without one).',
        ['state'],
      )
      onScrape(claims, () => {
        for (const [state, count] of Object.entries(states())) claims.set({ state }, count)
      })
    },

    callbackDelivery: (outcome) => deliveries.inc({ outcome }),

    clipFinished: (reason) => clips.inc({ reason }),

    eventLost: () => lostEvents.inc(),
  }
}

/** Adds to what a gauge does when it is scraped. */
function onScrape(gauge: Gauge, collect: () => void): void {
  const before = (gauge as { collect?: () => void }).collect
  ;(gauge as { collect?: () => void }).collect = () => {
    before?.()
    collect()
  }
}
