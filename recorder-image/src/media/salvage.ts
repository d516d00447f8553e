import { readdir } from 'node:fs/promises'
import type { Loss } from '@trtc-recorder/api'
import { isVolumeFull, mayPass } from '../disk/volume-full.ts'
import { noSound } from '../timeline/audio-axis.ts'
import { median } from '../timeline/clock.ts'
import type { Stretch } from '../timeline/cuts.ts'
import { longStep } from '../timeline/unproven-pictures.ts'
import { soundKind } from './audio-format.ts'
import { AudioTrack, defaultRestMs } from './audio-track.ts'
import { axisRules } from './axis-rules.ts'
import { BodyWriter, type KeptBytes } from './body-writer.ts'
import { findFfmpeg } from './ffmpeg.ts'
import { finishQueue } from './finish-queue.ts'
import { encodedRecord, picturesRecord } from './index-records.ts'
import type { NumberedSample } from './indexed-pictures.ts'
import { knowHoles } from './known-holes.ts'
import type { VideoColumns } from './media-columns.ts'
import type { FinishedMedia, MediaFileDeps, MediaFileIdentity, SalvagedMediaFile, WholeMedia } from './media-file.ts'
import { type MediaIndex, readMediaIndex } from './media-index.ts'
import {
  type FileLoss,
  indexLosses,
  journalLoss,
  leftOutLosses,
  uncountedLoss,
  unprovenLoss,
  untoldLoss,
} from './media-losses.ts'
import { indexExtension, type MediaPaths, mediaPaths, removeMedia } from './media-paths.ts'
import { OpusTrack } from './opus-track.ts'
import { recoverSound } from './recover-sound.ts'
import { type JournalDamage, readJournal, sizeOf } from './sound-journal.ts'
import { finishInto, type SoundTrack } from './sound-track.ts'
import type { UnfinishedMedia } from './unfinished-media.ts'
import { wholeBatches } from './whole-batches.ts'

/** How often the pictures behind the last hole alone are given up, before all of which it is not known whether they can be decoded are. */
const mostTries = 4

/** Names of the files in `directory`, in order. */
export async function leftMediaFiles(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith(indexExtension))
  return names.map((name) => name.slice(0, -indexExtension.length)).sort()
}

/**
 * A file that an earlier attempt left in `directory`, cut to what is whole; sound that had arrived but was not encoded yet is encoded by
 * `finish`. One that held nothing yet is removed, and undefined comes back; of pictures that came and were no use the ledger is told. Rejects for one that
 * cannot be read, and leaves it alone.
 */
export async function salvageMediaFile(
  directory: string,
  name: string,
  deps: MediaFileDeps,
): Promise<SalvagedMediaFile | undefined> {
  const paths = mediaPaths(directory, name)
  const index = await readMediaIndex(paths.index)
  const bytes = (await sizeOf(paths.body)) + (await sizeOf(paths.journal))
  const heldNothing = bytes + index.bodyBytes + index.damagedBytes + index.problems.length === 0
  if (index.identity !== undefined) {
    await knowHoles(paths, index.identity as MediaFileIdentity, deps)
    const file = new LeftMediaFile(paths, index, await keptBytes(paths, index), deps)
    if (!heldNothing) return file
    await file.tellOfNothing()
    // Once it is gone nothing else says that it was there.
    await deps.ledger.settle()
  } else if (bytes > 0) throw new Error(`${paths.index} says nothing of ${bytes} bytes of media`)
  await removeMedia(paths)
  deps.log.info({ file: paths.index }, 'Removed a file that held nothing yet')
  return undefined
}

class LeftMediaFile implements SalvagedMediaFile {
  readonly identity: MediaFileIdentity
  readonly bodyPath: string
  onGrowth: (bodyBytes: number) => void = () => {}
  onWhole: (whole: WholeMedia) => void = () => {}
  readonly #paths: MediaPaths
  readonly #problems: readonly string[]
  readonly #pauses: readonly Stretch[]
  readonly #deps: MediaFileDeps
  #writer: BodyWriter
  /** Pictures that follow though it never showed whether they can be decoded. */
  #doubtful: readonly NumberedSample[] = []
  /** Whether they can be decoded shows when they are. */
  #isDecodingProof = true
  /** Those that came, and those of them that the ledger has; undefined where nobody counted, or not all of that can be read. */
  #pictures: UnfinishedMedia['pictures']
  #problem: string | undefined
  #finished: Promise<FinishedMedia> | undefined

  constructor(paths: MediaPaths, index: MediaIndex, kept: KeptBytes, deps: MediaFileDeps) {
    // Versions before knew neither.
    const before = { part: 1, audioCodec: 'AAC', gaps: 'Keep', pause: 'Silence' } as const
    this.identity = { ...before, ...(index.identity as Omit<MediaFileIdentity, keyof typeof before>) }
    this.bodyPath = paths.body
    this.#paths = paths
    this.#problems = index.problems
    this.#pauses = index.pauses
    this.#deps = deps
    this.#writer = new BodyWriter(paths, kept)
  }

  get bodyBytes(): number {
    return this.#writer.durable
  }

