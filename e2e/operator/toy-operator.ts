import { ApiError, ConnectionError, type KubeClient } from '../../kube/src/index.ts'
import { createCaches } from '../../operator/src/caches.ts'
import { callbackController, toldRecordings } from '../../operator/src/callback/controller.ts'
import type { EventNote } from '../../operator/src/kube/events.ts'
import { createPriorityClasses } from '../../operator/src/priority-classes.ts'
import { createQuotas } from '../../operator/src/quotas.ts'
import { type RecordingConfig, recordingController } from '../../operator/src/recording/controller.ts'
import { podOptionsSchema, restricted } from '../../operator/src/recording/pod-options.ts'
import { createLog } from '../../operator/src/telemetry/log.ts'
import { createMetrics } from '../../operator/src/telemetry/metrics.ts'

/** The operator's caches and controllers on a client of the test's choice, in this process. It calls receivers on this machine. */
export interface RunningOperator {
  events: { name: string; event: EventNote }[]
  stop(): Promise<void>
}

export async function runOperator(
  client: KubeClient,
  namespace?: string,
  limits: Partial<Pick<RecordingConfig, 'recordingsPerNamespace' | 'recordingsPerCluster' | 'recorderPod'>> = {},
  // As the chart gives it the right to where something is limited.
  { readsPriorityClasses = true } = {},
): Promise<RunningOperator> {
  const log = createLog('error', { write: (line: string) => process.env.SHOW_LOG && process.stderr.write(line) })
  const metrics = createMetrics()
  const namespaces = namespace === undefined ? [] : [namespace]
  const caches = createCaches({ client, namespaces, resyncMillis: 600_000, log, metrics })
  const quotas = createQuotas({ client, namespaces, resyncMillis: 600_000, log })
  const priorities = createPriorityClasses({
    client: readsPriorityClasses ? client : undefined,
    ...{ given: {}, resyncMillis: 600_000, log },
  })
  const events: RunningOperator['events'] = []
  const controller = recordingController({
    receivers: { allow: [], deny: [], apiServer: [], allowPrivate: true },
    client,
    caches,
    events: { record: ({ metadata }, event) => events.push({ name: metadata.name, event }), flush: async () => {} },
    config: {
      workers: 10,
      recorderImage: 'registry.example/recorder:1',
      recorderImagePullPolicy: 'IfNotPresent',
      recorderImagePullSecrets: [],
      recorderResources: { requests: { cpu: '100m' } },
      recorderServiceAccount: 'default',
      recorderChromiumArgs: '',
      recorderPod: podOptionsSchema.parse(restricted),
      ...limits,
    },
    log,
    metrics,
    onRoom: quotas.onRoom,
    onPriorities: priorities.onChange,
    get: () => Promise.reject(new Error('Pods have no network here')),
  })
  const callbacks = callbackController(toldRecordings(caches.recordings), {
    client,
    events: { record() {}, flush: async () => {} },
    log,
    metrics,
    workers: 4,
    timeoutMillis: 1000,
    policy: { allow: ['127.0.0.0/8'], deny: [], apiServer: [], allowPrivate: true },
    limits: { giveUpMillis: 86_400_000, giveUpDeletedMillis: 600_000 },
  })
  const stop = new AbortController()
  const running = Promise.all([caches.run(stop.signal), quotas.run(stop.signal), priorities.run(stop.signal)])
  await caches.synced
  await caches.catchUp(stop.signal)
  controller.start()
  callbacks.start()
  return {
    events,
    async stop() {
      stop.abort()
      await Promise.all([controller.stop(2000), callbacks.stop(2000)])
      await running.catch(() => {})
    },
  }
}

/** A client that dies with its operator: at the n-th write, before or after the API server has carried it out. */
export function clientThatDies(client: KubeClient, atWrite: number, when: 'before' | 'after') {
  const writes: string[] = []
  let died: () => void = () => {}
  const death = new Promise<void>((resolve) => {
    died = resolve
  })
  let isDead = false
  const gone = () => new Promise<never>(() => {})
  const write =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (isDead) return gone()
      writes.push(describe(args))
      const isLast = writes.length === atWrite
      if (isLast && when === 'before') {
        isDead = true
        died()
        return gone()
      }
      const result = await call(...args)
      if (!isLast) return result
      isDead = true
      died()
      return gone()
    }
  const dying: KubeClient = {
    ...client,
    create: write(client.create.bind(client)) as KubeClient['create'],
    replace: write(client.replace.bind(client)) as KubeClient['replace'],
    patch: write(client.patch.bind(client)) as KubeClient['patch'],
    delete: write(client.delete.bind(client)),
  }
  return { client: dying, death, writes }
}

const wrongAnswers = [
  (what: string) => new ApiError(what, 409, { reason: 'Conflict' }),
  (what: string) => new ApiError(what, 429, { reason: 'TooManyRequests' }, 100),
  (what: string) => new ApiError(what, 500, { reason: 'InternalError', message: 'failed calling webhook' }),
  (what: string) => new ConnectionError(what),
  'lost, but done',
] as const

/** A client whose every other write is answered wrongly, in all the ways in which one can be, one after the other. */
export function clientThatFails(client: KubeClient): KubeClient {
  let writes = 0
  const write =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      writes += 1
      if (writes % 2 === 0) return call(...args)
      const how = wrongAnswers[((writes - 1) / 2) % wrongAnswers.length]!
      if (how !== 'lost, but done') throw how(describe(args))
      await call(...args)
      throw new ConnectionError(describe(args))
    }
  return {
    ...client,
    create: write(client.create.bind(client)) as KubeClient['create'],
    replace: write(client.replace.bind(client)) as KubeClient['replace'],
    patch: write(client.patch.bind(client)) as KubeClient['patch'],
    delete: write(client.delete.bind(client)),
  }
}

/** `replace recordings/status math`, roughly: enough for a person to see what was written. */
function describe([resource, object, third]: unknown[]): string {
  const { plural } = resource as { plural: string }
  const { metadata, name } = object as { metadata?: { name?: string }; name?: string }
  return `${plural} ${metadata?.name ?? name} ${JSON.stringify(third ?? '').slice(0, 200)}`
}
