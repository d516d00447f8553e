import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { mayPass } from '../disk/volume-full.ts'

/** More is synced at once, so that it need not be kept. */
const mostUnsyncedBytes = 8 * 1024 * 1024

/**
 * A file that is only appended to, in batches. Bytes are queued by `append` and written by `flush`; `sync` makes what was written
 * survive the loss of the machine. The first error is kept: nothing is written after it, so that what is on disk stays a front
 * part of what was appended. What a volume that is full, or fails once, did not take is kept, and what is appended meanwhile, for `retry`. That it was not
 * taken may show at the sync only: so what was written since the one before is kept as well.
 */
export class AppendFile {
  /** Bytes appended, written or not. */
  length: number
  /** Bytes written. */
  written: number
  error: Error | undefined
  readonly path: string
  #handle: Promise<FileHandle>
  #queue: Uint8Array[] = []
  /** Written, and not synced. */
  #unsynced: Uint8Array[] = []
  #synced: number
  /** Up to where it was written once. */
  #reached = 0
  #last: Promise<void> = Promise.resolve()

  /** Opens, or creates, without waiting; appends after `length` bytes and cuts what is beyond. */
  constructor(path: string, length = 0) {
    this.path = path
    this.length = length
    this.written = length
    this.#synced = length
    this.#handle = this.#open()
  }

  append(bytes: Uint8Array): void {
    if (this.error !== undefined && !mayPass(this.error)) return
    this.#queue.push(bytes)
    this.length += bytes.length
  }

  /** Writes what is queued by now. Never rejects: see `error`. */
  flush(): Promise<void> {
    this.#last = this.#last.then(() => this.#writeQueue())
    return this.#last
  }

  /** After a write or a sync that failed and may succeed another time: goes on with what is not on the volume. */
  async retry(): Promise<void> {
    if (!mayPass(this.error)) return
    this.error = undefined
    const isDropped = this.written < this.#reached
    // It may be that the file itself could not be made.
    await this.#handle.catch(() => {
      this.#handle = this.#open()
    })
    await this.flush()
    if (isDropped) await this.sync()
  }

  #open(): Promise<FileHandle> {
    const handle = openAt(this.path, this.written)
    handle.catch((error: Error) => {
      this.error ??= error
    })
    return handle
  }

  async #writeQueue(): Promise<void> {
    if (this.#queue.length === 0 || this.error !== undefined) return
    const queue = this.#queue
    this.#queue = []
    const start = this.written
    await this.#attempt(async (handle) => {
      // More buffers than the system takes at once (IOV_MAX, 1024) are joined.
      const buffers = queue.length <= 1000 ? queue : [Buffer.concat(queue)]
      const { bytesWritten } = await handle.writev(buffers, this.written)
      this.written += bytesWritten
      // After a short write the rest goes one by one, which ends in the error that made it short.
      const rest = bytesWritten === byteLength(buffers) ? Buffer.alloc(0) : Buffer.concat(buffers).subarray(bytesWritten)
      for (let at = 0; at < rest.length; ) {
        const once = await handle.write(rest, at, rest.length - at, this.written)
        at += once.bytesWritten
        this.written += once.bytesWritten
      }
    })
    const bytes = Buffer.concat(queue)
    this.#reached = Math.max(this.#reached, this.written)
    if (this.written > start) this.#unsynced.push(bytes.subarray(0, this.written - start))
    if (mayPass(this.error)) this.#queue.unshift(bytes.subarray(this.written - start))
    else if (this.written - this.#synced > mostUnsyncedBytes) await this.#sync()
  }

  sync(): Promise<void> {
    this.#last = this.#last.then(() => this.#sync())
    return this.#last
  }

  async #sync(): Promise<void> {
    if (this.error !== undefined) return
    await this.#attempt((handle) => handle.datasync())
    const unsynced = this.#unsynced
    this.#unsynced = []
    if (this.error === undefined) this.#synced = this.written
    else if (mayPass(this.error)) {
      // The system has dropped it, or may have.
      this.#queue.unshift(...unsynced)
      this.written = this.#synced
    }
  }

  /** Cuts what is beyond `length`, which an earlier failure may have left. Where it fails nothing is lost that is synced. */
  async close(length?: number): Promise<void> {
    try {
      const handle = await this.#handle
      try {
        if (length !== undefined) await handle.truncate(length)
      } finally {
        await handle.close()
      }
    } catch (error) {
      if (this.#synced < this.length) this.error ??= error as Error
    }
  }

  async #attempt(action: (handle: FileHandle) => Promise<unknown>): Promise<void> {
    try {
      await action(await this.#handle)
    } catch (error) {
      this.error ??= error as Error
    }
  }
}

async function openAt(path: string, length: number): Promise<FileHandle> {
  const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o640)
  try {
    if ((await handle.stat()).size > length) await handle.truncate(length)
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

const byteLength = (buffers: readonly Uint8Array[]) => buffers.reduce((sum, buffer) => sum + buffer.length, 0)
