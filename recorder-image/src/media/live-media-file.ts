import type { LossReason } from '@trtc-recorder/api'
import { isVolumeFull, mayPass } from '../disk/volume-full.ts'
import type { EncodedFrame } from '../tap/frame.ts'
import { noSound } from '../timeline/audio-axis.ts'
import type { Stretch } from '../timeline/cuts.ts'
import type { CountedHole } from '../timeline/picture-gaps.ts'
import { soundKind } from './audio-format.ts'
import { AudioTrack, defaultRestMs } from './audio-track.ts'
import { axisRules } from './axis-rules.ts'
import { BodyWriter } from './body-writer.ts'
import { findFfmpeg } from './ffmpeg.ts'
import { finishQueue } from './finish-queue.ts'
import {
  encodedRecord,
  identityRecord,
  pauseRecord,
  picturesCameRecord,
  picturesRecord,
  problemRecord,
  videoConfigRecord,
  wouldFollowRecord,
} from './index-records.ts'
import { knowHoles } from './known-holes.ts'
import type {
  FinishedMedia,
  Handover,
  MediaFile,
  MediaFileDeps,
  MediaFileIdentity,
  MediaSnapshot,
  WholeMedia,
} from './media-file.ts'
import { type FileLoss, journalLoss, refusedByDisk, unwrittenPictures, unwrittenSound } from './media-losses.ts'
import { type MediaPaths, mediaPaths, removeMedia } from './media-paths.ts'
import { OpusTrack, type OpusTrackOptions } from './opus-track.ts'
import { Safety } from './safety.ts'
import { SilenceAhead } from './silence-ahead.ts'
import { SoundReader } from './sound-reader.ts'
import { SoundSeam } from './sound-seam.ts'
import { finishInto, type SoundTrack } from './sound-track.ts'
import { belongsInFile, canBeginFile, isCameraOff } from './split.ts'
import type { UnfinishedMedia } from './unfinished-media.ts'
import { VideoTrack } from './video-track.ts'

/** What a batch of the page brought, and what the encoder makes of it a moment later, is written at once. */
const defaultBatchMs = 250
/** What a stalled disk may make wait; beyond it pictures are left out up to the next key frame. */
const maxWaitingBytes = 64 * 1024 * 1024
/** One that has no room for another size lasts at least so long: a sender may make sizes for nothing but the files that they cost. */
const leastFullMicros = 10_000_000

/** Starts a file in `directory`, which must exist. What goes wrong with the disk is said by `problem` and at `finish`. */
export const openMediaFile = (directory: string, identity: MediaFileIdentity, deps: MediaFileDeps): MediaFile =>
  new LiveMediaFile(directory, identity, deps)

/** A file that is being recorded: frames in, batches out, a few times a second. */
class LiveMediaFile implements MediaFile {
  readonly identity: MediaFileIdentity
  readonly bodyPath: string
  recordedBytes = 0
  onGrowth: (bodyBytes: number) => void = () => {}
  onBody: (bodyBytes: number) => void = () => {}
  onWhole: (whole: WholeMedia) => void = () => {}
  readonly #paths: MediaPaths
  readonly #deps: Required<Omit<MediaFileDeps, 'before'>>
  readonly #writer: BodyWriter
  readonly #silence: SilenceAhead
  readonly #sound = new SoundReader((frame, reason, detail) => this.#lost(frame, reason, detail))
  readonly #seam: SoundSeam
  #video: VideoTrack | undefined
  #audio: SoundTrack | undefined
  readonly #problems = new Set<string>()
  readonly #pauses: Stretch[] = []
  #firstMicros: number | undefined
  #pictures = 0
  #lostPictures = 0
  /** Of them, as the index has it. */
  #lostInIndex = 0
  #firstPictureMicros: number | undefined
  #lastPictureMicros = 0
  #firstSoundMicros = Number.POSITIVE_INFINITY
  #lastSoundMicros = 0
  #waitingBytes = 0
  readonly #safety = new Safety()
  /** The volume takes nothing, though it was tried again with what had been set aside. */
  #takesNothing = false
  /** Where the sound lies on the axis that is in the body. */
  #soundWritten = 0
  /** Tell the ledger of batches that did not get onto the disk, if they never do. */
  readonly #unwritten: (() => void)[] = []
  /** Front part of the journal, in bytes, that nothing needs any more, whatever happens to process and machine. */
  #journalDone = 0
  #endsSoon = false
  /** By the clock of the frames: since when it is to end as soon as another can begin. */
  #endsSinceMicros: number | undefined
  #timer: NodeJS.Timeout | undefined
  #flushed: Promise<void> = Promise.resolve()
  #finished: Promise<FinishedMedia> | undefined

