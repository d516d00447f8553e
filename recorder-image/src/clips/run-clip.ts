import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type ClipFile,
  type ClipJob,
  type ClipResult,
  clipFileSchema,
  clipJobEnv,
  clipJobSchema,
  clipKey,
  jsonOfVariables,
  manifestFileSchema,
} from '@trtc-recorder/api'
import type { Logger } from 'pino'
import { z } from 'zod'
import { findFfmpeg } from '../media/ffmpeg.ts'
import { type ReadableStore, StoreError } from '../store/upload.ts'
import { checkClip } from './check-clip.ts'
import { type Cutting, cuttingsOf, type SourceFile } from './clip-plan.ts'
import { type CutFile, cutFile, type ExactOptions, GivenBackError } from './cut-file.ts'
import { NotEncodedError } from './encode-lead.ts'
import type { RangeReader } from './read-head.ts'

export interface ClipOptions {
  store: ReadableStore
  /** Where clips are made before they are stored. */
  workDirectory: string
  /** Until when COS is waited for, by `performance.now()`. */
  deadline: number
  /** How pictures are encoded anew, where that is asked for. */
  encoding: Omit<ExactOptions, 'ffmpegPath'>
  log: Logger
}

/** The job as the operator hands it over. Throws with the field that is wrong. */
export function clipJobFrom(environment: NodeJS.ProcessEnv): ClipJob {
  return clipJobSchema.parse(JSON.parse(jsonOfVariables(clipJobEnv, environment) ?? ''))
}

/**
 * Cuts a clip out of a recording in COS: reads its manifests, of each file its head and what is needed of its body, and stores each cut file. One file at a
 * time, so that neither memory nor disk grows with their number. Never rejects.
 */
export async function runClip(job: ClipJob, options: ClipOptions): Promise<ClipResult> {
  const files: ClipFile[] = []
  try {
    await mkdir(options.workDirectory, { recursive: true })
    const recorded: SourceFile[] = []
    for (const key of job.manifests) recorded.push(...(await readFiles(key, options)))
    for (const cutting of cuttingsOf(recorded, job)) {
      const file = await cutOne(cutting, objectReader(cutting.file, options), job, options)
      if (file !== undefined) files.push(clipFileSchema.parse(file))
    }
    return resultOf(job, files)
  } catch (error) {
    const message = (error as Error).message.slice(0, 1024)
    options.log.error({ error: message }, 'Clip failed')
    if (!(error instanceof StoreError)) return { version: 1, outcome: 'FilesFailed', message, files }
    return { version: 1, outcome: error.kind === 'refused' ? 'StorageRefused' : 'StorageUnavailable', message, files }
  }
}

export function resultOf({ from, to }: Pick<ClipJob, 'from' | 'to'>, files: ClipFile[]): ClipResult {
  const failed = files.find(({ status }) => status === 0)
  if (failed !== undefined) return { version: 1, outcome: 'FilesFailed', message: `${failed.source}: ${failed.message}`, files }
  const hidden = files.filter(({ exactness = 'Exact' }) => exactness !== 'Exact')
  const [first] = hidden
  if (first !== undefined) {
    const count = `${hidden.length} of ${files.length} files, which are stored, ${hidden.length === 1 ? 'is' : 'are'} not exact`
    const message = `${count}: ${first.source}: ${first.exactness}: ${first.message}`.slice(0, 1024)
    return { version: 1, outcome: 'NotExact', message, files }
  }
  if (files.length > 0) return { version: 1, outcome: 'Completed', message: `${files.length} files are stored`, files }
  const message = `Nobody who is asked for was recorded between ${from} and ${to}`
  return { version: 1, outcome: 'NothingThere', message, files }
}

/** What a clip needs of a manifest. In all the rest a later release may have words that are not known here. */
const sourcesSchema = z.object({
  version: z.literal(1),
  files: z.array(
    manifestFileSchema.pick({
      ...{ userId: true, stream: true, path: true, status: true, message: true },
      ...{ bytes: true, startTime: true, endTime: true, durationSeconds: true, times: true },
    }),
  ),
})

