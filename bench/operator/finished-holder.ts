/**
 * `node --expose-gc finished-holder.ts abridged|whole NAMESPACE NAMESPACE`: reads the Recordings of the first namespace as the operator does, then those of
 * the second, and prints by how many bytes the second reading grew what is held.
 */
import type { Recording } from '../../api/src/index.ts'
import { clusterAccess, createKubeClient, resources } from '../../kube/src/index.ts'
import { abridgedRecording, withoutBallast } from '../../operator/src/abridged.ts'
import { recordingIndexers } from '../../operator/src/caches.ts'
import { listWatch } from '../../operator/src/kube/list-watch.ts'
import { Reflector } from '../../operator/src/runtime/reflector.ts'
import { Store } from '../../operator/src/runtime/store.ts'
import { createLog } from '../../operator/src/telemetry/log.ts'

const [, , what, ...namespaces] = process.argv
const trim: (recording: Recording) => Recording = what === 'abridged' ? abridgedRecording : withoutBallast
const log = createLog('warn', { write: (line: string) => void process.stderr.write(line) })
const access = await clusterAccess(process.env, process.env.TRTC_RECORDER_SERVICE_ACCOUNT_DIRECTORY!)
const client = createKubeClient(access)
const store = new Store<Recording, keyof typeof recordingIndexers>({
  indexers: recordingIndexers,
  trim,
  onHandlerError: (error) => log.error({ err: error }, 'Handler of a cache failed'),
})
const stop = new AbortController()
const held: number[] = []
for (const namespace of namespaces) {
  const source = listWatch(client, resources.recordings, { namespace })
  const reflector = new Reflector({ name: 'recordings', source, store, namespace, log, trim })
  void reflector.run(stop.signal)
  await reflector.synced
  // What a request leaves is gone after some turns of the loop.
  for (let round = 0; round < 3; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    globalThis.gc!()
  }
  held.push(process.memoryUsage().heapUsed)
}
process.stdout.write(`${held[1]! - held[0]!}\n`)
process.exit(0)
