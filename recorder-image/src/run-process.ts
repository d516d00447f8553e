/**
 * The recorder: one room in, one file per user out. In a Pod the job comes in the environment; by hand from a Recording in a file:
 *
 *     npm run -s record -- --recording examples/recording.yaml --secrets DIR --work DIR
 */
import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import {
  clipJobEnv,
  type RecorderJob,
  type RecorderResult,
  recorderEnv,
  recorderOutcomes,
  recorderPort,
} from '@trtc-recorder/api'
import { findReplayPage } from './outputs/replay-page.ts'
import { components } from './recorder/components.ts'
import { RecorderFailure } from './recorder/failure.ts'
import { jobFromEnvironment, jobFromRecordingFile } from './recorder/job.ts'
import { neverBegun, Run } from './recorder/run.ts'
import { listenForStop } from './recorder/signals.ts'
import { startHttp } from './report/http.ts'
import { createLog } from './report/log.ts'
import { terminationMessage } from './report/termination.ts'
import { findChromium } from './room/chromium.ts'
import { extraSwitches } from './room/chromium-switches.ts'

const help = `Records one TRTC room: a file per user and stream, stored in COS.

  npm run -s record -- --recording FILE --secrets DIR --work DIR [--port PORT]

  --recording FILE   YAML with a Recording (kind: Recording)
  --secrets DIR      a folder per Secret, in it a file per key, as Kubernetes mounts them
  --work DIR         where files grow until they are in COS; run again with the same folder to finish what was left
  --port PORT        serve /healthz, /readyz and /status there

Prints the result as JSON on stdout, logs on stderr. Ctrl-C or SIGTERM: finish, upload, end. Exit codes:
${Object.entries(recorderOutcomes)
  .map(([name, { exitCode, meaning }]) => `  ${String(exitCode).padStart(2)}  ${name}: ${meaning}`)
  .join('\n')}

Environment: TRTC_RECORDER_CHROMIUM (path), ${recorderEnv.chromiumArgs} (extra switches), FFMPEG_BIN (path),
TRTC_RECORDER_UPLOAD_SECONDS (how long storing may take after the stop, 900), TRTC_RECORDER_REPLAY_PAGE (another replay page than that of
node replay/build.ts, which is needed for outputs.replay). Without --recording the job is read from
${recorderEnv.job}, with ${recorderEnv.secrets} and ${recorderEnv.work} in place of the options. With ${clipJobEnv} it cuts a clip instead.
`

const { values: options } = parseArgs({
  options: {
    recording: { type: 'string' },
    secrets: { type: 'string' },
    work: { type: 'string' },
    port: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
})
if (options.help) {
  process.stdout.write(help)
  process.exit(0)
}

const byHand = options.recording !== undefined
const secrets: string[] = []
const log = createLog(byHand ? 2 : 1, () => secrets)
if (process.env[clipJobEnv] !== undefined) {
  // It was asked to end, and has nothing that is worth finishing: another Pod can cut it anew.
  if (process.env[recorderEnv.askedToStop] !== undefined) process.exit(143)
  const { clip, clipExitCode, clipTerminationMessage } = await import('./clips/clip-mode.ts')
  const result = await clip(process.env, (value) => secrets.push(value), log)
  await tellTermination(clipTerminationMessage(result))
  log.info({ result }, 'result')
  process.exit(clipExitCode(result))
}
const stopRequested = listenForStop(log, process.env[recorderEnv.askedToStop])

const result = await record()
await say(result)
// Nothing is left to wait for, and a stray handle must not keep a finished recorder alive.
process.exit(recorderOutcomes[result.outcome].exitCode)

async function record(): Promise<RecorderResult> {
  let run: Run
  let attempt = 1
  try {
    const job = await readJob()
    attempt = job.attempt
    // What is made meanwhile leaves more garbage: with a megabyte for it, that takes a sixth more of Node's time (measured with all of spec.live at five anchors).
    if (Object.keys(job.spec.live).length > 0) setFlagsFromString('--semi-space-growth-factor=2')
    const workDirectory = options.work ?? process.env[recorderEnv.work]
    const secretsDirectory = options.secrets ?? process.env[recorderEnv.secrets]
    if (!workDirectory)
      throw new RecorderFailure('VolumeUnusable', `No work directory: set ${byHand ? '--work' : recorderEnv.work}`)
    if (!secretsDirectory)
      throw new RecorderFailure('SecretNotFound', `No Secrets: set ${byHand ? '--secrets' : recorderEnv.secrets}`)
    run = new Run({
      job,
      byHand,
      workDirectory,
      controlPath: process.env[recorderEnv.control],
      clipsPath: process.env[recorderEnv.clips],
      secretsDirectory,
      chromium: { path: findChromium(process.env), args: extraSwitches(process.env[recorderEnv.chromiumArgs]) },
      replayPage: findReplayPage(process.env, import.meta.dirname),
      uploadSeconds: Number(process.env.TRTC_RECORDER_UPLOAD_SECONDS ?? 900),
      stopRequested,
      onSecret: (value) => secrets.push(value),
      log,
      components,
    })
  } catch (error) {
    return failed(error, attempt)
  }
  const port = options.port ?? (byHand ? undefined : recorderPort)
  if (port !== undefined) {
    await startHttp(run, Number(port)).then(
      (server) => log.info({ port: server.port }, 'Health server started'),
      (error: Error) => log.error({ port, error: error.message }, 'Health server not started'),
    )
  }
  return run.result()
}

async function readJob(): Promise<RecorderJob> {
  if (options.recording === undefined) return jobFromEnvironment(process.env)
  const text = await readFile(options.recording, 'utf8').catch((error: Error) => {
    throw new RecorderFailure('InvalidJob', `${options.recording} cannot be read: ${error.message}`)
  })
  return jobFromRecordingFile(text, options.recording)
}

function failed(error: unknown, attempt: number): RecorderResult {
  const failure = error instanceof RecorderFailure ? error : new RecorderFailure('InternalError', String(error))
  log.error({ outcome: failure.outcome, ...(error === failure ? {} : { err: error }) }, failure.message)
  return neverBegun(failure, attempt)
}

async function tellTermination(message: string): Promise<void> {
  const path = process.env[recorderEnv.terminationMessage]
  if (!path) return
  await writeFile(path, message).catch((error: Error) => {
    log.error({ path, error: error.message }, 'Termination message not written')
  })
}

async function say(result: RecorderResult): Promise<void> {
  await tellTermination(terminationMessage(result))
  log.info({ result }, 'result')
  if (byHand) process.stdout.write(`${JSON.stringify(result)}\n`)
}
