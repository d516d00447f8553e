import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import {
  type ClipRequest,
  type ClipRequests,
  type Control,
  type LiveEntry,
  type LivePartName,
  liveIndexObjectSchema,
  type Manifest,
  manifestSchema,
  type RecordedFile,
  recorderEnv,
} from '@trtc-recorder/api'
import { stringify } from 'yaml'
import { type ReadOgg, readOgg } from '../../recorder-image/src/live/slices/testing/read-ogg.ts'
import { type CosControl, cosControl, type RunningCos, startCos } from '../../sandbox/src/cos/index.ts'
import { identities } from '../../sandbox/src/identities.ts'
import { defaultClip } from '../../sandbox/src/room/clip.ts'
import { clipSources } from '../../sandbox/src/room/clip-source.ts'
import { cameraFiles } from '../../sandbox/src/room/clip-store.ts'
import {
  type ClipOptions,
  type LineQuality,
  type RoomControl,
  type RoomName,
  type RunningRoom,
  type SenderClockOptions,
  type SentSpan,
  startRoomServer,
} from '../../sandbox/src/room/index.ts'
import { type RealPublisher, startRealPublisher } from '../../sandbox/src/room/real-publisher.ts'
import { signUserSig } from '../../sandbox/src/user-sig.ts'
import { checkFile, type Expectation, type Finding, readMedia, type SentFrame } from '../media/index.ts'
import { RecorderProcess } from './recorder-process.ts'

const { trtc, cos: cosIdentity } = identities
export const recorderUserId = 'recorder'

/** Clips small enough for two shared processors. */
export const clip = { width: 640, height: 360, fps: 15, loopSeconds: 60 } as const

/** How long what a real publisher's camera sees goes on before it begins again. */
export const cameraSeconds = 5

export interface RecordOptions {
  /** Over the spec that every test shares. */
  spec?: Record<string, unknown>
  /** Recordings of one name in one world share a work directory: the second is the next attempt. */
  name?: string
  userSig?: string
  bucket?: string
  /** No UserSig and no keys for COS: the application's key, and the role of the node. */
  byRole?: boolean
  /** In place of this world's own work directory. */
  work?: string
  environment?: NodeJS.ProcessEnv
  /** More switches for its Chromium. */
  chromiumArgs?: string[]
  /** By way of the script that is the image's entry point; its process is that of the script. */
  asInImage?: boolean
}

/** `read`: what an Ogg Opus slice holds. */
export interface ReadSlice {
  entry: LiveEntry
  path: string
  read: ReadOgg
}

/** TRTC and COS in this process, and recorders as processes of their own. */
export class World {
  readonly cos: CosControl
  readonly #control: RoomControl
  readonly #running: { room: RunningRoom; cos: RunningCos }
  readonly #directory: string
  readonly #recorders: RecorderProcess[] = []
  readonly #published = new Set<string>()
  readonly #real: RealPublisher[] = []
  #roomId = 43474
  /** Whether the room is the one of this name instead of this number: two different rooms. */
  stringRoom = false
  #userSigs: string[] = []

  private constructor(directory: string, running: { room: RunningRoom; cos: RunningCos }) {
    this.#directory = directory
    this.#running = running
    this.#control = running.room.control
    this.cos = cosControl(running.cos.controlUrl)
  }

  static async start(): Promise<World> {
    const directory = await mkdtemp(join(tmpdir(), 'recorder-e2e-'))
    const [room, cos] = await Promise.all([
      startRoomServer({ stateDir: join(directory, 'room') }),
      startCos({ address: '127.0.0.1', port: 0, dir: join(directory, 'cos') }),
    ])
    return new World(directory, { room, cos })
  }

