import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { KubeConfig } from '@kubernetes/client-node'
import type { Recording } from '@trtc-recorder/api'
import { apply, must } from '../../e2e/system/kubectl.ts'
import { installOperator, makeNamespace } from '../../e2e/system/operator.ts'
import { runningWorld, type World } from '../../e2e/system/world.ts'
import {
  createKubeClient,
  type KubeClient,
  type KubeObject,
  type New,
  type Pod,
  type Resource,
  resources,
} from '../../kube/src/index.ts'
import { findCondition } from '../../operator/src/recording/conditions.ts'
import { kubeconfigFile } from '../../sandbox/src/cluster/index.ts'
import { identities } from '../../sandbox/src/identities.ts'
import type { RoomName } from '../../sandbox/src/room/index.ts'
import { down, status, up } from '../../sandbox/src/sandbox.ts'
import { userSigFor } from '../../sandbox/src/user-sig.ts'
import { median } from '../statistics.ts'
import type { OperatorResults, StartParts } from './results.ts'

type Measured = Pick<OperatorResults, 'applyToStartedMs' | 'applyToStartedParts' | 'stopToSucceededMs' | 'rounds'>

const namespace = 'bench-operator'
const userId = 'recorder'
/** Between entering and stopping, so that there is something to finish. */
const recordedMillis = 3000
/** How often a kubelet looks at its containers. A life is begun and stopped at ever other moments of that, as people do it. */
const kubeletMillis = 1000
const timeoutMillis = 120_000

/** A way to stop → how. */
const stops = {
  patch: ({ client }: Stage, { name }: Life) =>
    client.patch(resources.recordings, { namespace, name }, { type: 'merge', body: { spec: { desiredState: 'Stopped' } } }),
  removeUser: ({ world }: Stage, { room }: Life) =>
    world.room.removeUser({ sdkAppId: room.sdkAppId, roomId: room.roomId!, userId }),
  dismissRoom: ({ world }: Stage, { room }: Life) => world.room.dismissRoom({ room }),
}
type Way = keyof typeof stops

interface Stage {
  world: World
  client: KubeClient
}

interface Life {
  name: string
  room: RoomName
}

/**
 * Single Recordings on the sandbox's cluster with the real operator and recorder, one after the other: from apply to Started, and from a stop to
 * Succeeded. Brings the sandbox up, and down again if it was not up.
 */
export async function measureLives(rounds: number, say: (text: string) => void): Promise<Measured> {
  const { cluster, services } = await status()
  const wasDown = [cluster, ...Object.values(services)].every(({ state }) => state === 'down')
  try {
    await up()
    const world = runningWorld()
    await installOperator(world)
    const config = new KubeConfig()
    config.loadFromFile(kubeconfigFile)
    const client = createKubeClient(config)
    try {
      return await play({ world, client }, rounds, say)
    } finally {
      await client.close()
    }
  } finally {
    if (wasDown) await down()
  }
}

async function play(stage: Stage, rounds: number, say: (text: string) => void): Promise<Measured> {
  await makeNamespace(namespace)
  const { secretId, secretKey } = identities.cos
  await apply(
    secret('recorder-sig', { userSig: userSigFor(identities.trtc, userId) }),
    secret('recordings-cos', { secretId, secretKey }),
  )
  const starts: StartParts[] = []
  const ends: Record<Way, number[]> = { patch: [], removeUser: [], dismissRoom: [] }
  try {
    await live(stage, 'warm', 'patch')
    for (let round = 0; round < rounds; round += 1) {
      for (const way of Object.keys(stops) as Way[]) {
        const { start, stopToSucceeded } = await live(stage, `${way.toLowerCase()}-${round}`, way)
        starts.push(start)
        ends[way].push(stopToSucceeded)
      }
    }
  } finally {
    await must('kubectl', ['delete', 'recordings', '--all', '--namespace', namespace, '--timeout', '60s'])
    await must('kubectl', ['delete', 'namespace', namespace, '--timeout', '60s'])
  }
  const part = (name: keyof StartParts) => Math.round(median(starts.map((start) => start[name] ?? 0)))
  const parts = Object.fromEntries(Object.keys(starts[0]!).map((name) => [name, part(name as keyof StartParts)]))
  const stopToSucceededMs = {
    patch: Math.round(median(ends.patch)),
    removeUser: Math.round(median(ends.removeUser)),
    dismissRoom: Math.round(median(ends.dismissRoom)),
  }
  const applyToStartedMs = Math.round(
    median(starts.map((start) => Object.values(start).reduce((sum, millis) => sum + millis, 0))),
  )
  say(`  apply to Started: ${applyToStartedMs} ms: ${JSON.stringify(parts)}`)
  say(`  stop to Succeeded: ${JSON.stringify(stopToSucceededMs)}`)
  return { applyToStartedMs, applyToStartedParts: parts as unknown as StartParts, stopToSucceededMs, rounds: starts.length }
}

