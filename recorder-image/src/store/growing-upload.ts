import type { Logger } from 'pino'
import type { DamagedFile } from '../disk/durable-lines.ts'
import { type Hole, holesOf, touchesHole } from '../disk/holes.ts'
import { type Ask, abortAbandoned } from './abandoned.ts'
import { type Content, contentBytes, readContent } from './content.ts'
import { isUploadGone } from './cos-error.ts'
import { Crc64, combineCrc64 } from './crc64.ts'
import { isFull, type PartPlan, type PartRange, partRanges } from './part-plan.ts'
import { isReleased, refuseBeginningAnew } from './released.ts'
import { Wake } from './retry.ts'
import { againOnMismatch, isMismatch, type StoreContext, until, verified } from './store-context.ts'
import { type StoredObject, StoreError, type UntilOptions, type Upload, type UploadSource } from './upload.ts'
import { type ConfirmedPart, UploadLog } from './upload-log.ts'

/** Parts of one file on their way at once; the store's own limit holds over all files. */
const parallelParts = 3
/** How long to leave an upload alone after COS or the volume refused, while recording goes on: somebody may put things right. */
const restMillis = 30_000
/** How long a file that is stored waits for its abandoned uploads to be aborted. */
const tidyMillis = 5_000
/** How often an upload that vanished is begun anew before it is given up. */
const maxRounds = 4

/**
 * The upload of one file. While the file grows, each part that is full goes; when the body is what it will be, the tail; at the end part 1, which is
 * the head and the held-back start of the body. The log lets a later process go on with the same upload.
 *
 * Guarantees: `grew` never throws; `finish` resolves only when COS reports the size and checksum of what is on the volume.
 * Assumes: nobody else writes to the key, the first `bodyBytes` bytes of the body never change, and `finish` is called once; after
 * a failure the same log is opened again.
 */
export class GrowingUpload implements Upload {
  onLost: () => void = () => {}
  readonly #context: StoreContext
  readonly #source: UploadSource
  readonly #log: Logger
  readonly #uploadLog: UploadLog
  readonly #wake = new Wake()
  readonly #stop = new AbortController()
  readonly #inFlight = new Map<number, Promise<void>>()
  #plan: PartPlan
  #parts: Map<number, ConfirmedPart>
  /** Of the upload before this process, until COS has confirmed that it is still there. */
  #loggedId: string | undefined
  #session: Promise<string> | undefined
  #bodyBytes = 0
  /** The body is what it will be. */
  #hasEnded = false
  /** No part before this one is missing. */
  #cursor = 2
  #state: 'growing' | 'resting' | 'lost' | 'finishing' = 'growing'
  #settling: Promise<void> | undefined
  /** Whether COS may hold an upload of this file of which nobody knows the id. */
  #mayBeAbandoned: boolean
  #storedBytes: number | undefined
  /** What COS had in place of what it was sent, when it was looked at first. */
  #mismatch: string | undefined

  constructor(context: StoreContext, source: UploadSource) {
    this.#context = context
    this.#source = source
    this.#log = context.log.child({ file: source.key })
    this.#uploadLog = new UploadLog(source.logPath)
    const { uploadId, plan, parts, mayBeAbandoned } = this.#uploadLog.state
    const isAnew = source.isAnew === true
    this.#mayBeAbandoned = mayBeAbandoned || (isAnew && uploadId !== undefined)
    this.#loggedId = isAnew ? undefined : uploadId
    this.#plan = (isAnew ? undefined : plan) ?? context.plan
    this.#parts = new Map(isAnew ? [] : parts)
  }

  get damagedLog(): DamagedFile | undefined {
    return this.#uploadLog.damage
  }

