import type { EncodedFrame } from './frame.ts'

/**
 * What travels from the page's worker to Node: batches, each a sequence of records in the order things happened. Both ends of the
 * format stand here. Little endian.
 *
 *   frame   u8 1 · u8 flags · u16 slot · u32 ssrc · u32 rtpTimestamp · f64 receiveTimeMicros · u8 mime · [u8 length + text]
 *           · [u16 width · u16 height] · [u16 sequenceNumber] · u32 length · data
 *   report  u8 2 · u32 length · JSON (UTF-8)
 *
 * `flags`: 1 video, 2 key, 4 has width and height, 8 has a sequence number, 16 may follow a hole. `mime`: index into `mimeTypes`, 255 when the type is spelled out.
 */
const frameRecord = 1
const reportRecord = 2
const flagVideo = 1
const flagKey = 2
const flagSize = 4
const flagSequence = 8
const flagHole = 16
const mimeTypes = ['audio/opus', 'video/H264', 'video/VP8', 'video/H265', 'video/VP9', 'video/AV1']
const mimeSpelledOut = 255

export type TapRecord = { type: 'frame'; frame: EncodedFrame } | { type: 'report'; report: unknown }

export type FrameHeader = Omit<EncodedFrame, 'data'>

/** Collects records into one growing buffer, so that a frame is copied once on its way out of the page. */
export class BatchWriter {
  #bytes: Uint8Array<ArrayBuffer>
  #view: DataView
  #length = 0

  constructor(initialBytes = 256 * 1024) {
    this.#bytes = new Uint8Array(initialBytes)
    this.#view = new DataView(this.#bytes.buffer)
  }

  get byteLength(): number {
    return this.#length
  }

  frame(header: FrameHeader, data: ArrayBuffer | Uint8Array): void {
    const mime = mimeTypes.indexOf(header.mimeType)
    const spelledOut = mime < 0 ? new TextEncoder().encode(header.mimeType).subarray(0, 255) : undefined
    const hasSize = header.width !== undefined && header.height !== undefined
    const { sequenceNumber } = header
    this.#reserve(
      21 + (spelledOut ? spelledOut.length + 1 : 0) + (hasSize ? 4 : 0) + (sequenceNumber === null ? 0 : 2) + 4 + data.byteLength,
    )
    this.#u8(frameRecord)
    this.#u8(
      (header.kind === 'video' ? flagVideo : 0) |
        (header.key ? flagKey : 0) |
        (hasSize ? flagSize : 0) |
        (sequenceNumber === null ? 0 : flagSequence) |
        (header.mayFollowHole ? flagHole : 0),
    )
    this.#u16(header.slot)
    this.#u32(header.ssrc)
    this.#u32(header.rtpTimestamp)
    this.#view.setFloat64(this.#length, header.receiveTimeMicros, true)
    this.#length += 8
    this.#u8(spelledOut ? mimeSpelledOut : mime)
    if (spelledOut) {
      this.#u8(spelledOut.length)
      this.#copy(spelledOut)
    }
    if (hasSize) {
      this.#u16(header.width!)
      this.#u16(header.height!)
    }
    if (sequenceNumber !== null) this.#u16(sequenceNumber)
    this.#u32(data.byteLength)
    this.#copy(data instanceof Uint8Array ? data : new Uint8Array(data))
  }

  report(report: unknown): void {
    const json = new TextEncoder().encode(JSON.stringify(report))
    this.#reserve(5 + json.length)
    this.#u8(reportRecord)
    this.#u32(json.length)
    this.#copy(json)
  }

  /** The batch so far. Valid until the next write: whoever sends it must copy it, as WebSocket.send does. */
  take(): Uint8Array<ArrayBuffer> {
    const batch = this.#bytes.subarray(0, this.#length)
    this.#length = 0
    return batch
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes
    if (needed <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
    this.#view = new DataView(grown.buffer)
  }

  #u8(value: number): void {
    this.#view.setUint8(this.#length, value)
    this.#length += 1
  }

  #u16(value: number): void {
    this.#view.setUint16(this.#length, value, true)
    this.#length += 2
  }

  #u32(value: number): void {
    this.#view.setUint32(this.#length, value, true)
    this.#length += 4
  }

  #copy(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }
}

/**
 * The records of a batch. Frame data are views into `batch`, not copies.
 * Throws a RangeError when the batch ends in the middle of a record, and an Error for an unknown one.
 */
export function* readBatch(batch: Uint8Array): Generator<TapRecord> {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength)
  const text = new TextDecoder()
  let at = 0
  const slice = (length: number) => {
    if (at + length > batch.length) throw new RangeError(`Tap batch of ${batch.length} bytes ends inside a record at ${at}`)
    at += length
    return batch.subarray(at - length, at)
  }
  while (at < batch.length) {
    const kind = view.getUint8(at++)
    if (kind === reportRecord) {
      const length = view.getUint32(at, true)
      at += 4
      yield { type: 'report', report: JSON.parse(text.decode(slice(length))) }
      continue
    }
    if (kind !== frameRecord) throw new Error(`Unknown record ${kind} in a tap batch at ${at - 1}`)
    const flags = view.getUint8(at)
    const slot = view.getUint16(at + 1, true)
    const ssrc = view.getUint32(at + 3, true)
    const rtpTimestamp = view.getUint32(at + 7, true)
    const receiveTimeMicros = view.getFloat64(at + 11, true)
    const mime = view.getUint8(at + 19)
    at += 20
    const mimeType = mime === mimeSpelledOut ? text.decode(slice(view.getUint8(at++))) : (mimeTypes[mime] ?? 'unknown')
    const size: { width?: number; height?: number } = {}
    if (flags & flagSize) {
      size.width = view.getUint16(at, true)
      size.height = view.getUint16(at + 2, true)
      at += 4
    }
    const sequenceNumber = flags & flagSequence ? view.getUint16(at, true) : null
    if (sequenceNumber !== null) at += 2
    const length = view.getUint32(at, true)
    at += 4
    const data = slice(length)
    yield {
      type: 'frame',
      frame: {
        slot,
        kind: flags & flagVideo ? 'video' : 'audio',
        ssrc,
        key: (flags & flagKey) !== 0,
        rtpTimestamp,
        sequenceNumber,
        receiveTimeMicros,
        mimeType,
        ...size,
        ...(flags & flagHole ? { mayFollowHole: true } : {}),
        data,
      },
    }
  }
}
