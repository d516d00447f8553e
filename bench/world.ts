/** What both sides of the benchmark share: rooms with the same publishers, one COS, and processes measured as whole trees. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { setPriority, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import {
  type Mode,
  type RecordedFile,
  type RecorderProgress,
  type RecorderResult,
  recorderProgressSchema,
} from '@trtc-recorder/api'
import { build } from 'esbuild'
import { bundleRecorder } from '../recorder-image/build.ts'
import { cosControl } from '../sandbox/src/cos/index.ts'
import { identities } from '../sandbox/src/identities.ts'
import { type RoomControl, roomControl } from '../sandbox/src/room/index.ts'
import { userSigFor } from '../sandbox/src/user-sig.ts'
import type { MediaRecorderType, Picture } from './plan.ts'

const repository = fileURLToPath(new URL('..', import.meta.url))
const { trtc, cos } = identities

/** 30 fps and 1.2 Mbit/s, 640x360 at 0.5; Opus 64 kbit/s. */
const clips = {
  '1280x720': { width: 1280, height: 720, fps: 30, videoKbps: 1200, loopSeconds: 30 },
  // 25 of them are made.
  '640x360': { width: 640, height: 360, fps: 30, videoKbps: 500, loopSeconds: 10 },
} as const satisfies Record<Picture, object>
const roomIds = { '1280x720': 43474, '640x360': 43475 } as const satisfies Record<Picture, number>

export const roomOf = (picture: Picture) => ({ sdkAppId: trtc.sdkAppId, roomId: roomIds[picture] })

interface Ready {
  unifiedProxy: string
  spki: string
  controlUrl: string
  endpoint: string
}

export interface RecorderOptions {
  mode: Mode
  picture: Picture
  /** spec.live. */
  live?: object
  environment?: NodeJS.ProcessEnv
}

/** Above what is measured: a room is elsewhere, and what it sends late and at once would be lost by nobody's fault. Ignored where it is not allowed. */
const standInPriority = -10
const mostMillis = { ready: 60_000, stop: 120_000 } as const

/** Recorders and baselines, running or not. */
const measured = new Set<ChildProcess>()

export class World {
  readonly directory: string
  readonly room: RoomControl
  readonly #children: ChildProcess[]
  readonly #room: Ready
  readonly #cos: Ready
  readonly #ffmpeg: string | undefined
  #recordings = 0

  private constructor(directory: string, children: ChildProcess[], roomReady: Ready, cosReady: Ready, ffmpeg?: string) {
    this.#ffmpeg = ffmpeg
    this.directory = directory
    this.#children = children
    this.#room = roomReady
    this.#cos = cosReady
    this.room = roomControl(roomReady.controlUrl)
  }

  /** The stand-ins run as processes of their own, so that their work is not counted. The recorder is bundled as in its image. */
  static async start(recorderFfmpeg?: string): Promise<World> {
    const directory = mkdtempSync(join(tmpdir(), 'trtc-recorder-bench-'))
    await bundleRecorder(join(directory, 'recorder'))
    // What tells a process where the sandbox's names are; bundled, so that it costs a recorder's start nothing.
    await build({
      entryPoints: [join(repository, 'sandbox/src/names/this-machine.ts')],
      ...{ outfile: join(directory, 'names.mjs'), bundle: true, format: 'esm', platform: 'node' },
    })
    const roomProcess = node(['sandbox/src/room/main.ts'])
    const cosProcess = node(['sandbox/src/cos/main.ts', '--dir', join(directory, 'cos'), '--port', '0'])
    const children = [roomProcess, cosProcess]
    const endChildren = () => {
      for (const child of children) child.kill('SIGTERM')
    }
    // However the benchmark ends, nothing of it goes on.
    process.once('exit', () => {
      endChildren()
      // What is measured would go on trying to store what it has.
      for (const child of measured) child.kill('SIGKILL')
      rmSync(directory, { recursive: true, force: true })
    })
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
    for (const { pid } of children) prefer(pid!)
    const [roomReady, cosReady] = await Promise.all(children.map(firstLine))
    return new World(directory, children, roomReady!, cosReady!, recorderFfmpeg)
  }

