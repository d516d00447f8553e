import { type FileHandle, open, rm } from 'node:fs/promises'
import { channels } from '../media/audio-format.ts'
import { isIdrSample } from '../media/h264.ts'
import { type Mp4Track, opusEntry } from '../media/mp4-head.ts'
import { codecOfEntry, readAvcEntry } from '../media/video-sample-entry.ts'
import { cutSoundTrack } from './cut-movie.ts'
import { type EncodeLeadOptions, encodeLead, NotEncodedError } from './encode-lead.ts'
import { layOut, readExactly, writePieces } from './exact-body.ts'
import { type ExactStretch, exactStretch, exactTrack, type Lead, leadOf } from './exact-pictures.ts'
import type { Bytes } from './ranges.ts'
import type { RangeReader } from './read-head.ts'
import { tellApart } from './tell-apart.ts'

interface Where {
  /** Times in the movie. */
  fromSeconds: number
  toSeconds: number
  /** Where the body is written; what is needed meanwhile lies beside it. */
  bodyPath: string
}

/**
 * Cuts a movie so that nothing has to be hidden: its pictures begin with the one that is shown at `from`. Those from there to the next key frame are encoded anew, unless it is
 * one itself; what is behind is copied. Sound begins with the frame of that moment. Undefined where there is nothing in that time. Rejects with a NotEncodedError.
 */
export async function cutExactly(
  file: RangeReader,
  tracks: readonly Mp4Track[],
  { fromSeconds, toSeconds, bodyPath }: Where,
  options: EncodeLeadOptions,
): Promise<{ tracks: Mp4Track[]; bodyBytes: number } | undefined> {
  const sound = soundOf(tracks, fromSeconds, toSeconds)
  const video = tracks.find(({ kind }) => kind === 'video')
  const exact = video && exactStretch(video, fromSeconds, toSeconds)
  if (exact === undefined && sound === undefined) return undefined
  const codec = exact && codecOfEntry(exact.track.sampleEntries[0]!)
  const seam = exact && (await firstSeam(file, exact, codec === 'h264'))
  if (exact === undefined || seam?.at === exact.shown) {
    const body = layOut(exact && exactTrack(exact, undefined, undefined, seam?.at), sound)
    await writeBody(bodyPath, (handle) => writePieces(body.pieces, file, undefined, handle))
    return body
  }
  if (codec !== 'h264')
    throw new NotEncodedError('CodecNotEncoded', `its pictures are ${codecNames[codec ?? 'unknown']}, which are not encoded anew`)

  const lead = leadOf(exact, seam?.at)
  const paths = { lead: `${bodyPath}.lead`, encoded: `${bodyPath}.encoded` }
  const opened: FileHandle[] = []
  const opening = async (path: string) => {
    const handle = await open(path, 'r')
    opened.push(handle)
    return handle
  }
  try {
    const span = spanOf(exact.track, lead)
    await options.findRoom?.((span.end - span.start) * encodedShare)
    await writeBody(paths.lead, async (handle) => {
      for (let at = span.start; at < span.end; at += pieceBytes) {
        await handle.writeFile(await file.read(at, Math.min(span.end, at + pieceBytes)))
      }
    })
    const shifted = { ...exact.track, offsets: exact.track.offsets.map((offset) => offset - span.start) }
    const anew = await encodeLead(paths.lead, shifted, lead, paths.encoded, options)
    const encoded =
      seam === undefined ? anew : await tellApart(paths.encoded, anew, seam.beginning, entryAt(exact.track, seam.at))
    const body = layOut(exactTrack(exact, lead, encoded, seam?.at), sound)
    const source = withSpan(file, span, await opening(paths.lead))
    const pictures = await opening(paths.encoded)
    await writeBody(bodyPath, (handle) => writePieces(body.pieces, source, pictures, handle))
    return body
  } finally {
    for (const handle of opened) await handle.close()
    for (const path of Object.values(paths)) await rm(path, { force: true })
  }
}

const entryAt = ({ sampleEntries, entries }: Mp4Track, at: number) => readAvcEntry(sampleEntries[entries?.[at] ?? 0]!)

const codecNames = { h264: 'H.264', h265: 'H.265', vp8: 'VP8', vp9: 'VP9', av1: 'AV1', unknown: 'of a codec that is not known' }

/** Without what a decoder would need in front of it to give the first frame as it was: a player that heeds no edit list would play that. */
function soundOf(tracks: readonly Mp4Track[], fromSeconds: number, toSeconds: number): Mp4Track | undefined {
  const track = tracks.find(({ kind }) => kind === 'audio')
  const cut = track && cutSoundTrack(track, fromSeconds, toSeconds, { lead: false })
  if (cut?.sampleEntries[0]?.toString('latin1', 4, 8) !== 'Opus') return cut
  // What a decoder of Opus leaves out is what the edit list does.
  return { ...cut, sampleEntries: [opusEntry(channels, cut.edit.mediaTime)] }
}

/** Enough to see what kind of picture a key frame is. */
const beginningBytes = 4096

/** Where copying begins. */
interface Seam {
  at: number
  /** Of H.264, what the picture there begins with. */
  beginning: Buffer
}

/** A recovery point is a key frame, too, where nothing better came, and needs what was sent before it. */
async function firstSeam(file: RangeReader, { track, seams }: ExactStretch, isAvc: boolean): Promise<Seam | undefined> {
  for (const at of seams) {
    if (!isAvc) return { at, beginning: Buffer.alloc(0) }
    const start = track.offsets[at]!
    const beginning = await file.read(start, start + Math.min(beginningBytes, track.sizes[at]!))
    if (isIdrSample(beginning)) return { at, beginning }
  }
  return undefined
}

const pieceBytes = 4 * 1024 * 1024
/** What was sent, and what becomes of it twice: as it is encoded, and with its head in front. */
const encodedShare = 6

/** All of the file from the first sample of a lead to its last. What lies between is the sound of the same time. */
function spanOf({ offsets, sizes }: Mp4Track, { first, end }: Lead): Bytes {
  const span = { start: Number.POSITIVE_INFINITY, end: 0 }
  for (let at = first; at < end; at++) {
    span.start = Math.min(span.start, offsets[at]!)
    span.end = Math.max(span.end, offsets[at]! + sizes[at]!)
  }
  return span
}

/** A file of which a stretch was read already. */
function withSpan(file: RangeReader, span: Bytes, kept: FileHandle): RangeReader {
  return {
    bytes: file.bytes,
    async read(start, end) {
      const [from, to] = [Math.max(start, span.start), Math.min(end, span.end)]
      if (from >= to) return file.read(start, end)
      const before = start < from ? [await file.read(start, from)] : []
      const inside = await readExactly(kept, from - span.start, to - span.start)
      return Buffer.concat([...before, inside, ...(to < end ? [await file.read(to, end)] : [])])
    },
  }
}

async function writeBody(path: string, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  const handle = await open(path, 'w', 0o640)
  try {
    await write(handle)
  } finally {
    await handle.close()
  }
}