  get uploadedBytes(): number {
    if (this.#storedBytes !== undefined) return this.#storedBytes
    let bytes = 0
    for (const { start, end } of this.#parts.values()) bytes += end - start
    return bytes
  }

  grew(bodyBytes: number): void {
    this.#bodyBytes = Math.max(this.#bodyBytes, bodyBytes)
    this.#advance()
  }

  ended(bodyBytes: number): void {
    this.#bodyBytes = bodyBytes
    // One that goes as a whole has to wait for its head.
    if (this.#fitsOnePut(bodyBytes)) return
    this.#hasEnded = true
    this.#advance()
  }

  releasable(): Hole | undefined {
    // A successor has to know the parts.
    if (this.#state === 'lost' || !this.#uploadLog.isWritten) return undefined
    let holes: Hole[]
    try {
      holes = holesOf(this.#source.bodyPath)
    } catch {
      // It is not known any more which of its bytes are media. Of the other files as much is given back as before.
      return undefined
    }
    let end = this.#plan.holdbackBytes
    for (let number = 2; ; number++) {
      const part = this.#parts.get(number)
      // Behind what is given back something is to stand: where the list of it is damaged, zeros at the end may be what was never written (`mendHoles`).
      if (part?.confirmed !== true || part.end >= this.#bodyBytes) break
      end = part.end
    }
    const start = Math.max(this.#plan.holdbackBytes, ...holes.map((hole) => hole.end))
    return end > start ? { start, end } : undefined
  }

  async finish(head: Uint8Array, bodyBytes: number, options: UntilOptions = {}): Promise<StoredObject> {
    this.#state = 'finishing'
    this.#bodyBytes = bodyBytes
    const end = until(options.deadline, this.#stop)
    this.#wake.now()
    try {
      await this.#settling
      const stored = await againOnMismatch(
        () => this.#storeWhatever(head, bodyBytes),
        // Where not all can be sent again, what is there is looked at again instead.
        async (reason) => {
          if (!this.#isPartlyReleased) return await this.#startOver(reason)
          this.#mismatch = reason
        },
      )
      this.#storedBytes = stored.bytes
      if (this.#mayBeAbandoned) await this.#abortAbandoned()
      await this.#uploadLog.append({ event: 'stored', bytes: stored.bytes, crc64: stored.crc64 })
      return stored
    } finally {
      end()
    }
  }

  async giveUp(): Promise<void> {
    if (!this.#isBegun && !this.#mayBeAbandoned) return
    await this.#abortAbandoned().catch((error) =>
      this.#log.warn({ err: error }, 'COS may keep parts of an upload that was given up'),
    )
  }

  /** Sends parts that have all they will ever have in the background, a few at a time. */
  #advance(): void {
    if (this.#state !== 'growing') return
    while (this.#parts.has(this.#cursor)) this.#cursor += 1
    for (const range of partRanges(this.#plan, this.#bodyBytes, this.#cursor)) {
      if (!(this.#hasEnded || isFull(this.#plan, range)) || this.#inFlight.size >= parallelParts) return
      if (this.#isConfirmed(range) || this.#inFlight.has(range.number)) continue
      this.#part(range).then(
        () => this.#advance(),
        (error) => {
          if (this.#state === 'growing') this.#settling = this.#setBack(error)
        },
      )
    }
  }

  /** A part failed for good while recording goes on. Nothing is lost: the bytes are on the volume, and finish tries again. */
  async #setBack(error: unknown): Promise<void> {
    this.#state = 'resting'
    let failure = error
    if (isUploadGone(error)) {
      failure = await this.#beginAnew(error).then(
        () => undefined,
        (why: unknown) => why,
      )
    }
    if (isReleased(failure)) return this.#lose(failure)
    if (failure !== undefined) {
      if (failure instanceof StoreError) this.#context.health.failed(failure)
      this.#log.warn({ err: failure, seconds: restMillis / 1000 }, 'Paused an upload that failed')
      await this.#wake.sleep(restMillis, this.#stop.signal)
    }
    if (this.#state !== 'resting') return
    this.#state = 'growing'
    this.#advance()
  }

  /** Nothing more of this file can get to COS; `finish` says so, too. What is recorded from now on had better go into another one. */
  #lose(error: StoreError): void {
    if (this.#state !== 'resting') return
    this.#state = 'lost'
    this.#log.error({ err: error }, 'COS has lost what the volume does not have any more')
    this.onLost()
  }

  /** An upload that vanished is begun anew from the body: somebody aborted it, or a lifecycle rule did. */
  async #storeWhatever(head: Uint8Array, bodyBytes: number): Promise<StoredObject> {
    for (let round = 1; ; round++) {
      try {
        return await this.#storeOnce(head, bodyBytes)
      } catch (error) {
        if (!isUploadGone(error)) throw error
        // Perhaps it was completed, and the answer, or the process that waited for it, got lost.
        const stored = await this.#completedBefore(head, bodyBytes)
        if (stored) return stored
        if (round === maxRounds) throw error
        // COS may have all but one part, or each under another tag than it said.
        if (error.code === 'InvalidPart' && round === 1) this.#session = undefined
        else await this.#beginAnew(error)
      }
    }
  }

  async #storeOnce(head: Uint8Array, bodyBytes: number): Promise<StoredObject> {
    const { client } = this.#context
    const { key, contentType } = this.#source
    if (this.#fitsOnePut(bodyBytes)) {
      // Of a body that has become less than what was sent of it.
      if (this.#isBegun) this.#mayBeAbandoned = true
      const content = this.#content(0, bodyBytes, head)
      const { crc64 } = await this.#try((signal) => client.put(key, content, { contentType }, signal))
      return this.#verify({ bytes: contentBytes(content), crc64 })
    }
    const uploadId = await this.#open()
    const ranges = [...partRanges(this.#plan, bodyBytes)]
    const missing = () => ranges.filter((range) => !this.#isConfirmed(range))
    // What is on its way may be of a body that ended otherwise than it was told.
    while (missing().length > 0) await Promise.all(missing().map((range) => this.#part(range)))
    const first = this.#content(0, this.#plan.holdbackBytes, head)
    const sent = await this.#try((signal) => client.uploadPart(key, uploadId, 1, first, signal))
    const parts = ranges.map(({ number }) => this.#parts.get(number)!)
    const listed = [{ number: 1, etag: sent.etag }, ...parts]
    await this.#try((signal) => client.complete(key, uploadId, listed, signal))
    return this.#verify(wholeOf(contentBytes(first), sent.crc64, parts))
  }

  /** A file of which nothing has gone yet, and that is hardly more than a part. */
  #fitsOnePut(bodyBytes: number): boolean {
    const { holdbackBytes, partBytes } = this.#plan
    return bodyBytes <= holdbackBytes || (!this.#isBegun && bodyBytes <= holdbackBytes + partBytes)
  }

  get #isBegun(): boolean {
    return this.#session !== undefined || this.#loggedId !== undefined
  }

  /** The object in COS, if it is what this upload would make. */
  async #completedBefore(head: Uint8Array, bodyBytes: number): Promise<StoredObject | undefined> {
    const ranges = [...partRanges(this.#plan, bodyBytes)]
    if (!ranges.every((range) => this.#isConfirmed(range))) return undefined
    const start = await readContent(this.#content(0, this.#plan.holdbackBytes, head))
    const parts = ranges.map(({ number }) => this.#parts.get(number)!)
    const expected = wholeOf(start.length, new Crc64().update(start).digest(), parts)
    try {
      return await this.#verify(expected)
    } catch (error) {
      if (isMismatch(error) || (error instanceof StoreError && error.code === 'NoSuchKey')) return undefined
      throw error
    }
  }

  /** Id of the upload: the log's if COS still has it, a new one else. Asked for by every part, done once. */
  #open(): Promise<string> {
    if (this.#session) return this.#session
    const session = this.#loggedId === undefined ? this.#initiate() : this.#resume(this.#loggedId)
    this.#session = session
    session.catch(() => {
      if (this.#session === session) this.#session = undefined
    })
    return session
  }

  async #initiate(): Promise<string> {
    const { key, contentType } = this.#source
    await this.#uploadLog.append({ event: 'initiating' })
    let tries = 0
    const uploadId = await this.#try((signal) => {
      tries += 1
      return this.#context.client.initiate(key, contentType, signal)
    })
    // An earlier try may have been answered, and the answer lost.
    if (tries > 1) this.#mayBeAbandoned = true
    await this.#uploadLog.append({ event: 'initiated', uploadId, ...this.#plan })
    this.#loggedId = uploadId
    this.#log.info({ uploadId }, 'Began an upload')
    return uploadId
  }

  /** Once the file is stored, every upload of its key that is still in progress is one too many. Not worth waiting long for. */
  async #abortAbandoned(): Promise<void> {
    const { client, attempt } = this.#context
    const { key } = this.#source
    const stop = new AbortController()
    const end = until(performance.now() + tidyMillis, stop)
    const ask: Ask = (request) => attempt(request, stop.signal, this.#wake, this.#log)
    await abortAbandoned(client, key, (upload) => upload.key === key, ask, this.#log).finally(end)
  }

  /**
   * Keeps of the log's parts those that COS lists with the same size and ETag. What is not on the volume any more cannot be sent again whatever the list says: of
   * that the log is believed, and the tag that COS gives it now; whether it is there shows when the upload is completed, and by the checksum of the whole.
   */
  async #resume(uploadId: string): Promise<string> {
    const listed = await this.#try((signal) => this.#context.client.listParts(this.#source.key, uploadId, signal))
    const byNumber = new Map(listed.map((part) => [part.number, part]))
    const holes = holesOf(this.#source.bodyPath)
    for (const [number, known] of this.#parts) {
      const { start, end } = known
      const part = byNumber.get(number)
      const etag = part?.bytes === end - start ? part.etag : undefined
      if (etag === known.etag) continue
      if (!touchesHole(holes, start, end)) this.#parts.delete(number)
      else if (etag !== undefined) this.#parts.set(number, { ...known, etag })
    }
    this.#cursor = 2
    this.#log.info({ uploadId, parts: this.#parts.size, bytes: this.uploadedBytes }, 'Resumed an upload')
    return uploadId
  }

  /** That an upload is gone of which not all can be sent again is asked twice. */
  async #beginAnew(error: StoreError): Promise<void> {
    if (error.code === 'NoSuchUpload' && this.#isPartlyReleased && this.#loggedId !== undefined) {
      const session = this.#resume(this.#loggedId)
      const isThere = await session.then(
        () => true,
        (why) => {
          if (!isUploadGone(why)) throw why
          return false
        },
      )
      if (isThere) {
        this.#session = session
        return
      }
    }
    await this.#startOver(this.#mismatch ?? error.message)
  }

  /** Whether what was given back to the volume is not all in a file that COS has. */
  get #isPartlyReleased(): boolean {
    return holesOf(this.#source.bodyPath).length > 0
  }

  /** Forgets the upload; the next part begins a new one from the body. */
  async #startOver(reason: string): Promise<void> {
    refuseBeginningAnew(this.#source, reason)
    this.#log.warn({ reason }, 'Started an upload over')
    await Promise.allSettled(this.#inFlight.values())
    this.#mayBeAbandoned = true
    this.#session = undefined
    this.#loggedId = undefined
    this.#plan = this.#context.plan
    this.#parts.clear()
    this.#cursor = 2
    await this.#uploadLog.append({ event: 'startedOver', reason })
  }

  #part(range: PartRange): Promise<void> {
    const running = this.#inFlight.get(range.number)
    if (running) return running
    const sending = this.#send(range).finally(() => this.#inFlight.delete(range.number))
    this.#inFlight.set(range.number, sending)
    return sending
  }

  async #send(range: PartRange): Promise<void> {
    const uploadId = await this.#open()
    if (this.#isConfirmed(range)) return
    const { number, start, end } = range
    const sent = await this.#try((signal) =>
      this.#context.client.uploadPart(this.#source.key, uploadId, number, this.#content(start, end), signal),
    )
    await this.#uploadLog.append({
      event: 'part',
      number,
      start,
      end,
      etag: sent.etag,
      crc64: String(sent.crc64),
      confirmed: sent.confirmed,
    })
    this.#parts.set(number, { ...range, ...sent })
    this.#log.debug({ part: number, bytes: end - start }, 'Uploaded a part')
  }

  #content(start: number, end: number, head?: Uint8Array): Content {
    return { ...(head ? { head } : {}), file: { path: this.#source.bodyPath, start, end } }
  }

  #isConfirmed({ number, start, end }: PartRange): boolean {
    const part = this.#parts.get(number)
    return part?.start === start && part.end === end
  }

  #try<T>(attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.#context.attempt(attempt, this.#stop.signal, this.#wake, this.#log)
  }

  #verify(expected: { bytes: number; crc64: bigint }): Promise<StoredObject> {
    return this.#try((signal) => verified(this.#context.client, this.#source.key, expected, signal))
  }
}

/** Size and checksum of part 1 and the parts after it, put together. */
function wholeOf(firstBytes: number, firstCrc64: bigint, parts: readonly ConfirmedPart[]): { bytes: number; crc64: bigint } {
  let bytes = firstBytes
  let crc64 = firstCrc64
  for (const { start, end, crc64: next } of parts) {
    crc64 = combineCrc64(crc64, next, end - start)
    bytes += end - start
  }
  return { bytes, crc64 }
}
