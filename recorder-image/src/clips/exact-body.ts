import type { FileHandle } from 'node:fs/promises'
import type { Mp4Track } from '../media/mp4-head.ts'
import type { ExactTrack } from './exact-pictures.ts'
import { type Bytes, fetchesOf } from './ranges.ts'
import type { RangeReader } from './read-head.ts'

/** A piece of the body of a clip: bytes of the file that is cut, of what was encoded, or parameter sets. */
export type Piece = ({ of: 'source' } & Bytes) | ({ of: 'encoded' } & Bytes) | { of: 'sets'; bytes: Buffer }

/** Where everything comes to lie. */
export interface ExactBody {
  tracks: Mp4Track[]
  pieces: Piece[]
  bodyBytes: number
}

/**
 * Lays out the body: what is copied in the order of the source, and encoded pictures among its sound as they are played, so that a player can read it from front to
 * back. Offsets of `sound` count in the source. Pure.
 */
export function layOut(pictures: ExactTrack | undefined, sound: Mp4Track | undefined): ExactBody {
  const pieces: Piece[] = []
  let bodyBytes = 0
  const put = (of: 'source' | 'encoded', start: number, bytes: number): number => {
    const last = pieces.at(-1)
    if (last?.of === of && last.end === start) last.end = start + bytes
    else if (bytes > 0) pieces.push({ of, start, end: start + bytes })
    bodyBytes += bytes
    return bodyBytes - bytes
  }
  const pictureOffsets = new Float64Array(pictures?.sources.length ?? 0)
  const putPicture = ({ track, encoded, sources, sets }: ExactTrack, at: number) => {
    const own = sets.get(at)
    pictureOffsets[at] = bodyBytes
    if (own !== undefined) {
      pieces.push({ of: 'sets', bytes: own })
      bodyBytes += own.length
    }
    put(at < encoded ? 'encoded' : 'source', sources[at]!, track.sizes[at]! - (own?.length ?? 0))
  }
  let next = 0
  const putEncoded = (untilSeconds: number) => {
    if (pictures === undefined) return
    const { starts, timescale } = pictures.track
    while (next < pictures.encoded && starts[next]! / timescale <= untilSeconds) putPicture(pictures, next++)
  }
  const soundOffsets = new Float64Array(sound?.offsets.length ?? 0)
  let copied = pictures?.encoded ?? 0
  const putCopied = (untilOffset: number) => {
    if (pictures === undefined) return
    for (; copied < pictures.sources.length && pictures.sources[copied]! < untilOffset; copied++) {
      putEncoded(Number.POSITIVE_INFINITY)
      putPicture(pictures, copied)
    }
  }
  const { offsets } = sound ?? { offsets: new Float64Array() }
  for (const at of Uint32Array.from(offsets.keys()).sort((a, b) => offsets[a]! - offsets[b]!)) {
    const offset = offsets[at]!
    putCopied(offset)
    putEncoded((sound!.starts[at]! - sound!.edit.mediaTime) / sound!.timescale)
    soundOffsets[at] = put('source', offset, sound!.sizes[at]!)
  }
  putEncoded(Number.POSITIVE_INFINITY)
  putCopied(Number.POSITIVE_INFINITY)
  const tracks = [
    ...(pictures === undefined ? [] : [{ ...pictures.track, offsets: pictureOffsets }]),
    ...(sound === undefined ? [] : [{ ...sound, offsets: soundOffsets }]),
  ]
  return { tracks, pieces, bodyBytes }
}

/** Writes the pieces one after the other. Of the source as little as possible is asked for twice, and little is held in memory. */
export async function writePieces(
  pieces: readonly Piece[],
  source: RangeReader,
  encoded: FileHandle | undefined,
  body: FileHandle,
): Promise<void> {
  const wanted = pieces.filter((piece) => piece.of === 'source')
  let next = 0
  const writeOthers = async () => {
    for (; next < pieces.length; next++) {
      const piece = pieces[next]!
      if (piece.of === 'source') return
      if (piece.of === 'sets') await body.writeFile(piece.bytes)
      else await copy(encoded!, piece, body)
    }
  }
  await writeOthers()
  for (const { fetch, kept } of fetchesOf(wanted)) {
    const bytes = await source.read(fetch.start, fetch.end)
    for (const { start, end } of kept) {
      await body.writeFile(bytes.subarray(start - fetch.start, end - fetch.start))
      const piece = pieces[next]
      if (piece?.of !== 'source' || piece.end !== end) continue
      next++
      await writeOthers()
    }
  }
}

const copyBytes = 1024 * 1024

async function copy(from: FileHandle, { start, end }: Bytes, to: FileHandle): Promise<void> {
  for (let at = start; at < end; at += copyBytes) await to.writeFile(await readExactly(from, at, Math.min(end, at + copyBytes)))
}

export async function readExactly(file: FileHandle, start: number, end: number): Promise<Buffer> {
  const bytes = Buffer.alloc(end - start)
  for (let at = 0; at < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, at, bytes.length - at, start + at)
    if (bytesRead === 0) throw new Error('a file that was just written is shorter than it was')
    at += bytesRead
  }
  return bytes
}