  constructor(directory: string, identity: MediaFileIdentity, deps: MediaFileDeps) {
    this.identity = identity
    this.#paths = mediaPaths(directory, identity.name)
    this.bodyPath = this.#paths.body
    const ffmpegPath = deps.ffmpegPath ?? findFfmpeg()
    const log = deps.log.child({ file: identity.name, userId: identity.userId })
    this.#deps = {
      ffmpegPath,
      log,
      ledger: deps.ledger,
      batchMs: deps.batchMs ?? defaultBatchMs,
      onVolumeFull: deps.onVolumeFull ?? (() => {}),
      onVolumeFailed: deps.onVolumeFailed ?? (() => {}),
      encoderRestMs: deps.encoderRestMs ?? defaultRestMs,
    }
    this.#writer = new BodyWriter(this.#paths)
    this.#silence = new SilenceAhead(this.#writer, identity)
    const before = deps.before?.handOver()
    this.#seam = new SoundSeam(before?.sound)
    // Twice: without it nobody would know what the rest was, though a single bit of it had changed.
    for (let copies = 0; copies < 2; copies++) this.#writer.note(identityRecord(identity))
    if (identity.mode !== '00') {
      this.#video = new VideoTrack(
        (frame, reason, detail) => this.#lost(frame, reason, detail),
        ({ pictures, picturesAre, ...times }) => {
          const frames = { frames: pictures, ...(picturesAre === undefined ? {} : { framesAre: picturesAre }) }
          this.#lose({ medium: 'video', ...times, ...frames, bytes: null, reason: 'LostInNetwork', detail: '' })
        },
        before?.pictures,
      )
    }
    if (identity.mode !== '01') {
      const { journal } = this.#writer
      const onLoss: OpusTrackOptions['onLoss'] = ({ packets, ...loss }) =>
        this.#lose({ ...loss, medium: 'audio', frames: packets, detail: '' })
      const onDamage: OpusTrackOptions['onDamage'] = (damage) => this.#lose(journalLoss(damage, identity.openedMicros))
      const { format } = soundKind(identity)
      this.#audio =
        format === undefined
          ? new OpusTrack({ journal, onLoss, onDamage })
          : new AudioTrack({
              ...{ ffmpegPath, format, journal, log, onAudio: () => this.#flushSoon(), onLoss, onDamage },
              rules: axisRules(identity, this.#pauses),
              restMs: this.#deps.encoderRestMs,
            })
    }
    this.#flushSoon()
  }

  get bodyBytes(): number {
    return this.#writer.durable
  }

  get problem(): string | undefined {
    return this.#problems.size === 0 ? undefined : [...this.#problems].join('; ')
  }

  takes(frame: EncodedFrame): boolean {
    // By the clock of the frames, which is not stepped.
    this.#firstMicros ??= frame.receiveTimeMicros
    if (this.#video?.isOvertaken(frame)) return true
    if (this.#video?.isFull && frame.receiveTimeMicros - this.#firstMicros >= leastFullMicros) this.endSoon()
    if (this.#endsSoon) {
      this.#endsSinceMicros ??= frame.receiveTimeMicros
      if (isCameraOff(frame, this.#lastPictureMicros)) return false
      if (canBeginFile(frame, this.#video?.codec, frame.receiveTimeMicros - this.#endsSinceMicros)) return false
    }
    return belongsInFile(frame, this.#firstMicros, this.#video?.codec)
  }

  write(frame: EncodedFrame): boolean {
    if (this.#finished !== undefined) return true
    if (frame.kind === 'video' && this.#video !== undefined) this.#pictures++
    const { error } = this.#writer
    // What the volume does not take waits until it was tried again.
    if (error !== undefined && (this.#takesNothing || !mayPass(error))) {
      return this.#refuse(frame, refusedByDisk(error)) || !mayPass(error)
    }
    const track = frame.kind === 'video' ? this.#video : this.#audio
    if (track === undefined) return true
    if (frame.kind === 'video' && this.#waitingBytes > maxWaitingBytes) {
      this.#report('pictures were left out because the disk did not keep up')
      return this.#refuse(frame, { reason: 'DiskSlow', detail: '' })
    }
    this.#safety.given++
    this.recordedBytes += frame.data.length
    this.#waitingBytes += frame.data.length
    this.#flushSoon()
    if (frame.kind === 'video') {
      this.#firstPictureMicros ??= frame.receiveTimeMicros
      this.#lastPictureMicros = frame.receiveTimeMicros
      return this.#video?.push(frame) ?? true
    }
    this.#firstSoundMicros = Math.min(this.#firstSoundMicros, frame.receiveTimeMicros)
    this.#lastSoundMicros = Math.max(this.#lastSoundMicros, frame.receiveTimeMicros)
    for (const packet of this.#sound.read(frame)) if (this.#seam.push(packet)) this.#audio?.push(packet)
    return true
  }

  sends(kind: 'audio' | 'video', sends: boolean, atMicros: number): void {
    if (kind === 'video') this.#video?.sends(sends, atMicros)
  }

  paused(pause: Stretch): void {
    this.#pauses.push(pause)
    this.#writer.note(pauseRecord(pause))
    this.#flushSoon()
  }

  async release(): Promise<number> {
    if (this.#finished !== undefined || this.#writer.error !== undefined) return 0
    return (await this.#audio?.release(this.#journalDone)) ?? 0
  }

  handOver(): Handover {
    return { pictures: this.#video?.handOver(), sound: this.#seam.latest }
  }

  endSoon(): void {
    this.#endsSoon = true
  }

  hole(counted: CountedHole): void {
    this.#video?.hole(counted)
    this.#flushSoon()
  }

  async snapshot(): Promise<MediaSnapshot | undefined> {
    if (this.#finished !== undefined || this.#writer.error !== undefined) return undefined
    return await finishQueue.snapshot(this.#unfinished())
  }

  safe(): Promise<boolean> {
    if (this.#finished !== undefined) return this.#finished.then(() => this.#writer.error === undefined)
    this.#flushSoon()
    return this.#safety.whenKnown()
  }

  willFinish(): void {
    if (this.#finished === undefined) finishQueue.readAhead(this.#paths.index)
  }

  finish(): Promise<FinishedMedia> {
    this.willFinish()
    this.#finished ??= this.#finish()
    return this.#finished
  }

  async discard(): Promise<void> {
    await this.finish()
    await removeMedia(this.#paths)
  }

  async #finish(): Promise<FinishedMedia> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#flushed
    if (this.#audio !== undefined) await finishInto(this.#audio, () => this.#flush())
    this.#video?.end(this.#lastSoundMicros)
    this.#tellSeam(Number.POSITIVE_INFINITY)
    await this.#flush()
    if (this.#audio?.problem !== undefined) this.#report(this.#audio.problem)
    else if (this.#audio !== undefined) this.#writer.note(encodedRecord())
    await this.#writer.flush()
    await this.#makeRoom()
    if (await this.#syncTwice()) this.onGrowth(this.bodyBytes)
    this.#tellUnwritten()
    this.#settleSafe(Number.POSITIVE_INFINITY)
    await knowHoles(this.#paths, this.identity, this.#deps).catch((error: Error) => this.#report(error.message))
    await this.#writer.close()
    if (this.#writer.error === undefined) this.onBody(this.bodyBytes)
    return await finishQueue.finish(
      async () => this.#letGo(),
      (whole) => this.onWhole(whole),
    )
  }

  /** What finishing needs; nothing of it is kept here. */
  #letGo(): UnfinishedMedia {
    const unfinished = this.#unfinished()
    this.#audio = undefined
    this.#video = undefined
    return unfinished
  }

  #unfinished(): UnfinishedMedia {
    const { spans, gaps, cuts } = this.#audio?.axis ?? noSound
    const undecodable = this.#video?.undecodable ?? 0
    // What was on its way to a disk that failed was not counted.
    const counted = this.#counted
    const isWritten = this.#writer.error === undefined
    const isEncoded = isWritten && this.#audio?.problem === undefined
    return {
      paths: this.#paths,
      identity: this.identity,
      sound: { spans, gaps, cuts },
      problems: [...this.#problems],
      pictures: isWritten ? counted : undefined,
      packets: isEncoded ? this.#audio?.axis.packets : undefined,
      undecodable,
      ffmpegPath: this.#deps.ffmpegPath,
    }
  }

  /** One timer at a time, and none when there is nothing to do. */
  #flushSoon(): void {
    if (this.#timer !== undefined || this.#finished !== undefined) return
    this.#timer = setTimeout(() => {
      this.#flushed = this.#flush().then(() => {
        this.#timer = undefined
        const { error, isSynced } = this.#writer
        const isUnsafe = !isSynced || this.#safety.isAwaited
        if (this.#waitingBytes > 0 || (isUnsafe && (error === undefined || mayPass(error)))) this.#flushSoon()
      })
    }, this.#deps.batchMs)
  }

  async #flush(): Promise<void> {
    const waiting = this.#waitingBytes
    const { given } = this.#safety
    // Whose it is before anything of it: nobody could salvage the rest.
    await this.#writer.flush()
    await this.#audio?.flush()
    this.#tellSeam(this.#lastSoundMicros)
    const video = this.#video?.takeBatch()
    // With what was taken, for more comes while it is written.
    const counted = this.#counted
    const came = picturesCameRecord(counted)
    if (video !== undefined) {
      if (this.identity.mode === '02') await this.#writeSilence()
      for (const config of video.configs) this.#writer.note(videoConfigRecord(config))
      let end = Number.POSITIVE_INFINITY
      await this.#writer.writeBatch(video.chunks, (offset) => {
        end = offset + video.chunks.reduce((sum, chunk) => sum + chunk.length, 0)
        // Releases before read the one that stands alone.
        return Buffer.concat([picturesRecord(offset, video.chunks, video, counted), came])
      })
      if (video.wouldFollow.length > 0) this.#writer.note(wouldFollowRecord(video.wouldFollow))
      if (this.#writer.error !== undefined) {
        const samples = video.pictures.flatMap((picture) => ('sample' in picture ? [picture.sample] : []))
        // What did not fit may be only what comes after it in the index.
        this.#unwritten.push(() => {
          const { covered, error } = this.#writer
          if (error !== undefined && samples.length > 0 && end > covered) this.#lose(unwrittenPictures(samples, error))
        })
      }
    } else if (counted.lost > this.#lostInIndex && this.#writer.error === undefined) this.#writer.note(came)
    this.#lostInIndex = counted.lost
    const sound = this.#audio?.take() ?? []
    if (sound.length > 0) await this.#silence.writeLead()
    for (const { chunks, record } of sound) await this.#writer.writeBatch(chunks, record)
    await this.#writer.flush()
    await this.#makeRoom()
    if (this.#writer.error === undefined) this.#soundWritten = this.#audio?.reached ?? 0
    this.#waitingBytes -= waiting
    const journalDone = this.#audio?.journalDone ?? 0
    if (this.#writer.isSyncDue(this.#deps.batchMs) && (await this.#writer.sync())) {
      this.#journalDone = journalDone
      this.onGrowth(this.bodyBytes)
    }
    if (this.#writer.isSynced) this.#settleSafe(given)
    // It may show at the sync only.
    await this.#makeRoom()
    const { error } = this.#writer
    if (error === undefined || isVolumeFull(error)) return
    this.#reportUnwritten()
    if (this.#takesNothing || !mayPass(error)) this.#deps.onVolumeFailed(error)
  }

  /** Up to so many of the frames that it was given are safe, or nothing more will be. */
  #settleSafe(given: number): void {
    const { error } = this.#writer
    if (!mayPass(error) || given === Number.POSITIVE_INFINITY) this.#safety.settle(given, error === undefined)
  }

  /** Whether the body grew. */
  async #syncTwice(): Promise<boolean> {
    const grew = await this.#writer.sync()
    if (this.#writer.error === undefined) return grew
    await this.#makeRoom()
    return await this.#writer.sync()
  }

  /** What the volume did not take is tried again; one that is full gives up what was set aside for that. */
  async #makeRoom(): Promise<void> {
    if (!mayPass(this.#writer.error)) return
    if (isVolumeFull(this.#writer.error)) this.#deps.onVolumeFull()
    await this.#writer.retry()
    this.#takesNothing = this.#writer.error !== undefined
    if (!this.#takesNothing) this.#unwritten.length = 0
  }

  /** A file that ends where the disk took no more is whole up to there; the ledger has the rest. */
  #tellUnwritten(): void {
    const { error } = this.#writer
    if (error === undefined) return
    for (const lose of this.#unwritten) lose()
    const samples = (this.#audio?.axis.samples ?? 0) - this.#soundWritten
    if (samples > 0) {
      const fromMicros = this.#lastSoundMicros - samples / 0.048
      this.#lose(unwrittenSound({ fromMicros, toMicros: this.#lastSoundMicros }, error))
    }
    if (samples > 0 || this.#unwritten.length > 0) this.#reportUnwritten()
  }

  /** Sound that is missing between the file before and this one. */
  #tellSeam(nowMicros: number): void {
    for (const { packets, ...stretch } of this.#seam.take(nowMicros)) {
      this.#lose({ medium: 'audio', ...stretch, frames: packets, bytes: null, reason: 'LostInNetwork', detail: '' })
    }
  }

  #lose(loss: FileLoss): void {
    const { userId, stream, name } = this.identity
    this.#deps.ledger.add({ ...loss, userId, stream, file: name })
  }

  async #writeSilence(): Promise<void> {
    const untilMicros = Math.min(this.#lastPictureMicros, this.#firstSoundMicros)
    if (this.#firstPictureMicros === undefined || untilMicros <= this.#firstPictureMicros) return
    await this.#silence.writeBeside((untilMicros - this.#firstPictureMicros) / 1_000_000)
  }

  get #counted(): { received: number; lost: number } {
    const { withoutPicture = 0, held = 0 } = this.#video ?? {}
    // Were the recorder killed now, no key frame would come for those that are held.
    return { received: this.#pictures - withoutPicture, lost: this.#lostPictures + held }
  }

  #lost(frame: EncodedFrame, reason: LossReason, detail: string): void {
    if (frame.kind === 'video') this.#lostPictures++
    const at = { fromMicros: frame.receiveTimeMicros, toMicros: frame.receiveTimeMicros }
    this.#lose({ medium: frame.kind, ...at, frames: 1, bytes: frame.data.length, reason, detail })
  }

  /** Nothing that refers to a picture is of use without it. */
  #refuse(frame: EncodedFrame, { reason, detail }: { reason: LossReason; detail: string }): boolean {
    this.#lost(frame, reason, detail)
    if (frame.kind === 'audio') return true
    this.#video?.interrupt(frame)
    return false
  }

  #reportUnwritten(): void {
    this.#report(`writing to ${this.#paths.body} failed, what came later is lost: ${this.#writer.error?.message}`)
  }

  #report(problem: string): void {
    if (this.#problems.has(problem)) return
    this.#problems.add(problem)
    this.#writer.note(problemRecord(problem))
    this.#deps.log.error({ problem }, 'Recording of a file suffered')
  }
}
