import { type FileHandle, open } from 'node:fs/promises'
import { type Hole, holesOf, touchesHole } from '../disk/holes.ts'

/** Head and body read as the one file that they become. */
export class FinishedFile {
  readonly head: Uint8Array
  readonly bodyBytes: number
  readonly #body: FileHandle
  /** What of the body was given back to the volume. */
  readonly #holes: readonly Hole[]

  private constructor(head: Uint8Array, bodyBytes: number, body: FileHandle, holes: readonly Hole[]) {
    this.#holes = holes
    this.head = head
    this.bodyBytes = bodyBytes
    this.#body = body
  }

  static async open(head: Uint8Array, bodyPath: string, bodyBytes: number): Promise<FinishedFile> {
    // Before the file is open: nobody would close it if this threw.
    const holes = holesOf(bodyPath)
    return new FinishedFile(head, bodyBytes, await open(bodyPath, 'r'), holes)
  }

  get bytes(): number {
    return this.head.length + this.bodyBytes
  }

  /** Whether these bytes of the body can still be read here. */
  has(offset: number, bytes: number): boolean {
    return !touchesHole(this.#holes, offset, offset + bytes)
  }

  /** Throws where the body is shorter than it should be. */
  async read(start: number, end: number): Promise<Buffer> {
    const stop = Math.min(end, this.bytes)
    const bytes = Buffer.alloc(Math.max(0, stop - start))
    const fromHead = this.head.subarray(Math.min(start, this.head.length), Math.min(stop, this.head.length))
    bytes.set(fromHead)
    if (fromHead.length === bytes.length) return bytes
    const length = bytes.length - fromHead.length
    const { bytesRead } = await this.#body.read(bytes, fromHead.length, length, start + fromHead.length - this.head.length)
    if (bytesRead < length) throw new Error(`the body ends ${length - bytesRead} bytes early`)
    return bytes
  }

  /** From a place in the body on. */
  readBody(offset: number, bytes: number): Promise<Buffer> {
    return this.read(this.head.length + offset, this.head.length + offset + bytes)
  }

  async close(): Promise<void> {
    await this.#body.close()
  }
}
