import { mkdir, statfs } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type ClipAnswer,
  type ClipFile,
  type ClipRequest,
  type ClipRequests,
  isListed,
  keyPrefix,
  type RecorderJob,
} from '@trtc-recorder/api'
import type { Logger } from 'pino'
import type { Clock } from '../clock/clock.ts'
import { holesOf, touchesHole } from '../disk/holes.ts'
import { FinishedFile } from '../media/finished-file.ts'
import type { MediaSnapshot } from '../media/media-file.ts'
import type { FileKeeper } from '../recorder/file-keeper.ts'
import type { FileOrigin } from '../recorder/kept-file.ts'
import type { Volume } from '../recorder/volume.ts'
import { createLimiter } from '../store/limiter.ts'
import type { ReadableStore } from '../store/upload.ts'
import { timesTold } from '../timeline/time-table.ts'
import { cuttingsOf, type SourceFile } from './clip-plan.ts'
import { GivenBackError } from './cut-file.ts'
import { type ClipReader, cutOne, objectReader, resultOf } from './run-clip.ts'

/** What came until then is on the volume by now, or a batch later: the sound is encoded a second at a time. */
const patienceMillis = 2500
const lookAgainMillis = 150
/** It may be set ahead meanwhile. */
const lookAtClockMillis = 1000
/** What is being finished is in COS a moment later, if it takes it. */
const settleMillis = 10_000
const storeMillis = 60_000
/** So long pictures of a clip may be encoded while others wait. A Pod has more time, when the recording is over. */
const encodeMillis = 60_000
/** The volume is for the recording: a clip leaves it so much, and twice what it takes itself. */
const leftFreeBytes = 256 * 1024 * 1024

export interface LiveClipsOptions {
  job: RecorderJob
  keeper: Pick<FileKeeper, 'growing' | 'settled' | 'failed'>
  volume: Pick<Volume, 'files' | 'clipsDirectory'>
  /** One of its own: what is recorded does not wait for clips. */
  store: ReadableStore
  /** By which the times of the recording are told. */
  clock: Pick<Clock, 'date'>
  log: Logger
}

/** A file to cut from: it goes on, or it is in COS. */
type Source = SourceFile & ({ goesOn: false } | { goesOn: true; snapshot: MediaSnapshot; bodyPath: string })

/**
 * Cuts clips out of a recording that goes on, from what is on the volume, one at a time. A clip that cannot be cut now costs nothing but itself: its answer
 * says why, and that it is to be cut when the recording is over.
 */
export class LiveClips {
  readonly #options: LiveClipsOptions
  readonly #answers = new Map<string, ClipAnswer>()
  readonly #limit = createLimiter(1)
  readonly #over = new AbortController()
  #wanted = new Set<string>()

  constructor(options: LiveClipsOptions) {
    this.#options = options
  }

