/** What both sides of the benchmark share: one room with the same publishers, one COS, and processes measured as whole trees. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { RecorderResult } from '@trtc-recorder/api'
import { cosControl } from '../sandbox/src/cos/index.ts'
import { identities } from '../sandbox/src/identities.ts'
import { lookUpHere } from '../sandbox/src/names/look-up-here.ts'
import { type RoomControl, roomControl } from '../sandbox/src/room/index.ts'
import { userSigFor } from '../sandbox/src/user-sig.ts'

const repository = fileURLToPath(new URL('..', import.meta.url))
const { trtc, cos } = identities
export const room = { sdkAppId: trtc.sdkAppId, roomId: 43474 }
/** 1280x720, 30 fps, 1.2 Mbit/s, Opus 64 kbit/s. */
const clip = { width: 1280, height: 720, fps: 30, videoKbps: 1200, loopSeconds: 30 }

interface Ready {
  unifiedProxy: string
  spki: string
  controlUrl: string
  endpoint: string
}

/** A recorder or the baseline at work, and, once it has ended, one user's file. */
export interface Run {
  child: ChildProcess
  file(): Promise<string>
}

export class World {
  readonly directory: string
  readonly room: RoomControl
  readonly #children: ChildProcess[]
  readonly #room: Ready
  readonly #cos: Ready
  #recordings = 0

  private constructor(directory: string, children: ChildProcess[], roomReady: Ready, cosReady: Ready) {
    this.directory = directory
    this.#children = children
    this.#room = roomReady
    this.#cos = cosReady
    this.room = roomControl(roomReady.controlUrl)
  }

  /** The stand-ins run as processes of their own, so that their work is not counted. */
  static async start(): Promise<World> {
    const directory = mkdtempSync(join(tmpdir(), 'trtc-recorder-bench-'))
    const roomProcess = node(['sandbox/src/room/main.ts'])
    const cosProcess = node(['sandbox/src/cos/main.ts', '--dir', join(directory, 'cos'), '--port', '0'])
    const children = [roomProcess, cosProcess]
    // However the benchmark ends, nothing of it goes on.
    process.once('exit', () => {
      for (const child of children) child.kill('SIGTERM')
    })
    const [roomReady, cosReady] = await Promise.all(children.map(firstLine))
    return new World(directory, children, roomReady!, cosReady!)
  }

  async close(): Promise<void> {
    for (const child of this.#children) {
      child.kill('SIGTERM')
      if (child.exitCode === null) await once(child, 'exit')
    }
    rmSync(this.directory, { recursive: true, force: true })
  }

  async publish(anchors: number): Promise<void> {
    for (let n = 1; n <= anchors; n++) {
      await this.room.publish({ room, userId: `anchor${n}`, audio: true, video: true, clip })
    }
  }

  /** Starts a recorder in mode 02. Resolves when it has opened as many files as there are anchors. */
  async startRecorder(anchors: number): Promise<Run> {
    const name = `bench-${++this.#recordings}`
    const userId = `recorder${this.#recordings}`
    const files = {
      'secrets/sig/userSig': userSigFor(trtc, userId),
      'secrets/cos/secretId': cos.secretId,
      'secrets/cos/secretKey': cos.secretKey,
      [`${name}.json`]: JSON.stringify({
        apiVersion: 'trtc-recorder.dev/v1alpha1',
        kind: 'Recording',
        metadata: { name },
        spec: {
          ...room,
          userId,
          mode: '02',
          userSigSecretRef: { name: 'sig' },
          cos: { region: cos.region, bucket: cos.bucket, endpoint: this.#cos.endpoint, credentialsSecretRef: { name: 'cos' } },
          networkProxy: { unifiedProxy: this.#room.unifiedProxy },
        },
      }),
    }
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.directory, path)), { recursive: true })
      writeFileSync(join(this.directory, path), text)
    }
    mkdirSync(join(this.directory, 'work', name), { recursive: true })
    const child = node(
      [
        'recorder-image/src/main.ts',
        ...['--recording', join(this.directory, `${name}.json`)],
        ...['--secrets', join(this.directory, 'secrets')],
        ...['--work', join(this.directory, 'work', name)],
      ],
      { TRTC_RECORDER_CHROMIUM_ARGS: this.#chromiumArgs },
    )
    const said = text(child.stdout!)
    await linesWith(child, child.stderr!, '"File opened"', anchors)
    return {
      child,
      /** One of the files, as it is in COS. */
      file: async () => {
        const [file] = (JSON.parse(await said) as RecorderResult).files
        const path = join(this.directory, 'fetched.mp4')
        writeFileSync(path, await cosControl(this.#cos.controlUrl).fetch(cos.bucket, file!.path))
        return path
      },
    }
  }

  /** Starts the baseline. Resolves when a MediaRecorder runs for each anchor. */
  async startBaseline(anchors: number): Promise<Run> {
    const directory = mkdtempSync(join(this.directory, 'webm-'))
    const userId = 'baseline'
    const child = node(['bench/media-recorder/main.ts'])
    const enter = { ...room, userId, userSig: userSigFor(trtc, userId) }
    const proxy = { unifiedProxy: this.#room.unifiedProxy }
    child.stdin!.end(JSON.stringify({ enter, proxy, chromiumArgs: this.#chromiumArgs, directory }))
    await linesWith(child, child.stdout!, '"recording"', anchors)
    return { child, file: async () => join(directory, '0.webm') }
  }

  get #chromiumArgs(): string {
    return `--ignore-certificate-errors-spki-list=${this.#room.spki}`
  }
}

const node = (args: string[], environment: NodeJS.ProcessEnv = {}) =>
  spawn(process.execPath, args, {
    cwd: repository,
    env: { ...process.env, ...lookUpHere, ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  })

async function firstLine(child: ChildProcess): Promise<Ready> {
  child.stderr!.resume()
  for await (const line of createInterface({ input: child.stdout! })) return JSON.parse(line)
  throw new Error('A stand-in ended before it was ready')
}

/** Resolves at the n-th line that holds `wanted`; rejects if the process ends before. */
function linesWith(child: ChildProcess, stream: NodeJS.ReadableStream, wanted: string, n: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = 0
    let tail = ''
    for (const output of [child.stdout!, child.stderr!]) {
      output.on('data', (chunk) => {
        tail = (tail + chunk).slice(-4000)
      })
    }
    createInterface({ input: stream }).on('line', (line) => {
      if (line.includes(wanted) && ++seen === n) resolve()
    })
    child.once('exit', (code) => reject(new Error(`It ended with exit code ${code}. Last words:\n${tail}`)))
  })
}
