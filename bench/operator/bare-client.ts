/**
 * The least that a Pod of a Recording takes: for each Recording that a watch tells of, the writes that the operator does before the Pod, with the same
 * bodies, by the same client, as many at once, and nothing else: no decision, no other watch, no status. A process of its own, with the environment of an
 * operator.
 */
import { type Recording, recordingFinalizer } from '../../api/src/index.ts'
import { clusterAccess, createKubeClient, resources } from '../../kube/src/index.ts'
import { parseConfig } from '../../operator/src/config.ts'
import { listWatch } from '../../operator/src/kube/list-watch.ts'
import { podConfig } from '../../operator/src/recording/controller.ts'
import { volumeName } from '../../operator/src/recording/names.ts'
import { recorderPod } from '../../operator/src/recording/pod.ts'
import { volumeClaim } from '../../operator/src/recording/pvc.ts'
import { Reflector } from '../../operator/src/runtime/reflector.ts'
import { Store } from '../../operator/src/runtime/store.ts'
import { createLog } from '../../operator/src/telemetry/log.ts'

const config = parseConfig(process.env)
const pod = podConfig(config, { allow: [], deny: [], apiServer: [], allowPrivate: true })
const client = createKubeClient(await clusterAccess(process.env, config.serviceAccountDirectory))
const store = new Store<Recording>()
const waiting: Recording[] = []
let idle = config.workers

store.subscribe(({ type, object }) => {
  if (type !== 'added') return
  waiting.push(object)
  if (idle > 0) void work()
})
const source = listWatch(client, resources.recordings)
await new Reflector({ name: 'recordings', source, store, log: createLog('error', process.stderr) }).run(
  new AbortController().signal,
)

async function work(): Promise<void> {
  idle -= 1
  for (let recording = waiting.shift(); recording !== undefined; recording = waiting.shift()) await makePod(recording)
  idle += 1
}

async function makePod({ metadata: { namespace, name, resourceVersion } }: Recording): Promise<void> {
  const body = { metadata: { resourceVersion, finalizers: [recordingFinalizer] } }
  const held = await client.patch(resources.recordings, { namespace, name }, { type: 'merge', body })
  const volume = volumeName(name, 1)
  await client.create(resources.persistentVolumeClaims, volumeClaim(held, volume, pod.options))
  await client.create(resources.pods, recorderPod(held, { attempt: 1, uploadOnly: false, volume, isBesideOthers: false }, pod))
}