  /** Every clip that is wanted now. What is not wanted any more is forgotten. */
  heed({ clips }: ClipRequests): void {
    this.#wanted = new Set(clips.map(({ clip }) => clip.uid))
    for (const uid of [...this.#answers.keys()]) if (!this.#wanted.has(uid)) this.#answers.delete(uid)
    for (const request of clips) if (!this.#answers.has(request.clip.uid)) void this.#take(request)
  }

  /** Of each clip that is wanted, in the order in which they were asked for. */
  get answers(): ClipAnswer[] {
    return [...this.#answers.values()]
  }

  /** The recording is over: what is not cut yet is cut from what COS has then. */
  end(): void {
    this.#over.abort()
  }

  async #take(request: ClipRequest): Promise<void> {
    const { uid } = request.clip
    const { signal } = this.#over
    const answer = (one: ClipAnswer) => {
      if (this.#wanted.has(uid)) this.#answers.set(uid, one)
    }
    const waitMillis = Date.parse(request.to) - this.#now
    answer({ is: 'waiting', uid, message: waitMillis > 0 ? `waits for ${request.to}` : 'waits for its turn' })
    try {
      await this.#reached(Date.parse(request.to), signal)
      await this.#limit(async () => {
        if (signal.aborted || !this.#wanted.has(uid)) return
        const result = await this.#cut(request, (message) => answer({ is: 'waiting', uid, message }))
        // What COS has in the end may be whole.
        if (result.outcome === 'FilesFailed') throw new Error(result.message)
        this.#options.log.info({ clip: request.clip.name, outcome: result.outcome }, 'Clip cut while the recording goes on')
        answer({ is: 'over', uid, result })
      })
    } catch (error) {
      if (signal.aborted) return
      const message = (error as Error).message.slice(0, 512)
      this.#options.log.warn({ clip: request.clip.name, error: message }, 'Clip cannot be cut while the recording goes on')
      answer({ is: 'later', uid, message })
    }
  }

  get #now(): number {
    return this.#options.clock.date().getTime()
  }

  async #reached(millis: number, signal: AbortSignal): Promise<void> {
    for (let left = millis - this.#now; left > 0; left = millis - this.#now) {
      await sleep(Math.min(left, lookAtClockMillis), undefined, { ref: false, signal })
    }
  }

  async #cut(request: ClipRequest, onWaiting: (message: string) => void) {
    const { job, volume, store, log } = this.#options
    const encodeUntil = performance.now() + encodeMillis
    const files: ClipFile[] = []
    const workDirectory = volume.clipsDirectory
    await mkdir(workDirectory, { recursive: true })
    for (const { file, ...cutting } of cuttingsOf(await this.#sources(request), request)) {
      const encoding = {
        until: encodeUntil,
        signal: this.#over.signal,
        findRoom: (bytes: number) => this.#findRoom(bytes),
        whenLate: 'reject' as const,
        // Tenths: each is a change of the status.
        onDone: (share: number) => onWaiting(`encodes pictures of ${file.userId} anew: ${Math.floor(share * 10) * 10} %`),
      }
      const options = { store, workDirectory, deadline: performance.now() + storeMillis + encodeMillis, encoding, log }
      const share = (cutting.toSeconds - cutting.fromSeconds) / Math.max(1, file.durationSeconds)
      await this.#findRoom(file.bytes * Math.min(1, share) * 2)
      const { reader, close } = await this.#open(file, options)
      try {
        const cut = await cutOne(
          { file, ...cutting },
          reader,
          { clip: request.clip, cos: job.spec.cos, exact: request.exact },
          options,
        )
        if (cut !== undefined) files.push(cut)
      } finally {
        await close()
      }
    }
    return resultOf(request, files)
  }

  /** All that there may be something in; those that go on as far as they have to go. */
  async #sources(request: ClipRequest): Promise<Source[]> {
    const { job, keeper, volume } = this.#options
    const toMillis = Date.parse(request.to)
    await Promise.race([keeper.settled(), sleep(settleMillis, undefined, { ref: false })])
    const notes = await volume.files()
    const isMissing = ({ name, userId, stream, openedMicros }: FileOrigin) =>
      request.streams.includes(stream) &&
      isListed({ include: request.users, exclude: [] }, userId) &&
      openedMicros < toMillis * 1000 &&
      !notes.some(({ file }) => file.path.endsWith(`/${name}`) || file.path === name)
    const missing = keeper.failed.find(isMissing)
    if (missing !== undefined) throw new Error(`${missing.name} is not in COS yet`)
    const live = keeper.growing.map(async ({ origin, media }): Promise<Source[]> => {
      let snapshot = await media.snapshot()
      while (snapshot !== undefined && snapshot.reachesMicros < toMillis * 1000 && this.#now < toMillis + patienceMillis) {
        await sleep(lookAgainMillis)
        snapshot = await media.snapshot()
      }
      if (snapshot === undefined) return []
      const { head, bodyBytes, durationSeconds, startTime, endTime, times } = snapshot
      const about = { userId: origin.userId, stream: origin.stream, path: keyPrefix(job.spec.cos.path) + origin.name }
      const whole = {
        status: 1 as const,
        message: 'ok',
        bytes: head.length + bodyBytes,
        durationSeconds,
        times: timesTold(times),
      }
      const span = { startTime: startTime.toISOString(), endTime: endTime.toISOString() }
      return [{ ...about, ...whole, ...span, goesOn: true, snapshot, bodyPath: media.bodyPath }]
    })
    const open = (await Promise.all(live)).flat()
    const stored = notes.map(({ file }): Source => ({ ...file, goesOn: false }))
    return [...stored, ...open]
  }

  async #findRoom(needed: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.#options.volume.clipsDirectory)
    if (bavail * bsize < needed + leftFreeBytes) throw new Error('there is no room on the volume to cut it beside the recording')
  }

  async #open(
    file: Source,
    options: { store: ReadableStore; deadline: number },
  ): Promise<{ reader: ClipReader; close: () => Promise<void> }> {
    if (!file.goesOn) return { reader: objectReader(file, options), close: async () => {} }
    const { snapshot, bodyPath } = file
    const { head, bodyBytes } = snapshot
    const finished = await FinishedFile.open(head, bodyPath, bodyBytes)
    const reader: ClipReader = {
      bytes: finished.bytes,
      readBytes: 0,
      async read(start, end) {
        const bytes = await finished.read(start, end)
        // That they are gone is written down before they are: what was read before that was written is what it was.
        const [from, to] = [start - head.length, end - head.length]
        if (to > 0 && touchesHole(holesOf(bodyPath), Math.max(0, from), to)) throw new GivenBackError(file.path)
        reader.readBytes += bytes.length
        return bytes
      },
    }
    return { reader, close: () => finished.close() }
  }
}
