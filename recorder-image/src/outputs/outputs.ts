import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type MakingOutput, type Manifest, needFiles, type RecordedOutput, type RecorderJob } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import { findFfmpeg } from '../media/ffmpeg.ts'
import type { Store, StoredObject } from '../store/upload.ts'
import { completeness } from './missing.ts'
import type { Made, Material, Output } from './output.ts'
import { paellaOutputs } from './paella-outputs.ts'
import { replayOutput } from './replay.ts'
import { audio16kOutputs, mixOutput, pairOutput, speechOutputs } from './sound-outputs.ts'
import { Speakers } from './speakers.ts'
import { vconOutput } from './vcon-output.ts'

export interface OutputOptions {
  job: RecorderJob
  store: Store
  /** Where the media of the files lies. */
  mediaDirectory: string
  /** Folder on the volume where what is long is made. */
  directory: string
  /** File with the replay page as replay/ builds it. */
  replayPage: string
  /** Nothing more is recorded. What is made of the files is made then; until then they stay on the volume for it. */
  isOver: boolean
  /** Until when what is long may be made, by `performance.now()`. */
  deadline: number
  log: Logger
  /** Told what is being made, and how far it is. */
  onMaking?: (making: MakingOutput | null) => void
}

/** So long what is made may at least take to be stored. */
const storeMillis = 60_000

/**
 * Makes and stores what spec.outputs asks for, from what the manifest says, which has not got them yet. One at a time, and one user's sound at a time:
 * memory does not grow with the recording. Never rejects: what could not be made or stored has a status of 0 and says why, and the files are what they are.
 */
export async function storeOutputs(manifest: Manifest, options: OutputOptions): Promise<RecordedOutput[]> {
  const { mediaDirectory, deadline } = options
  const speakers = new Speakers(manifest, { mediaDirectory, deadline, ffmpegPath: findFfmpeg() })
  const outputs: RecordedOutput[] = []
  const all = wanted(manifest, speakers.users, options)
  for (const [at, output] of all.entries()) {
    const onDone = (doneShare: number | null) =>
      options.onMaking?.({ kind: output.kind, number: at + 1, of: all.length, doneShare })
    onDone(null)
    outputs.push(await storeOutput(output, { manifest, speakers, before: outputs, onDone }, options))
  }
  options.onMaking?.(null)
  return outputs
}

/** Those of the whole room first: a status lists so many and no more. */
function wanted(
  manifest: Manifest,
  users: readonly string[],
  { job, mediaDirectory, directory, replayPage, isOver, deadline }: OutputOptions,
): Output[] {
  const { replay, vcon, audio16k, audio16kFormat } = job.spec.outputs
  const options = { job, mediaDirectory, directory, ffmpegPath: findFfmpeg(), deadline }
  const page = replay ? [replayOutput(job, replayPage)] : []
  if (!isOver) return page
  return [
    ...page,
    ...pairOutput(options),
    ...speechOutputs(options),
    ...(vcon ? [vconOutput(job, mediaDirectory)] : []),
    ...mixOutput(options),
    ...paellaOutputs(manifest, users.length > 0, options),
    ...(audio16k ? audio16kOutputs(users, audio16kFormat, options) : []),
  ]
}

async function storeOutput(output: Output, material: Material, options: OutputOptions): Promise<RecordedOutput> {
  const { kind, path, userId, make } = output
  const about = { kind, path, ...(userId === undefined ? {} : { userId }) }
  try {
    if (needFiles(options.job.spec.outputs)) await mkdir(options.directory, { recursive: true })
    const made = await make(material)
    const { url, bytes } = await stored(made, output, options)
    const { message, missing } = completeness(made.missing, made.meansNobody)
    if (missing !== undefined) options.log.warn({ output: kind, file: path, missing }, 'Output is incomplete')
    return { ...about, url, status: 1, message, ...(missing === undefined ? {} : { missing }), bytes, ...timesOf(made) }
  } catch (error) {
    const message = (error as Error).message.slice(0, 512)
    options.log.error({ output: kind, file: path, error: message }, 'Output not stored')
    return { ...about, url: '', status: 0, message, bytes: 0 }
  } finally {
    await rm(join(options.directory, path.split('/').at(-1)!), { force: true })
  }
}

async function stored(
  made: Made,
  { path, contentType }: Output,
  { store, directory, deadline }: OutputOptions,
): Promise<StoredObject> {
  const until = { deadline: Math.max(deadline, performance.now() + storeMillis) }
  switch (made.is) {
    case 'inMemory':
      return store.put(path, made.data, contentType, until)
    case 'onVolume': {
      const logPath = join(directory, `${path.split('/').at(-1)}.jsonl`)
      // What an attempt that was killed sent may differ.
      const upload = store.open({ key: path, bodyPath: made.bodyPath, logPath, contentType, isAnew: true })
      const object = await upload.finish(made.head, made.bodyBytes, until).catch(async (error) => {
        await upload.giveUp()
        throw error
      })
      await rm(logPath, { force: true })
      return object
    }
  }
}

function timesOf(made: Made): Pick<RecordedOutput, 'startTime' | 'durationSeconds'> {
  return made.is === 'onVolume' ? { startTime: made.startTime, durationSeconds: made.durationSeconds } : {}
}
