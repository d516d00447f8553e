import type { DamagedFile } from '../disk/durable-lines.ts'
import type { Hole } from '../disk/holes.ts'

/** A file that goes to COS while it grows: final file = head + body, the head known last. */
export interface UploadSource {
  key: string
  bodyPath: string
  /** Append-only log of this upload on the volume: UploadId, parts with their ETags and checksums, completion. */
  logPath: string
  contentType: string
  /** What an earlier process sent was of other bytes: nothing of it is taken, and once this is stored, COS forgets it. False by default. */
  isAnew?: boolean
}

export interface StoredObject {
  url: string
  bytes: number
  /** CRC-64/XZ as a decimal number, computed here and confirmed by COS. */
  crc64: string
}

export interface Upload {
  /** Called when COS has lost parts of it that were given back to the volume: nothing more of this file gets there. */
  onLost: () => void
  /** More of the body is final: its first `bodyBytes` bytes. Starts uploads in the background; never throws. */
  grew(bodyBytes: number): void
  /** The body is what it will be, and its head is still being made: what is left of the body goes meanwhile. Never throws. */
  ended(bodyBytes: number): void
  /**
   * Bytes of the body that are not needed on the volume any more: COS has confirmed the checksum of each part of them. Once they are given back, the
   * upload cannot be begun anew. Undefined where there are none.
   */
  releasable(): Hole | undefined
  /** Where the log that it goes on from has lost lines: what they said is done again, as far as that can be. */
  readonly damagedLog: DamagedFile | undefined
  /** Bytes of the final file that COS has acknowledged. */
  readonly uploadedBytes: number
  /**
   * Uploads what is left, the part with the head last, completes, and verifies size and checksum with HEAD. Retries what may pass;
   * rejects with a StoreError when refused for good or out of time. What has been uploaded stays, for a later process to go on from.
   */
  finish(head: Uint8Array, bodyBytes: number, options?: UntilOptions): Promise<StoredObject>
  /** After `finish` rejected, where nobody will go on: has COS forget what it was sent, as well as that can be done within seconds. Never rejects. */
  giveUp(): Promise<void>
}

export interface UntilOptions {
  /** When to give up, by `performance.now()`: the wall clock may be set meanwhile. Without it, whatever may pass is tried for ever. */
  deadline?: number
}

export interface PutOptions extends UntilOptions {
  /** How long whoever reads it may keep it. */
  cacheControl?: string
  /** Of one among many: the checksum that COS answers with is enough, and it is asked for it only where the answer has none. False by default. */
  isOneOfMany?: boolean
}

export interface Store {
  /** What has kept COS from taking things for some seconds; undefined while it takes them, as far as anybody has asked. */
  readonly trouble: StoreError | undefined
  /** Finds out, before the room is entered, whether the bucket exists and can be written. Rejects with a StoreError. */
  preflight(options?: UntilOptions): Promise<void>
  /** Starts or, if the log says so, resumes the upload of a file. */
  open(source: UploadSource): Upload
  /** Stores a small object such as the manifest, verified like a file. */
  put(key: string, body: Uint8Array, contentType: string, options?: PutOptions): Promise<StoredObject>
}

/** One that what is stored can be read from again. */
export interface ReadableStore extends Store {
  /** Reads bytes of an object, or all of a small one; `end` is the first byte behind them. Rejects with a StoreError. */
  read(key: string, range?: { start: number; end: number }, options?: UntilOptions): Promise<Buffer>
}

export class StoreError extends Error {
  override readonly name = 'StoreError'
  /** `refused`: asking again cannot help. `unavailable`: it may. */
  readonly kind: 'refused' | 'unavailable'
  /** COS error code such as NoSuchBucket, or the system's such as ECONNREFUSED. */
  readonly code: string
  constructor(kind: 'refused' | 'unavailable', code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
    this.code = code
  }
}
