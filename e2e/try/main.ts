/**
 * `make try`: two people in a room, a recorder started by hand, and their files fetched back from COS into try-output/, in under a minute, without
 * Kubernetes or root. Room and COS are the sandbox's, in this process; the recorder is the real one, a process of its own. Exit code 0 only if
 * every file holds what it must. Nothing is left running, Ctrl-C included.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { manifestSchema, type RecorderResult } from '@trtc-recorder/api'
import { stringify } from 'yaml'
import { projectDirectory } from '../../sandbox/src/cluster/paths.ts'
import { cosControl, startCos } from '../../sandbox/src/cos/index.ts'
import { identities } from '../../sandbox/src/identities.ts'
import { elapsed, onScreen } from '../../sandbox/src/progress.ts'
import { startRoomServer } from '../../sandbox/src/room/index.ts'
import { userSigFor } from '../../sandbox/src/user-sig.ts'
import { demoPage } from '../demo/page/page.ts'
import type { DemoSummary } from '../demo/summary.ts'
import { table } from '../demo/table.ts'
import { checkFile, expectationOfSent, readMedia } from '../media/index.ts'
import { RecorderProcess } from '../recorder/recorder-process.ts'

const { values } = parseArgs({ options: { output: { type: 'string', default: join(projectDirectory, 'try-output') } } })
const folder = resolve(values.output)
const { trtc, cos: account } = identities
const room = { sdkAppId: trtc.sdkAppId, roomId: 43474 }
const name = 'lesson'
const stopMillis = 10_000
const clip = { width: 640, height: 360, fps: 15, loopSeconds: 30 }

process.chdir(projectDirectory)
const work = mkdtempSync(join(tmpdir(), 'trtc-recorder-try-'))
process.once('exit', () => rmSync(work, { recursive: true, force: true }))
let recorder: RecorderProcess | undefined
let interrupted = false
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => void interrupt(signal))
}

async function interrupt(signal: string): Promise<void> {
  if (interrupted) return
  interrupted = true
  console.error(`\nInterrupted (${signal}); ending everything.`)
  // Stopped like this it clears away what it made; killed, it only takes its Chromium with it.
  recorder?.kill('SIGTERM')
  await Promise.race([recorder?.ended, sleep(stopMillis)])
  recorder?.kill('SIGKILL')
  process.exit(130)
}

async function main(): Promise<boolean> {
  const started = performance.now()
  const [server, cos] = await step('Starting a TRTC room and COS', () =>
    Promise.all([
      startRoomServer({ stateDir: join(work, 'room') }),
      startCos({ address: '127.0.0.1', port: 0, dir: join(work, 'cos') }),
    ]),
  )
  const enter = (userId: string) => server.control.publish({ room, userId, audio: true, video: true, clip })
  await step('alice enters room 43474', () => enter('alice'))

  const recording = {
    apiVersion: 'trtc-recorder.dev/v1alpha1',
    kind: 'Recording',
    metadata: { name },
    spec: {
      ...room,
      userId: 'recorder',
      userSigSecretRef: { name: 'recorder-sig' },
      mode: '02',
      cos: {
        region: account.region,
        bucket: account.bucket,
        path: '/try',
        endpoint: cos.endpoint,
        credentialsSecretRef: { name: 'recordings-cos' },
      },
      // What Tencent's cloud would not need: where the stand-in for it is.
      networkProxy: { unifiedProxy: server.unifiedProxy },
    },
  }
  rmSync(folder, { recursive: true, force: true })
  save(join(folder, 'recording.yaml'), stringify(recording))
  save(join(work, 'secrets/recorder-sig/userSig'), userSigFor(trtc, 'recorder'))
  save(join(work, 'secrets/recordings-cos/secretId'), account.secretId)
  save(join(work, 'secrets/recordings-cos/secretKey'), account.secretKey)
  const args = ['--recording', join(folder, 'recording.yaml'), '--secrets', join(work, 'secrets'), '--work', join(work, 'volume')]
  mkdirSync(join(work, 'volume'))
  console.log(`\n  npm run -s record -- ${args.join(' ')}\n`)
  const startedAt = performance.now()
  const process_ = new RecorderProcess(args, {
    TRTC_RECORDER_CHROMIUM_ARGS: `--ignore-certificate-errors-spki-list=${server.spki}`,
  })
  recorder = process_
  await step('Waiting for the recorder to be in the room', () => process_.logged({ msg: 'Room entered' }))
  const enteredMillis = performance.now() - startedAt
  const mute = (muted: boolean) => server.control.setMuted({ room, userId: 'bob', kind: 'video', muted })
  await step('bob enters', () => enter('bob'), 6)
  await step('bob mutes his camera', () => mute(true), 4)
  await step('bob turns his camera on again', () => mute(false), 5)

  const stoppedAt = performance.now()
  const { exitCode, result } = await step('Ctrl-C for the recorder: it finishes, uploads, verifies and ends', () => {
    process_.kill('SIGINT')
    return process_.ended
  })
  const stopToStoredMs = performance.now() - stoppedAt
  recorder = undefined
  if (exitCode !== 0 || result === undefined)
    throw new Error(`the recorder ended with exit code ${exitCode}:\n${process_.output}`)

  const store = cosControl(cos.controlUrl)
  const fetch = async (key: string) => {
    const content = await store.fetch(account.bucket, key)
    save(join(folder, key), content)
    return content
  }
  const findings = await step(`Fetching the files into ${folder} and decoding them`, async () => {
    for (const { path } of result.files) await fetch(path)
    const found: string[] = []
    for (const file of result.files) {
      const sent = await server.control.sent({ room, userId: file.userId })
      const { findings } = checkFile(await readMedia(join(folder, file.path)), {
        ...expectationOfSent(sent, file),
        userId: file.userId,
        stream: file.stream,
        mode: '02',
        published: { video: true, audio: true },
        startTime: new Date(file.startTime),
      })
      found.push(...findings.map(({ check, message }) => `${file.userId}: ${check}: ${message}`))
    }
    const users = result.files.map(({ userId }) => userId).sort()
    if (String(users) !== 'alice,bob') found.push(`there are files of ${users.join(', ') || 'nobody'}, not of alice and bob`)
    return found
  })
  const manifest = manifestSchema.parse(JSON.parse(String(await fetch(`try/${name}.manifest.json`))))
  save(
    join(folder, 'index.html'),
    demoPage({
      room: String(room.roomId),
      summary: summaryOf(result, { applyToStartedMs: enteredMillis, stopToStoredMs }),
      manifests: { [name]: manifest },
      excluded: {},
      links: {
        [name]: [
          { label: 'Recording as YAML', href: 'recording.yaml' },
          { label: 'Manifest', href: `try/${name}.manifest.json` },
        ],
      },
      callbackBodies: {},
    }),
  )
  await Promise.all([server.close(), cos.close()])

  const rows = result.files.map((file) => [file.userId, `${file.durationSeconds.toFixed(1)} s`, `${file.bytes} bytes`, file.url])
  console.log(`\n${table(['user', 'length', 'size', 'URL'], rows)}\n`)
  for (const finding of findings) console.log(`  ✗ ${finding}`)
  if (findings.length > 0) return false
  console.log("  ✓ Every file decodes and holds its user's picture and pitch and nobody else's.")
  console.log(`\nLook:      ${folder}/index.html (in a browser)
Try next:  npm run -s record -- --help          against Tencent's cloud: your own Recording and Secrets
           make demo                            the whole, on a Kubernetes of its own

It took ${elapsed(performance.now() - started)}, and nothing of it runs any more.`)
  return true
}

function summaryOf(
  { stopReason, files }: RecorderResult,
  timings: { applyToStartedMs: number; stopToStoredMs: number },
): DemoSummary {
  return {
    recordings: [{ name, mode: '02', stopReason, files, callback: undefined, timings: { ...timings, stopToCallbackMs: null } }],
  }
}

function save(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
}

/** One line on the screen; then time passes in the lesson. */
async function step<T>(what: string, act: () => Promise<T>, thenSeconds = 0): Promise<T> {
  const progress = onScreen(what)
  try {
    const value = await act()
    if (thenSeconds > 0) progress.update(`recording for ${thenSeconds} s`)
    await sleep(thenSeconds * 1000)
    progress.done()
    return value
  } catch (error) {
    progress.failed((error as Error).message.split('\n')[0]!)
    throw error
  }
}

main().then(
  (good) => {
    if (!interrupted) process.exit(good ? 0 : 1)
  },
  (error: Error) => {
    // An interruption makes the work fail; its own end is on the way.
    if (interrupted) return
    recorder?.kill('SIGKILL')
    console.error(`\nIt failed: ${error.message}`)
    process.exit(1)
  },
)