async function live(stage: Stage, name: string, way: Way): Promise<{ start: StartParts; stopToSucceeded: number }> {
  const { world, client } = stage
  const room = { sdkAppId: identities.trtc.sdkAppId, roomId: randomInt(1_000_000, 4_000_000_000) }
  await world.room.publish({ room, userId: 'alice', audio: true })
  const pods = new Seen(client, resources.pods)
  const recordings = new Seen(client, resources.recordings)
  try {
    const pod = (isSo: (pod: Pod) => boolean) => pods.when((seen) => seen.metadata.name === `${name}-a1` && isSo(seen))
    const recording = (isSo: (recording: Recording) => boolean) =>
      recordings.when((seen) => seen.metadata.name === name && isSo(seen))
    const container = ({ status }: Pod) => status?.containerStatuses?.[0]
    const moments = Promise.all([
      pod(() => true),
      pod(({ spec }) => Boolean(spec?.nodeName)),
      pod((seen) => container(seen)?.state?.running !== undefined),
      world.room.waitFor({ room, event: 'joined', userId, timeoutSeconds: 120 }).then(() => performance.now()),
      recording(({ status }) => findCondition(status?.conditions, 'Started')?.status === 'True'),
    ])
    await Promise.all([pods.watching, recordings.watching])
    await sleep(Math.random() * kubeletMillis)
    const applied = performance.now()
    await client.create(resources.recordings, aRecording(world, name, room))
    const [made, scheduled, running, inRoom, told] = await moments
    await sleep(recordedMillis + Math.random() * kubeletMillis)

    const over = recording(({ status }) => findCondition(status?.conditions, 'Succeeded')?.status === 'True')
    const asked = performance.now()
    await stops[way](stage, { name, room })
    const stopToSucceeded = (await over) - asked
    const start = {
      podMade: made - applied,
      podScheduled: scheduled - made,
      containerRunning: running - scheduled,
      inRoom: inRoom - running,
      startedTold: told - inRoom,
    }
    return { start, stopToSucceeded }
  } finally {
    pods.stop()
    recordings.stop()
    if (way !== 'dismissRoom') await world.room.dismissRoom({ room })
  }
}

/** When objects of a kind became what one waits for, as a watch tells it. */
class Seen<T extends KubeObject> {
  /** Resolves when the watch stands. */
  readonly watching: Promise<void>
  readonly #waiting = new Set<(object: T) => void>()
  readonly #stop = new AbortController()

  constructor(client: KubeClient, resource: Resource<T>) {
    this.watching = client.list(resource, { namespace, limit: 1 }).then(({ metadata: { resourceVersion } }) => {
      void this.#watch(client, resource, resourceVersion)
    })
  }

  async #watch(client: KubeClient, resource: Resource<T>, resourceVersion: string): Promise<void> {
    const options = { namespace, resourceVersion, timeoutSeconds: 300, signal: this.#stop.signal }
    try {
      for await (const { type, object } of client.watch(resource, options)) {
        if (type !== 'BOOKMARK') for (const tell of this.#waiting) tell(object)
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error
    }
  }

  when(isSo: (object: T) => boolean): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('What was waited for did not come')), timeoutMillis)
      const tell = (object: T) => {
        if (!isSo(object)) return
        clearTimeout(timer)
        this.#waiting.delete(tell)
        resolve(performance.now())
      }
      this.#waiting.add(tell)
    })
  }

  stop(): void {
    this.#stop.abort()
  }
}

const secret = (name: string, stringData: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { namespace, name },
  stringData,
})

function aRecording(world: World, name: string, room: RoomName): New<Recording> {
  const { region, bucket } = identities.cos
  return {
    apiVersion: 'trtc-recorder.dev/v1alpha1',
    kind: 'Recording',
    metadata: { namespace, name },
    spec: {
      ...room,
      userId,
      userSigSecretRef: { name: 'recorder-sig' },
      mode: '00',
      cos: {
        ...{ region, bucket, path: `/${namespace}/${name}`, endpoint: world.cosEndpoint },
        credentialsSecretRef: { name: 'recordings-cos' },
      },
      networkProxy: { unifiedProxy: world.unifiedProxy },
    },
  } as unknown as New<Recording>
}
