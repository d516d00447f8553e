import { randomBytes, randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { test as base } from 'vitest'
import {
  type CallbackControl,
  callbackControl,
  type RunningCallbackSink,
  startCallbackSink,
} from '../../sandbox/src/callback/index.ts'
import { network } from '../../sandbox/src/cluster/addresses.ts'
import { identities } from '../../sandbox/src/identities.ts'
import type { RoomName, RoomState } from '../../sandbox/src/room/index.ts'
import { userSigFor } from '../../sandbox/src/user-sig.ts'
import { AppliedRecording } from './applied-recording.ts'
import { diagnosis } from './diagnosis.ts'
import { apply, kubectl, must } from './kubectl.ts'
import { makeNamespace, ofATest } from './operator.ts'
import { runningWorld, type World } from './world.ts'

/** Names of the Secrets that every namespace of a test has. */
export const secrets = { userSig: 'recorder-sig', cos: 'recordings-cos', signing: 'callback-signing' } as const
export const recorderUserId = 'recorder'

/**
 * A test on the sandbox's cluster. Its file has a namespace of its own, in which nothing may be left stuck at the end (setup.ts looks); it itself has a
 * room of its own, so that tests of a file can run at the same time. What became of its Recordings is printed if it fails.
 */
export const test = base.extend<{ namespace: string; scene: Scene }>({
  namespace: [
    // biome-ignore lint/correctness/noEmptyPattern: vitest reads from the pattern which fixtures this one needs.
    async ({}, use) => {
      const namespace = await newNamespace()
      await use(namespace)
      // Recordings first: what they still have to do needs the Secrets.
      await must('kubectl', ['delete', 'recordings', '--all', '--namespace', namespace, '--timeout', '120s'])
      // It takes some seconds, in which the next file can begin. That it has gone is looked at when all have ended.
      await kubectl('delete', 'namespace', namespace, '--wait=false')
    },
    { scope: 'file' },
  ],
  scene: async ({ namespace, task }, use) => {
    const scene = new Scene(namespace)
    await use(scene)
    if (task.result?.state === 'fail') console.error(await diagnosis(task.name, scene.recordings))
    await scene.close()
  },
})

/** A namespace with the Secrets that Recordings refer to. */
export async function newNamespace(): Promise<string> {
  const namespace = `e2e-${randomBytes(3).toString('hex')}`
  await makeNamespace(namespace, ofATest)
  const { secretId, secretKey } = identities.cos
  await apply(
    aSecret(namespace, secrets.userSig, { userSig: userSigFor(identities.trtc, recorderUserId) }),
    aSecret(namespace, secrets.cos, { secretId, secretKey }),
    aSecret(namespace, secrets.signing, { signingKey: identities.callback.signingKey }),
  )
  return namespace
}

export const aSecret = (namespace: string, name: string, stringData: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { namespace, name },
  stringData,
})

/** Lets media flow. Nothing but time makes a file longer. */
export const recordFor = (seconds: number) => sleep(seconds * 1000)

/** A number room that nobody has used before, in this run or another. */
const newRoom = (): RoomName => ({ sdkAppId: identities.trtc.sdkAppId, roomId: randomInt(1_000_000, 4_000_000_000) })

/** One room with its anchors, the Recordings of it, and who is told of them. */
export class Scene {
  readonly world: World = runningWorld()
  readonly namespace: string
  readonly room: RoomName
  readonly recordings: AppliedRecording[] = []
  readonly #sinks: RunningCallbackSink[] = []

  constructor(namespace: string, room: RoomName = newRoom()) {
    this.namespace = namespace
    this.room = room
  }

  /** Ends the room, and with it what still records it. */
  async close(): Promise<void> {
    await this.world.room.dismissRoom({ room: this.room }).catch((error: Error) => {
      if (!error.message.includes('there is no room')) throw error
    })
    await Promise.all(this.#sinks.map((sink) => sink.close()))
  }

  /** An anchor enters; sound only where nothing else is said. */
  publish(userId: string, tracks: { audio?: boolean; video?: boolean } = { audio: true }): Promise<void> {
    return this.world.room.publish({ room: this.room, userId, ...tracks })
  }

  setMuted = (userId: string, kind: 'audio' | 'video', muted: boolean) =>
    this.world.room.setMuted({ room: this.room, userId, kind, muted })

  leave = (userId: string) => this.world.room.leave({ room: this.room, userId })

  /** RemoveUser or RemoveUserByStrRoomId. */
  removeRecorder(userId: string = recorderUserId): Promise<void> {
    const { sdkAppId, roomId, strRoomId } = this.room
    return roomId === undefined
      ? this.world.room.removeUserByStrRoomId({ sdkAppId, roomId: strRoomId!, userId })
      : this.world.room.removeUser({ sdkAppId, roomId, userId })
  }

  state = (): Promise<RoomState> => this.world.room.state({ room: this.room })

  /** Notes whether a user enters the room from now on. */
  watchFor(userId: string = recorderUserId): { entered: boolean } {
    const seen = { entered: false }
    this.world.room.waitFor({ room: this.room, event: 'joined', userId, timeoutSeconds: 240 }).then(
      () => {
        seen.entered = true
      },
      () => {}, // it did not, which is what is asked
    )
    return seen
  }

  secret = (name: string, stringData: Record<string, string>) => apply(aSecret(this.namespace, name, stringData))

  /** The Secret with the UserSig of another recorder. */
  async recorder(userId: string): Promise<string> {
    const name = `sig-${userId}`
    await this.secret(name, { userSig: userSigFor(identities.trtc, userId) })
    return name
  }

  /** A receiver of callbacks of this test alone, which it can take down without taking it from others. */
  async sink(): Promise<CallbackControl & { url: string }> {
    const sink = await startCallbackSink({ address: network.host, port: 0 })
    this.#sinks.push(sink)
    return { ...callbackControl(sink.controlUrl), url: sink.url }
  }

  /** A Recording of this room as a user would write it: sound only where nothing else is said. */
  recording(name: string, spec: object = {}) {
    const { cos } = identities
    return {
      apiVersion: 'trtc-recorder.dev/v1alpha1',
      kind: 'Recording',
      metadata: { namespace: this.namespace, name },
      spec: {
        ...this.room,
        userId: recorderUserId,
        userSigSecretRef: { name: secrets.userSig },
        mode: '00',
        cos: this.cos(name, cos.bucket),
        limits: { startTimeoutSeconds: 90 },
        networkProxy: { unifiedProxy: this.world.unifiedProxy },
        ...spec,
      },
    }
  }

  cos(name: string, bucket: string = identities.cos.bucket) {
    const { region } = identities.cos
    const path = `/${this.namespace}/${name}`
    return { region, bucket, path, endpoint: this.world.cosEndpoint, credentialsSecretRef: { name: secrets.cos } }
  }

  /** `kubectl apply`. */
  async record(name: string, spec: object = {}): Promise<AppliedRecording> {
    const recording = this.recording(name, spec)
    const applied = new AppliedRecording(this.namespace, name, this.room, recording.spec.userId, this.world)
    this.recordings.push(applied)
    await apply(recording)
    return applied
  }

  /** The same, and waits until the recorder gets what the anchors send. */
  async recordFromNow(name: string, spec: object = {}): Promise<AppliedRecording> {
    const applied = await this.record(name, spec)
    await applied.inRoom()
    return applied
  }

  /** What kubectl prints about the namespace. */
  kubectl = (...args: string[]) => kubectl('--namespace', this.namespace, ...args)
}
