import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Manifest,
  manifestSchema,
  type RecordedFile,
  type Recording,
  type RecordingClip,
  type RecordingClipSpec,
} from '@trtc-recorder/api'
import type { RoomName } from '../../sandbox/src/room/index.ts'
import { checkFile, type Expectation, expectationOfSent, type Finding, type Measures, readMedia } from '../media/index.ts'
import { apply, clipsPath, getJson, kubectl, recordingsPath, waitFor, waitForCondition } from './kubectl.ts'
import type { World } from './world.ts'

export interface Pod {
  metadata: { name: string; uid: string; deletionTimestamp?: string }
  spec: { nodeName?: string }
  status?: { phase?: string }
}

/** Finished and told: nothing more is going to happen to it. */
const isSettled = (recording: Recording | undefined) =>
  recording?.status?.completionTime !== undefined && recording.status.callback?.state !== 'Pending'

/** A Recording in the cluster, from the outside: kubectl, the room and COS. */
export class AppliedRecording {
  readonly namespace: string
  readonly name: string
  readonly #room: RoomName
  readonly #userId: string
  readonly #world: World

  constructor(namespace: string, name: string, room: RoomName, userId: string, world: World) {
    this.namespace = namespace
    this.name = name
    this.#room = room
    this.#userId = userId
    this.#world = world
  }

  get = () => getJson<Recording>('recording', this.name, '--namespace', this.namespace)

  /** Waits until a condition has a status and a reason. */
  is(
    type: Parameters<typeof waitForCondition>[2],
    status: 'True' | 'False' | 'Unknown',
    reason?: string,
    timeoutSeconds = 120,
  ): Promise<Recording> {
    return waitForCondition(this.namespace, this.name, type, status, { ...(reason ? { reason } : {}), timeoutSeconds })
  }

  async until(what: string, isGood: (recording: Recording) => boolean, timeoutSeconds = 120): Promise<Recording> {
    const good = (recording: Recording | undefined) => recording !== undefined && isGood(recording)
    return (await waitFor<Recording>(recordingsPath(this.namespace), this.name, what, good, timeoutSeconds))!
  }

  /** Waits until the operator knows that it records, and the recorder gets what the anchors send. */
  async inRoom(): Promise<void> {
    await Promise.all([
      this.is('Succeeded', 'Unknown', 'Recording'),
      this.#world.room.waitFor({ room: this.#room, event: 'subscribed', userId: this.#userId, timeoutSeconds: 120 }),
    ])
  }

  settled = (timeoutSeconds = 120): Promise<Recording> => this.until('over, and told', isSettled, timeoutSeconds)

  gone = (timeoutSeconds = 120) =>
    waitFor<Recording>(recordingsPath(this.namespace), this.name, 'gone', (recording) => recording === undefined, timeoutSeconds)

  stop = () => this.kubectl('patch', 'recording', this.name, '--type', 'merge', '-p', '{"spec":{"desiredState":"Stopped"}}')

  delete = () => this.kubectl('delete', 'recording', this.name, '--wait=false')

  async pods(): Promise<Pod[]> {
    const { items } = await getJson<{ items: Pod[] }>('pods', '--namespace', this.namespace, '--selector', this.selector)
    return items
  }

  /** Everything in the namespace that belongs to it, itself included; Events are a record, not a remainder. */
  async remains(): Promise<string[]> {
    const owned = await this.kubectl('get', 'pods,persistentvolumeclaims,configmaps', '--selector', this.selector, '-o', 'name')
    const itself = await this.kubectl('get', 'recordings', '--field-selector', `metadata.name=${this.name}`, '-o', 'name')
    return `${owned}\n${itself}`.split('\n').filter((line) => line !== '')
  }

  get selector(): string {
    return `trtc-recorder.dev/recording=${this.name}`
  }

  /** Keys and sizes of what it has in COS. */
  objects = (recording: Recording) => this.#world.cos.objects(recording.spec.cos.bucket, `${this.namespace}/${this.name}/`)

  manifest = async (recording: Recording): Promise<Manifest> => (await this.manifests(recording))[0]!

  /** One for each volume that something was recorded on. */
  manifests({ spec, status }: Recording): Promise<Manifest[]> {
    return Promise.all(
      [status!.manifestUrl!, ...(status!.moreManifestUrls ?? [])].map(async (url) => {
        const key = decodeURIComponent(new URL(url).pathname.slice(1))
        return manifestSchema.parse(JSON.parse(String(await this.#world.cos.fetch(spec.cos.bucket, key))))
      }),
    )
  }

  /** Cuts a clip of it, waits until that is over, and gives it. */
  async clip(name: string, spec: Omit<Partial<RecordingClipSpec>, 'recordingRef'>): Promise<RecordingClip> {
    const kinds = { apiVersion: 'trtc-recorder.dev/v1alpha1', kind: 'RecordingClip' }
    const metadata = { namespace: this.namespace, name }
    await apply({ ...kinds, metadata, spec: { recordingRef: { name: this.name }, ...spec } })
    const isOver = (clip: RecordingClip | undefined) => clip?.status?.completionTime !== undefined
    return (await waitFor<RecordingClip>(clipsPath(this.namespace), name, 'over', isOver))!
  }

  /** Fetches a file back from COS and compares it, picture by picture, with what its user sent. */
  async check(
    { spec }: Recording,
    file: Pick<RecordedFile, 'userId' | 'stream' | 'path' | 'startTime' | 'durationSeconds'>,
    expected: Partial<Expectation> = {},
  ): Promise<{ findings: Finding[]; measures: Measures }> {
    const directory = await mkdtemp(join(tmpdir(), 'trtc-recorder-e2e-'))
    try {
      const path = join(directory, file.path.split('/').at(-1)!)
      await writeFile(path, await this.#world.cos.fetch(spec.cos.bucket, file.path))
      const sent = await this.#world.room.sent({ room: this.#room, userId: file.userId })
      return checkFile(await readMedia(path), {
        ...expectationOfSent(sent, file),
        userId: file.userId,
        stream: file.stream,
        mode: spec.mode,
        startTime: new Date(file.startTime),
        durationSeconds: { atLeast: file.durationSeconds - 0.5, atMost: file.durationSeconds + 0.5 },
        ...expected,
      })
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }

  /** Soon after then, when one of a user's pictures has just begun: it is the first that a clip shows. */
  async nextPicture(userId: string, millis: number): Promise<Date> {
    const sent = await this.#world.room.sent({ room: this.#room, userId, track: 'video' })
    const { epochMillis, intervalMillis } = sent.findLast((span) => span.epochMillis <= millis)!
    return new Date(Math.round(epochMillis + Math.ceil((millis - epochMillis) / intervalMillis) * intervalMillis) + 15)
  }

  kubectl = (...args: string[]) => kubectl('--namespace', this.namespace, ...args)
}

/** Whose files it has, in the order of their start. */
export const whose = ({ status }: Recording) => (status?.files ?? []).map(({ userId }) => userId)

export const fileOf = ({ status }: Recording, userId: string) => status!.files!.find((file) => file.userId === userId)!