async function readFiles(key: string, { store, deadline }: ClipOptions): Promise<SourceFile[]> {
  const text = (await store.read(key, undefined, { deadline })).toString()
  try {
    return sourcesSchema.parse(JSON.parse(text)).files
  } catch (cause) {
    throw new Error(`${key} is no manifest that this release can read`, { cause })
  }
}

/** Undefined where the file has nothing in that time after all. Rejects where COS refuses, or does not answer, or there was too little time: that is no matter of one file. */
export async function cutOne(
  cutting: Cutting,
  reader: ClipReader,
  job: Pick<ClipJob, 'clip' | 'cos' | 'exact'>,
  options: ClipOptions,
): Promise<ClipFile | undefined> {
  const { file, startTime } = cutting
  const { log } = options
  const about = { userId: file.userId, stream: file.stream, source: file.path, path: clipKey(job, file.path) }
  const failed = (message: string): ClipFile => {
    log.error({ source: file.path, error: message }, 'File of the clip failed')
    const nothing = { url: '', status: 0, bytes: 0, readBytes: 0, durationSeconds: 0, startTime: startTime.toISOString() }
    return { ...about, ...nothing, message: message.slice(0, 512) }
  }
  if (file.status === 0) return failed(`the file of the recording is not whole in COS: ${file.message}`)
  const bodyPath = join(options.workDirectory, 'clip.body')
  try {
    const ffmpegPath = findFfmpeg()
    const exact = job.exact ? { ffmpegPath, ...options.encoding } : undefined
    const cut = await cutFile(reader, file.path, { ...cutting, bodyPath, ...(exact === undefined ? {} : { exact }) })
    if (cut === undefined) return undefined
    const problems = await checkClip(file.path, cut, bodyPath, ffmpegPath)
    if (problems.length > 0) return failed(problems.join('; '))
    const { url, bytes } = await store(about.path, cut, bodyPath, options)
    const { readBytes } = reader
    const { exactness } = cut
    log.info({ source: file.path, file: about.path, bytes, readBytes, exactness }, 'File of the clip stored')
    const durationSeconds = Math.round(cut.durationSeconds * 1000) / 1000
    const message = exactness === undefined || exactness.is === 'Exact' ? 'ok' : exactness.why.slice(0, 512)
    const stored = { url, status: 1, message, bytes, readBytes, durationSeconds }
    const told = exactness === undefined ? {} : { exactness: exactness.is }
    return { ...about, ...stored, ...told, startTime: startTime.toISOString() }
  } catch (error) {
    if (error instanceof GivenBackError || error instanceof NotEncodedError) throw error
    if (error instanceof StoreError && error.code !== 'NoSuchKey') throw error
    return failed((error as Error).message)
  } finally {
    await rm(bodyPath, { force: true })
  }
}

async function store(
  key: string,
  { head, bodyBytes }: CutFile,
  bodyPath: string,
  { store, deadline, workDirectory }: ClipOptions,
) {
  const logPath = join(workDirectory, 'clip.jsonl')
  const contentType = key.endsWith('.mp3') ? 'audio/mpeg' : 'video/mp4'
  try {
    return await store.open({ key, bodyPath, logPath, contentType }).finish(head, bodyBytes, { deadline })
  } finally {
    await rm(logPath, { force: true })
  }
}

/** Counts what it has read. */
export type ClipReader = RangeReader & { readBytes: number }

export function objectReader(
  { path, bytes }: Pick<Cutting['file'], 'path' | 'bytes'>,
  { store, deadline }: Pick<ClipOptions, 'store' | 'deadline'>,
): ClipReader {
  return {
    bytes,
    readBytes: 0,
    async read(start, end) {
      const data = await store.read(path, { start, end }, { deadline })
      this.readBytes += data.length
      return data
    },
  }
}