  get cos() {
    return cosControl(this.#cos.controlUrl)
  }

  async close(): Promise<void> {
    for (const child of this.#children) {
      child.kill('SIGTERM')
      if (child.exitCode === null) await once(child, 'exit')
    }
    rmSync(this.directory, { recursive: true, force: true })
  }

  /** Ends what is measured and still runs, as after a step that failed. */
  async endMeasured(): Promise<void> {
    const running = [...measured].filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
    await Promise.all(
      running.map((child) => {
        const exited = once(child, 'exit')
        child.kill('SIGKILL')
        return exited
      }),
    )
    this.clear()
  }

  /** Makes it this many anchors in the room of this picture, anchor1 and so on. */
  async publish(anchors: number, picture: Picture): Promise<void> {
    const room = roomOf(picture)
    const present = (await this.room.state({ room })).publishers.map(({ userId }) => userId)
    const wanted = Array.from({ length: anchors }, (_, n) => `anchor${n + 1}`)
    for (const userId of present) if (!wanted.includes(userId)) await this.room.leave({ room, userId })
    for (const userId of wanted) {
      if (present.includes(userId)) continue
      await this.room.publish({ room, userId, audio: true, video: true, clip: clips[picture] })
    }
  }

  /** Another size for one anchor of a room, in mid-stream. */
  resize(userId: string, room: Picture, picture: Picture): Promise<void> {
    return this.room.publish({ room: roomOf(room), userId, audio: true, video: true, clip: clips[picture] })
  }

  /** Starts a recorder; resolves at once. */
  async startRecorder({ mode, picture, live, environment = {} }: RecorderOptions): Promise<RunningRecorder> {
    const name = `bench-${++this.#recordings}`
    const userId = `recorder${this.#recordings}`
    const work = join(this.directory, 'work', name)
    this.#write({
      [`secrets/${userId}/userSig`]: userSigFor(trtc, userId),
      'secrets/cos/secretId': cos.secretId,
      'secrets/cos/secretKey': cos.secretKey,
      [`${name}.json`]: JSON.stringify({
        apiVersion: 'trtc-recorder.dev/v1alpha1',
        kind: 'Recording',
        metadata: { name },
        spec: {
          ...roomOf(picture),
          userId,
          mode,
          ...(live === undefined ? {} : { live }),
          userSigSecretRef: { name: userId },
          cos: { region: cos.region, bucket: cos.bucket, endpoint: this.#cos.endpoint, credentialsSecretRef: { name: 'cos' } },
          networkProxy: { unifiedProxy: this.#room.unifiedProxy },
        },
      }),
    })
    mkdirSync(work, { recursive: true })
    const port = await freePort()
    const startedAt = performance.now()
    const child = node(
      [
        join(this.directory, 'recorder/main.js'),
        ...['--recording', join(this.directory, `${name}.json`), '--secrets', join(this.directory, 'secrets')],
        ...['--work', work, '--port', String(port)],
      ],
      {
        NODE_OPTIONS: `--import=${join(this.directory, 'names.mjs')}`,
        TRTC_RECORDER_CHROMIUM_ARGS: this.#chromiumArgs,
        ...(this.#ffmpeg === undefined ? {} : { FFMPEG_BIN: this.#ffmpeg }),
        ...environment,
      },
    )
    measured.add(child)
    return new RunningRecorder({ child, port, startedAt, work })
  }

  /** A file as it is in COS, on disk. */
  async fetch(file: RecordedFile): Promise<string> {
    const path = this.#fetched(file.path)
    writeFileSync(path, await this.cos.fetch(cos.bucket, file.path))
    return path
  }

  /** Takes a recording's files off the disk again. */
  async forget({ files }: RecorderResult): Promise<void> {
    for (const { path } of files) {
      await this.cos.deleteObject(cos.bucket, path)
      rmSync(this.#fetched(path), { force: true })
    }
  }

  /** Empties all volumes; no recorder may run. */
  clear(): void {
    rmSync(join(this.directory, 'work'), { recursive: true, force: true })
  }

  #fetched = (key: string) => join(this.directory, `fetched-${key.split('/').at(-1)}`)

  /** Starts the baseline. Resolves when a MediaRecorder runs for each anchor. */
  async startBaseline(type: MediaRecorderType, anchors: number, picture: Picture): Promise<RunningBaseline> {
    const directory = mkdtempSync(join(this.directory, 'media-recorder-'))
    const userId = 'baseline'
    const child = node(['bench/media-recorder/main.ts'])
    measured.add(child)
    const enter = { ...roomOf(picture), userId, userSig: userSigFor(trtc, userId) }
    const proxy = { unifiedProxy: this.#room.unifiedProxy }
    child.stdin!.end(JSON.stringify({ enter, proxy, type, chromiumArgs: this.#chromiumArgs, directory }))
    const [launched] = await Promise.all([
      linesWith(child, child.stdout!, '"launching"', 1).then(() => performance.now()),
      linesWith(child, child.stdout!, '"recording"', anchors),
    ])
    return { child, launchToRecordingMillis: performance.now() - launched, file: join(directory, '0.webm') }
  }

  get #chromiumArgs(): string {
    // More of them from the environment: so that one can be tried.
    return [process.env.TRTC_RECORDER_CHROMIUM_ARGS, `--ignore-certificate-errors-spki-list=${this.#room.spki}`]
      .filter(Boolean)
      .join(' ')
  }

  #write(files: Record<string, string>): void {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(this.directory, path)), { recursive: true })
      writeFileSync(join(this.directory, path), content)
    }
  }
}

export interface RunningBaseline {
  child: ChildProcess
  /** From the launch of its browser until a MediaRecorder ran for each anchor. */
  launchToRecordingMillis: number
  /** What the first of its MediaRecorders has written. */
  file: string
}

/** A recorder at work. */
export class RunningRecorder {
  readonly child: ChildProcess
  /** Its volume. */
  readonly work: string
  /** On the clock of `performance`. */
  readonly startedAt: number
  /** Resolves with that clock's time when it has said that it is in the room. */
  readonly entered: Promise<number>
  /** What it has warned of, line by line. */
  readonly warnings: string[] = []
  readonly #port: number
  readonly #said: Promise<string>

  constructor({ child, port, startedAt, work }: { child: ChildProcess; port: number; startedAt: number; work: string }) {
    this.child = child
    this.startedAt = startedAt
    this.work = work
    this.#port = port
    this.#said = text(child.stdout!)
    this.entered = linesWith(child, child.stderr!, '"Room entered"', 1).then(() => performance.now())
    // Whoever does not ask for it need not hear of it.
    this.entered.catch(() => {})
    createInterface({ input: child.stderr! }).on('line', (line) => {
      if (/"level":"(warn|error|fatal)"/.test(line)) this.warnings.push(line)
    })
  }

  get pid(): number {
    return this.child.pid!
  }

  async status(): Promise<RecorderProgress> {
    return recorderProgressSchema.parse(await (await fetch(`http://127.0.0.1:${this.#port}/status`)).json())
  }

  /** Waits until it writes this many files. */
  async recording(files: number): Promise<void> {
    await this.entered
    const deadline = performance.now() + mostMillis.ready
    for (;;) {
      const status = await this.status()
      if (performance.now() > deadline) throw new Error(`Not ${files} files after a minute: ${JSON.stringify(status)}`)
      if (status.files.filter(({ recordedBytes }) => recordedBytes > 0).length >= files) return
      await sleep(100)
    }
  }

  /** Stops it as Kubernetes does. Rejects if not everything was stored. */
  async stop(): Promise<{ result: RecorderResult; stopToEndMillis: number; askedAt: Date }> {
    const askedAt = new Date()
    const before = performance.now()
    const code = await stop(this.child)
    const stopToEndMillis = performance.now() - before
    if (code !== 0)
      throw new Error(`The recorder ended with exit code ${code}, so not everything was stored: ${await this.#said}`)
    return { result: JSON.parse(await this.#said) as RecorderResult, stopToEndMillis, askedAt }
  }
}

export async function stop(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), mostMillis.stop)
  const [code] = await exited
  clearTimeout(timer)
  return code
}

function prefer(pid: number): void {
  try {
    setPriority(pid, standInPriority)
  } catch {
    // Only root may.
  }
}

const node = (args: string[], environment: NodeJS.ProcessEnv = {}) =>
  spawn(process.execPath, args, {
    cwd: repository,
    env: { ...process.env, ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  })

async function firstLine(child: ChildProcess): Promise<Ready> {
  child.stderr!.resume()
  for await (const line of createInterface({ input: child.stdout! })) return JSON.parse(line)
  throw new Error('A stand-in ended before it was ready')
}

/** Resolves at the n-th line that holds `wanted`; rejects if the process ends before, or takes more than a minute. */
function linesWith(child: ChildProcess, stream: NodeJS.ReadableStream, wanted: string, n: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = 0
    let tail = ''
    for (const output of [child.stdout!, child.stderr!]) {
      output.on('data', (chunk) => {
        tail = (tail + chunk).slice(-4000)
      })
    }
    const timer = setTimeout(
      () => reject(new Error(`${seen} of ${n} say ${wanted} after a minute. Last words:\n${tail}`)),
      mostMillis.ready,
    )
    createInterface({ input: stream }).on('line', (line) => {
      if (!line.includes(wanted) || ++seen !== n) return
      clearTimeout(timer)
      resolve()
    })
    child.once('exit', (code) => {
      clearTimeout(timer)
      reject(new Error(`It ended with exit code ${code}. Last words:\n${tail}`))
    })
  })
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