  /** Ends what a test left, and gives the next one a room, a bucket and a volume of its own. */
  async reset(): Promise<void> {
    await this.#endProcesses()
    this.#recorders.length = 0
    // A room that was dissolved is gone already.
    for (const userId of this.#published) await this.#control.leave({ room: this.#room, userId }).catch(() => {})
    this.#published.clear()
    this.#roomId += 1
    this.stringRoom = false
    await this.blockMedia(false)
    await this.cos.clearFaults()
    await this.cos.deleteBucket(cosIdentity.bucket)
    await this.cos.createBucket(cosIdentity.bucket)
    await rm(join(this.#directory, 'work'), { recursive: true, force: true })
    await rm(join(this.#directory, 'control'), { recursive: true, force: true })
  }

  /** What the recorders of this test said; for when it fails. */
  get output(): string {
    return this.#recorders.map(({ output }) => output).join('\n')
  }

  async close(): Promise<void> {
    await this.#endProcesses()
    await Promise.all([this.#running.room.close(), this.#running.cos.close()])
    await rm(this.#directory, { recursive: true, force: true })
  }

  async #endProcesses(): Promise<void> {
    for (const recorder of this.#recorders) recorder.kill('SIGKILL')
    await Promise.all(this.#recorders.map((recorder) => recorder.ended))
    await Promise.all(this.#real.splice(0).map((publisher) => publisher.kill()))
  }

  get #room(): RoomName {
    const { sdkAppId } = trtc
    return this.stringRoom ? { sdkAppId, strRoomId: String(this.#roomId) } : { sdkAppId, roomId: this.#roomId }
  }

  async publish(
    userId: string,
    tracks: { audio?: boolean; video?: boolean; aux?: boolean },
    other: ClipOptions = {},
    clock?: SenderClockOptions,
  ): Promise<void> {
    this.#published.add(userId)
    const options = { room: this.#room, userId, clip: { ...clip, ...other }, ...tracks }
    await this.#control.publish(clock === undefined ? options : { ...options, clock })
  }

  /** Enters a user with a Chromium, a camera and an encoder of their own. */
  async publishReally(userId: string, codec: 'h264' | 'vp8'): Promise<RealPublisher> {
    const camera = await cameraFiles({ userId, stream: 'main', width: 640, height: 480, loopSeconds: cameraSeconds })
    await this.#control.preferCodec({ room: this.#room, userId, codec })
    const { unifiedProxy, spki } = this.#running.room
    const publisher = await startRealPublisher({ room: this.#room, userId, unifiedProxy, spki, camera })
    this.#real.push(publisher)
    return publisher
  }

  /** RTP times of the frames that such a user has sent. */
  forwarded = (userId: string, track: 'audio' | 'video') => this.#control.forwarded({ room: this.#room, userId, track })

  mute(userId: string, kind: 'audio' | 'video', muted: boolean): Promise<void> {
    return this.#control.setMuted({ room: this.#room, userId, kind, muted })
  }

  async leave(userId: string): Promise<void> {
    this.#published.delete(userId)
    await this.#control.leave({ room: this.#room, userId })
  }

  removeRecorder = () => this.#control.removeUser({ sdkAppId: trtc.sdkAppId, roomId: this.#roomId, userId: recorderUserId })
  dismissRoom = () => this.#control.dismissRoom({ room: this.#room })
  dropSignalling = (code?: number) =>
    this.#control.dropSignalling({ room: this.#room, userId: recorderUserId, ...(code === undefined ? {} : { code }) })
  refuseReconnect = (refuse: boolean) => this.#control.refuseReconnect({ refuse })
  blockMedia = (blocked: boolean) => this.#control.blockMedia({ blocked })
  ignoreSubscriptions = (userId: string, times: number) => this.#control.ignoreSubscriptions({ room: this.#room, userId, times })
  /** The line of one publisher to the recorder. */
  worsenLine = (publisherId: string, quality: Partial<LineQuality>) =>
    this.#control.worsenLine({ room: this.#room, userId: recorderUserId, publisherId, ...quality })
  freezeLine = (publisherId: string, seconds: number) =>
    this.#control.freezeLine({ room: this.#room, userId: recorderUserId, publisherId, seconds })
  lose = (publisherId: string, percent: number, repairable: boolean) =>
    this.#control.loss({ room: this.#room, userId: recorderUserId, publisherId, percent, repairable })
  jumpClock = (userId: string, seconds: number) => this.#control.jumpClock({ room: this.#room, userId, seconds })
  standStill = (userId: string, seconds: number) => this.#control.standStill({ room: this.#room, userId, seconds })
  restCamera = (userId: string, seconds: number) => this.#control.restCamera({ room: this.#room, userId, seconds })
  sent = (userId: string, track: 'audio' | 'video') => this.#control.sent({ room: this.#room, userId, track })
  killMediaPath = () => this.#control.killMediaPath({ room: this.#room, userId: recorderUserId })

  /** What the room sends to the recorder, by user. */
  async received(): Promise<Record<string, string[]>> {
    const { members } = await this.#control.state({ room: this.#room })
    const recorder = members.find(({ userId }) => userId === recorderUserId)
    return Object.fromEntries(recorder?.subscriptions.map(({ userId, tracks }) => [userId, [...tracks].sort()]) ?? [])
  }

  /** Starts a recorder of this world's room. */
  async record({
    spec = {},
    name = 'lesson',
    userSig = this.userSig(),
    bucket = cosIdentity.bucket,
    byRole = false,
    work = join(this.#directory, 'work'),
    environment = {},
    chromiumArgs = [],
    asInImage = false,
  }: RecordOptions = {}): Promise<RecorderProcess> {
    const secrets = join(this.#directory, 'secrets')
    const keys: Record<string, string> = byRole
      ? { 'app/secretKey': trtc.secretKey }
      : { 'trtc/userSig': userSig, 'cos/secretId': cosIdentity.secretId, 'cos/secretKey': cosIdentity.secretKey }
    for (const [key, value] of Object.entries(keys)) {
      await mkdir(dirname(join(secrets, key)), { recursive: true })
      await writeFile(join(secrets, key), value)
    }
    const recording = join(this.#directory, `${name}.yaml`)
    await writeFile(recording, stringify(this.#recording(name, spec, { bucket, byRole })))
    const arguments_ = ['--recording', recording, '--secrets', secrets, '--work', work]
    const all = {
      [recorderEnv.metadataUrl]: this.#running.cos.rolesUrl,
      [recorderEnv.control]: this.#controlPath,
      [recorderEnv.clips]: this.#clipsPath,
      TRTC_RECORDER_CHROMIUM_ARGS: [`--ignore-certificate-errors-spki-list=${this.#running.room.spki}`, ...chromiumArgs].join(
        ' ',
      ),
      ...environment,
    }
    const recorder = new RecorderProcess(arguments_, all, { asInImage })
    this.#recorders.push(recorder)
    return recorder
  }

  /** Starts a recorder and waits until it is in the room. */
  async recordFromNow(options: RecordOptions = {}): Promise<RecorderProcess> {
    const recorder = await this.record(options)
    await recorder.logged({ msg: 'Room entered' })
    return recorder
  }

  userSig(facts: { userId?: string; secretKey?: string; expireSeconds?: number; issuedAtSeconds?: number } = {}): string {
    const { sdkAppId, secretKey } = trtc
    const now = Math.floor(Date.now() / 1000)
    const userSig = signUserSig({
      sdkAppId,
      secretKey,
      userId: recorderUserId,
      expireSeconds: 3600,
      issuedAtSeconds: now,
      ...facts,
    })
    this.#userSigs.push(userSig)
    return userSig
  }

  /** Values that must not be seen anywhere. */
  get secrets(): string[] {
    return [...this.#userSigs, trtc.secretKey, cosIdentity.secretId, cosIdentity.secretKey]
  }

  /** Fetches a recorded file back from COS and compares it with what its user sent. */
  async findings(
    file: Pick<RecordedFile, 'userId' | 'stream' | 'path' | 'startTime'>,
    expected: Pick<Expectation, 'mode' | 'stream' | 'published' | 'audioCodec' | 'videoGaps'>,
    { fps, loopSeconds }: { fps: number; loopSeconds: number } = clip,
  ): Promise<Finding[]> {
    const path = await this.#fetched(file)
    const { findings } = checkFile(await readMedia(path), {
      userId: file.userId,
      framesPerSecond: fps,
      framesInLoop: fps * loopSeconds,
      startTime: new Date(file.startTime),
      sent: await this.#sent(file),
      ...expected,
    })
    return findings
  }

  /** When, in file time, the user of a file sent no picture between two that were sent. */
  async videoGaps(file: RecordedFile): Promise<{ startSeconds: number; endSeconds: number }[]> {
    const spans = await this.#control.sent({ room: this.#room, userId: file.userId, track: 'video' })
    const fileTime = ({ epochMillis, intervalMillis }: SentSpan, n: number) =>
      (epochMillis + n * intervalMillis - Date.parse(file.startTime)) / 1000
    return spans
      .slice(1)
      .map((span, i) => ({ startSeconds: fileTime(spans[i]!, spans[i]!.last), endSeconds: fileTime(span, span.first) }))
      .filter(({ startSeconds, endSeconds }) => startSeconds > 0 && endSeconds < file.durationSeconds)
  }

  async #fetched(file: { path: string }): Promise<string> {
    const path = join(this.#directory, file.path.replaceAll('/', '_'))
    await writeFile(path, await this.cos.fetch(cosIdentity.bucket, file.path))
    return path
  }

  async #sent({ userId, stream }: Pick<RecordedFile, 'userId' | 'stream'>): Promise<SentFrame[]> {
    const track = stream === 'aux' ? 'aux' : 'video'
    return (await this.#control.sent({ room: this.#room, userId, track })).flatMap(framesOf)
  }

  get #controlPath(): string {
    return join(this.#directory, 'control', 'control.json')
  }

  get #clipsPath(): string {
    return join(this.#directory, 'control', 'clips.json')
  }

  /** What the operator would tell recorders now. */
  control = (control: Control) => this.#tell(this.#controlPath, control)
  /** Clips that the operator would ask for now. */
  askForClips = (clips: ClipRequest[]) => this.#tell(this.#clipsPath, { version: 1, clips } satisfies ClipRequests)

  async #tell(path: string, what: object): Promise<void> {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(`${path}.new`, JSON.stringify(what))
    await rename(`${path}.new`, path)
  }

  media = async (file: { path: string }) => readMedia(await this.#fetched(file))

  /** Slices that the lists of a manifest say are in COS, each in a file and read to the letter. */
  async slices({ live }: Manifest, userId?: string): Promise<ReadSlice[]> {
    const slices: ReadSlice[] = []
    const lists = live.filter((list) => list.part === 'audioSlices' && (userId === undefined || list.userId === userId))
    for (const { path } of lists) {
      const list = liveIndexObjectSchema.parse(JSON.parse(String(await this.cos.fetch(cosIdentity.bucket, path))))
      for (const entry of list.entries) {
        if (entry.path === '') continue
        const path = await this.#fetched(entry)
        slices.push({ entry, path, read: readOgg(await readFile(path)) })
      }
    }
    return slices
  }

  /** How long after its end each object of a part of `spec.live` was in COS, in milliseconds, as the manifest's lists and COS itself say. */
  async lateMillis({ live }: Manifest, part: LivePartName): Promise<number[]> {
    const requests = await this.cos.requests({ operation: 'PutObject', status: 200 })
    const millis: number[] = []
    for (const { path } of live.filter((list) => list.part === part)) {
      const list = liveIndexObjectSchema.parse(JSON.parse(String(await this.cos.fetch(cosIdentity.bucket, path))))
      for (const { path, endTime } of list.entries) {
        const put = requests.find(({ key }) => key === path)
        if (put !== undefined) millis.push(Date.parse(put.time) - Date.parse(endTime))
      }
    }
    return millis
  }

  /** Of each picture that a user sent between two times a piece that is in no other, neither of theirs nor of who else is there, where there is one. */
  async picturesSent(userId: string, fromMillis: number, toMillis: number): Promise<Buffer[]> {
    const sent = await this.#picturesOf(userId)
    const isMeant = ({ atMillis }: { atMillis: number }) => atMillis > fromMillis && atMillis < toMillis
    const ofOthers = await Promise.all(
      [...this.#published].filter((user) => user !== userId).map((user) => this.#picturesOf(user)),
    )
    // What a clip shows changes slowly, and comes again; clips of two users differ in who and when, and hardly elsewhere.
    const others = Buffer.concat([...sent.filter((one) => !isMeant(one)), ...ofOthers.flat()].map(({ payload }) => payload))
    return sent
      .filter((one) => isMeant(one) && one.payload.length > 60)
      .map(({ payload }) => payload.subarray(payload.length >> 2, (payload.length * 3) >> 2))
      .filter((slice) => !others.includes(slice))
  }

  /** The largest packet of each picture that a user sent, and when. */
  async #picturesOf(userId: string): Promise<{ payload: Buffer; atMillis: number }[]> {
    const [source] = await clipSources(userId, { ...defaultClip, ...clip }, ['video'])
    const spans = await this.#control.sent({ room: this.#room, userId, track: 'video' })
    return spans.flatMap(({ epochMillis, intervalMillis, first, last }) =>
      Array.from({ length: last - first + 1 }, (_, i) => first + i).map((number) => ({
        payload: source!.packetsOf(number).payloads.toSorted((one, other) => other.length - one.length)[0]!,
        atMillis: epochMillis + number * intervalMillis,
      })),
    )
  }

  /** All that the recorders keep anywhere, by path: the volume, and everything in COS. */
  async kept(): Promise<Map<string, Buffer>> {
    const paths: string[] = []
    for (const folder of ['work', 'cos']) {
      const entries = await readdir(join(this.#directory, folder), { recursive: true, withFileTypes: true })
      paths.push(...entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)))
    }
    // One may have been removed meanwhile.
    return new Map(
      await Promise.all(paths.map(async (path) => [path, await readFile(path).catch(() => Buffer.alloc(0))] as const)),
    )
  }

  /** Files of the work directory, complete or not, that hold a text. */
  async workFilesWith(text: string): Promise<string[]> {
    const names = await readdir(join(this.#directory, 'work'), { recursive: true, withFileTypes: true })
    const found: string[] = []
    for (const entry of names.filter((entry) => entry.isFile())) {
      const path = join(entry.parentPath, entry.name)
      if ((await readFile(path)).includes(text)) found.push(path)
    }
    return found
  }

  async manifest(name = 'lesson'): Promise<Manifest> {
    return manifestSchema.parse(JSON.parse(String(await this.cos.fetch(cosIdentity.bucket, `e2e/${name}.manifest.json`))))
  }

  #recording(name: string, spec: Record<string, unknown>, { bucket, byRole }: { bucket: string; byRole: boolean }) {
    return {
      apiVersion: 'trtc-recorder.dev/v1alpha1',
      kind: 'Recording',
      metadata: { name },
      spec: {
        sdkAppId: trtc.sdkAppId,
        ...(this.stringRoom ? { strRoomId: String(this.#roomId) } : { roomId: this.#roomId }),
        userId: recorderUserId,
        ...(byRole ? { appSecretKeyRef: { name: 'app' } } : { userSigSecretRef: { name: 'trtc' } }),
        mode: '02',
        cos: {
          region: cosIdentity.region,
          bucket,
          path: '/e2e',
          endpoint: this.#running.cos.endpoint,
          ...(byRole ? {} : { credentialsSecretRef: { name: 'cos' } }),
        },
        limits: { startTimeoutSeconds: 60 },
        networkProxy: { unifiedProxy: this.#running.room.unifiedProxy },
        ...spec,
      },
    }
  }
}

function framesOf({ epochMillis, intervalMillis, first, last, clipFrames }: SentSpan): SentFrame[] {
  return Array.from({ length: last - first + 1 }, (_, i) => ({
    frameNumber: (first + i) % clipFrames,
    timeMillis: epochMillis + (first + i) * intervalMillis,
  }))
}