  get recordedBytes(): number {
    return this.#writer.covered
  }

  get problem(): string | undefined {
    return this.#problem
  }

  /** It has nothing in it. What came was no use, and the ledger has it. */
  async tellOfNothing(): Promise<void> {
    this.#account(await readMediaIndex(this.#paths.index))
    await this.#writer.close()
  }

  finish(): Promise<FinishedMedia> {
    this.#finished ??= this.#finish()
    return this.#finished
  }

  async discard(): Promise<void> {
    await this.finish()
    await removeMedia(this.#paths)
  }

  async #finish(): Promise<FinishedMedia> {
    let finished = await this.#finishOnce()
    for (let tries = 1; finished.check?.result === 'Failed' && this.#doubtful.length > 0; tries++) {
      await this.#giveUp(tries < mostTries ? lastHole(this.#doubtful) : 0)
      finished = await this.#finishOnce()
    }
    this.#problem = finished.problem
    if (this.#doubtful.length > 0 && !(this.#isDecodingProof && finished.check?.result === 'Passed')) this.#tellUnproven()
    return finished
  }

  #tellUnproven(): void {
    const isTold = this.#told.some(({ reason }) => reason === 'Unproven')
    if (!isTold) this.#tell([unprovenLoss(this.#doubtful)])
  }

