import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { Manifest, ManifestFile, Stream } from '@trtc-recorder/api'
import { readMediaIndex } from '../media/media-index.ts'
import { buildMp4Head, type Mp4Track } from '../media/mp4-head.ts'
import { readMp4Tracks } from '../media/mp4-read.ts'
import { videoSampleEntry } from '../media/video-sample-entry.ts'
import { bodyOf, contentOf, type FileContent } from './file-content.ts'
import { heldPictures } from './held-pictures.ts'
import { type Missing, nothingLeft } from './missing.ts'
import type { OnVolume } from './output.ts'

export interface StreamPicturesOptions {
  mediaDirectory: string
  /** Where the pictures of several files are put one behind the other. */
  joinedPath: string
  startTime: string
  seconds: number
}

/** Those of a stream that have pictures, in the order of their beginning. */
export const filesOf = ({ files }: Manifest, { userId, stream }: { userId: string; stream: Stream }): ManifestFile[] =>
  files
    .filter((file) => file.userId === userId && file.stream === stream && file.video !== undefined && file.durationSeconds > 0)
    .sort((a, b) => Date.parse(a.startTime) - Date.parse(b.startTime))

/** The files of a recording without those whose pictures cannot be read from the volume, and those. */
export async function readablePictures(
  { files }: Pick<Manifest, 'files'>,
  mediaDirectory: string,
): Promise<{ files: ManifestFile[]; missing: Missing[] }> {
  const missing: Missing[] = []
  for (const file of files) {
    if (file.video === undefined || file.durationSeconds === 0) continue
    try {
      pictureTrack(await contentOf(file, mediaDirectory), file)
    } catch (error) {
      missing.push({ file, why: (error as Error).message })
    }
  }
  return { files: files.filter((file) => missing.every((one) => one.file !== file)), missing }
}

/**
 * An MP4 with the pictures of one stream over the whole recording, and no sound. Nothing is encoded: it is a new index before the body of the file, or before those of
 * all files of the stream that can be read. Rejects with what a person should read where it cannot be made.
 */
export async function streamPictures(
  ofStream: readonly ManifestFile[],
  { mediaDirectory, joinedPath, startTime, seconds }: StreamPicturesOptions,
): Promise<OnVolume> {
  const { files, missing } = await readablePictures({ files: [...ofStream] }, mediaDirectory)
  if (files.length === 0 && missing.length > 0) throw nothingLeft(missing)
  const contents: FileContent[] = []
  for (const file of files) contents.push(await contentOf(file, mediaDirectory))
  const tracks = contents.map((content, at) => pictureTrack(content, files[at]!))
  const isOneEntry =
    new Set(tracks.flatMap(({ sampleEntries }) => sampleEntries.map((entry) => entry.toString('latin1')))).size === 1
  let bodyBytes = 0
  const parts: { file: ManifestFile; track: Mp4Track }[] = []
  for (const [at, content] of contents.entries()) {
    const track = isOneEntry ? tracks[at]! : await withSetsInBand(tracks[at]!, content)
    const begin = bodyBytes
    parts.push({ file: files[at]!, track: { ...track, offsets: track.offsets.map((offset) => offset + begin) } })
    bodyBytes += content.bodyBytes
  }
  const zeroMillis = Date.parse(startTime)
  const track = heldPictures(parts, { zeroMillis, seconds })
  if (track === undefined) throw new Error('there is no picture in it')
  const head = buildMp4Head({ creationTime: new Date(zeroMillis), bodyBytes, tracks: [track] })
  const durationSeconds = track.end / track.timescale
  const bodyPath = contents.length === 1 ? contents[0]!.paths.body : await joined(contents, joinedPath)
  return { is: 'onVolume', head, bodyPath, bodyBytes, startTime, durationSeconds, missing }
}

/** Its offsets count in the body. */
function pictureTrack({ head }: FileContent, { path }: ManifestFile): Mp4Track {
  const track = tracksIn(head, path).find(({ kind }) => kind === 'video')
  if (track === undefined) throw new Error(`there is no picture in ${path}`)
  return { ...track, offsets: track.offsets.map((offset) => offset - head.length) }
}

function tracksIn(head: Buffer, path: string): Mp4Track[] {
  try {
    return readMp4Tracks(head)
  } catch (error) {
    throw new Error(`the index of ${path} cannot be read: ${(error as Error).message}`)
  }
}

/** Where there are several configurations, players find the parameter sets in the samples, in front of which they lie in the body. */
async function withSetsInBand(track: Mp4Track, { paths }: FileContent): Promise<Mp4Track> {
  const index = await readMediaIndex(paths.index)
  const { offsets, bytes, setBytes, configs } = index.video
  let sample = 0
  const samples = track.offsets.map((offset) => {
    while (sample < offsets.length && offsets.at(sample) !== offset && offsets.at(sample) + setBytes.at(sample) !== offset)
      sample++
    if (sample === offsets.length) throw new Error('its index on the volume is not that of the file')
    return sample
  })
  return {
    ...track,
    sampleEntries: index.configs.map((config) => videoSampleEntry(config, 'in band')),
    sizes: Uint32Array.from(samples, (at) => bytes.at(at)),
    offsets: samples.map((at) => offsets.at(at)),
    entries: Uint8Array.from(samples, (at) => configs.at(at)),
  }
}

async function joined(contents: readonly FileContent[], path: string): Promise<string> {
  await rm(path, { force: true })
  for (const content of contents) await pipeline(bodyOf(content), createWriteStream(path, { flags: 'a' }))
  return path
}
