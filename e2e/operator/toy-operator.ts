import type { KubeClient } from '../../kube/src/index.ts'
import { createCaches } from '../../operator/src/caches.ts'
import type { EventNote } from '../../operator/src/kube/events.ts'
import { type RecordingConfig, recordingController } from '../../operator/src/recording/controller.ts'
import { podOptionsSchema, restricted } from '../../operator/src/recording/pod-options.ts'
import { createLog } from '../../operator/src/telemetry/log.ts'
import { createMetrics } from '../../operator/src/telemetry/metrics.ts'

/** The operator's caches and recording controller on a client of the test's choice, in this process. */
export interface RunningOperator {
  events: { name: string; event: EventNote }[]
  stop(): Promise<void>
}

export async function runOperator(
  client: KubeClient,
  namespace?: string,
  limits: Pick<RecordingConfig, 'recordingsPerNamespace' | 'recordingsPerCluster'> = {},
): Promise<RunningOperator> {
  const log = createLog('error', { write: (line: string) => process.env.SHOW_LOG && process.stderr.write(line) })
  const metrics = createMetrics()
  const namespaces = namespace === undefined ? [] : [namespace]
  const caches = createCaches({ client, namespaces, resyncMillis: 600_000, log, metrics })
  const events: RunningOperator['events'] = []
  const controller = recordingController({
    client,
    caches,
    events: { record: ({ metadata }, event) => events.push({ name: metadata.name, event }), flush: async () => {} },
    config: {
      workers: 10,
      ...limits,
      recorderImage: 'registry.example/recorder:1',
      recorderImagePullPolicy: 'IfNotPresent',
      recorderImagePullSecrets: [],
      recorderResources: { requests: { cpu: '100m' } },
      recorderServiceAccount: 'default',
      recorderChromiumArgs: '',
      recorderPod: podOptionsSchema.parse(restricted),
    },
    log,
    metrics,
    get: () => Promise.reject(new Error('Pods have no network here')),
  })
  const stop = new AbortController()
  const running = caches.run(stop.signal)
  await caches.synced
  await caches.catchUp(stop.signal)
  controller.start()
  return {
    events,
    async stop() {
      stop.abort()
      await controller.stop(2000)
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

/** `replace recordings/status math`, roughly: enough for a person to see what was written. */
function describe([resource, object, third]: unknown[]): string {
  const { plural } = resource as { plural: string }
  const { metadata, name } = object as { metadata?: { name?: string }; name?: string }
  return `${plural} ${metadata?.name ?? name} ${JSON.stringify(third ?? '').slice(0, 200)}`
}