  get #told(): Loss[] {
    return this.#deps.ledger.lossesOf(this.identity.name)
  }

  #finishOnce(): Promise<FinishedMedia> {
    return finishQueue.finish(
      async () => {
        try {
          return await this.#complete()
        } finally {
          await this.#writer.close()
        }
      },
      // With pictures of which the check has to show whether they can be decoded, it is not whole before.
      (whole) => {
        if (this.#doubtful.length === 0) this.onWhole(whole)
      },
    )
  }

  /** The file does not decode with those from here on: so something was lost before them. */
  async #giveUp(from: number): Promise<void> {
    const { index, kept } = await this.#read()
    this.#writer = new BodyWriter(this.#paths, kept)
    await this.#leaveOut(index.pictures.count - this.#doubtful.length, this.#doubtful.slice(from))
    await this.#sync()
  }

  async #read(): Promise<{ index: MediaIndex; kept: KeptBytes }> {
    const index = await readMediaIndex(this.#paths.index)
    return { index, kept: await keptBytes(this.#paths, index) }
  }

  /** Never will they be decoded; that is told once. */
  async #leaveOut(picturesBefore: number, leftOut: readonly NumberedSample[]): Promise<void> {
    if (leftOut.length === 0) return
    this.#tell(leftOutLosses(leftOut))
    const pictures = leftOut.map(({ number }) => ({ kind: 'givenUp' as const, number }))
    await this.#writer.writeBatch([], (offset) => picturesRecord(offset, [], { picturesBefore, firstWaiting: 0, pictures }))
  }

  #tell(losses: readonly FileLoss[]): void {
    const { userId, stream, name } = this.identity
    for (const loss of losses) this.#deps.ledger.add({ ...loss, userId, stream, file: name })
  }

  /** What became of it on the volume, and of pictures that nothing more comes for. */
  async #settle(index: MediaIndex): Promise<void> {
    const { leftOut, followed, count } = index.pictures
    this.#account(index)
    await this.#leaveOut(count - followed.length, leftOut)
    // Those of H.264 are in order by their numbers.
    const isDoubtful = index.configs.some(({ codec }) => codec !== 'h264' && codec !== 'h265')
    this.#doubtful = isDoubtful ? followed : []
    this.#isDecodingProof = index.configs.every(({ codec }) => codec === 'av1')
  }

  /** Every picture that came is in the file, or in the ledger. */
  #account(index: MediaIndex): void {
    const { came, losses, leftOut, columns, followed } = index.pictures
    const isDamageTold = this.#told.some(({ reason }) => reason === 'DiskDamaged')
    if (!isDamageTold) this.#tell(indexLosses(index, this.identity))
    this.#pictures = undefined
    if (came === undefined) return
    const atMicros = Math.max(
      ...followed.map(({ picture }) => picture.sample.receiveTimeMicros),
      lastOf(columns),
      this.identity.openedMicros,
    )
    const told = this.#told.reduce((sum, loss) => sum + (isOfCame(loss) ? (loss.frames ?? 0) : 0), 0)
    if (came.lost > told) this.#tell([untoldLoss(came.lost - told, atMicros)])
    const damaged = losses.reduce((sum, { frames }) => sum + frames, 0)
    const lost = came.lost + leftOut.length + damaged
    const rest = came.received - lost - columns.bytes.length
    if (index.damagedBytes === 0) this.#pictures = { received: came.received, lost }
    else if (rest > 0 && !isDamageTold) this.#tell([uncountedLoss(rest, atMicros)])
  }

  /** Encodes what had arrived and was not encoded yet. */
  async #complete(): Promise<UnfinishedMedia> {
    // What is not whole is cut off first.
    await this.#sync()
    const ffmpegPath = this.#deps.ffmpegPath ?? findFfmpeg()
    await this.#recoverSound(await readMediaIndex(this.#paths.index), ffmpegPath)
    const index = await readMediaIndex(this.#paths.index)
    await this.#settle(index)
    const log = this.#deps.log.child({ file: this.identity.name, userId: this.identity.userId })
    const problems = [...this.#problems]
    const audio = await this.#sound(index, ffmpegPath, log)
    if (audio !== undefined) await this.#write(audio)
    if (audio?.problem !== undefined) problems.push(audio.problem)
    else if (audio !== undefined && !index.encoded) this.#writer.note(encodedRecord())
    await this.#writer.flush()
    if (await this.#sync()) this.onGrowth(this.bodyBytes)
    if (this.#writer.error !== undefined) problems.push(`writing to ${this.#paths.body} failed: ${this.#writer.error.message}`)
    const { spans, gaps, cuts } = audio?.axis ?? noSound
    return {
      paths: this.#paths,
      identity: this.identity,
      sound: { spans, gaps, cuts },
      problems,
      pictures: this.#pictures,
      packets: problems.length === 0 ? audio?.axis.packets : undefined,
      undecodable: 0,
      ffmpegPath,
    }
  }

  /** What the volume does not take is tried again. Whether the body grew. */
  async #sync(): Promise<boolean> {
    for (let tries = 0; ; tries++) {
      const grew = await this.#writer.sync()
      const { error } = this.#writer
      if (!mayPass(error) || tries === 2) return grew
      if (isVolumeFull(error)) this.#deps.onVolumeFull?.()
      await this.#writer.retry()
    }
  }

  async #sound(
    { audio: { sizes, axisEnd }, encoded }: MediaIndex,
    ffmpegPath: string,
    log: MediaFileDeps['log'],
  ): Promise<SoundTrack | undefined> {
    if (this.identity.mode === '01') return undefined
    const options = {
      journal: this.#writer.journal,
      // What was lost was told when it was.
      onLoss: () => {},
      onDamage: (damage: JournalDamage) => this.#tell([journalLoss(damage, this.identity.openedMicros)]),
    }
    const { format } = soundKind(this.identity)
    const frames = sizes.length
    if (format === undefined) {
      const track = new OpusTrack(options, { frames, axisEnd })
      await track.salvage()
      return track
    }
    const rules = axisRules(this.identity, this.#pauses)
    const track = new AudioTrack(
      { ...options, ffmpegPath, format, log, rules, onAudio: () => {}, restMs: defaultRestMs },
      { frames },
    )
    if (encoded) await track.readJournal()
    else await finishInto(track, () => this.#write(track))
    return track
  }

  /** Sound of which a damaged index does not say any more where it is: what the journal still has of it is made again. */
  async #recoverSound({ missingSound }: MediaIndex, ffmpegPath: string): Promise<void> {
    const { format } = soundKind(this.identity)
    // Of MP3 the bytes are in the file whatever the index says of them.
    if (this.identity.mode === '00') return
    const options = { journalPath: this.#paths.journal, format, ffmpegPath, rules: axisRules(this.identity, this.#pauses) }
    for (const missing of missingSound) {
      const batch = await recoverSound(missing, options)
      if (batch !== undefined) await this.#writer.writeBatch(batch.chunks, batch.record)
    }
    await this.#sync()
  }

  async #write(track: SoundTrack): Promise<void> {
    for (const { chunks, record } of track.take()) await this.#writer.writeBatch(chunks, record)
  }
}

/** The last of these pictures that may lack one before it: most likely it is one that was on its way when the recorder ended. */
function lastHole(pictures: readonly NumberedSample[]): number {
  const step = (at: number) => (at === 0 ? 0 : (rtpOf(pictures[at]!) - rtpOf(pictures[at - 1]!)) | 0)
  const usual = median(pictures.map((_, at) => step(at)).filter((ticks) => ticks > 0))
  return Math.max(
    0,
    pictures.findLastIndex((_, at) => step(at) > longStep * usual),
  )
}

/** Whether a loss is of pictures that a recorder had counted as come. */
const isOfCame = ({ medium, reason, bytes }: Loss) =>
  medium === 'video' && (reason === 'RecorderKilled' || (reason !== 'DiskDamaged' && reason !== 'Unproven' && bytes !== null))

const lastOf = ({ receiveTimesMicros }: VideoColumns) => receiveTimesMicros.at(receiveTimesMicros.length - 1)

const rtpOf = ({ picture }: NumberedSample) => picture.sample.rtpTimestamp

/** How much of each file is whole and agrees with the others. */
async function keptBytes(paths: MediaPaths, index: MediaIndex): Promise<KeptBytes> {
  const journal = await wholeJournalBytes(paths.journal)
  const whole = await wholeBatches(paths, index.version)
  if (whole === 'all') return { body: index.bodyBytes, index: index.wholeBytes, journal }
  return { body: whole.bodyBytes, index: whole.indexBytes, journal }
}

async function wholeJournalBytes(path: string): Promise<number> {
  if ((await sizeOf(path)) === 0) return 0
  const reader = readJournal(path)
  for (let next = await reader.next(); ; next = await reader.next()) if (next.done === true) return next.value
}
