import type { EncodedFrame } from '../../tap/frame.ts'
import { soundKind } from '../audio-format.ts'
import { findFfmpeg } from '../ffmpeg.ts'
import { readHead } from '../head-file.ts'
import { readMediaIndex } from '../media-index.ts'
import { mediaPaths } from '../media-paths.ts'
import { buildMp4Head, type Mp4Track } from '../mp4-head.ts'
import { readMp4Tracks } from '../mp4-read.ts'
import type { CheckedMedia } from '../self-check.ts'
import { newDirectory } from './new-directory.ts'
import { openFile } from './recording.ts'

/** A finished MP4 of pictures, and what the check needs to know of it. */
export async function checkedFile(frames: readonly EncodedFrame[]): Promise<CheckedMedia> {
  const directory = await newDirectory()
  const file = openFile('01', directory)
  for (const frame of frames) file.write(frame)
  const { head: finished, bodyBytes, durationSeconds } = await file.finish()
  const head = await readHead(finished)
  const { configs } = await readMediaIndex(mediaPaths(directory, file.identity.name).index)
  return {
    ...{ mode: '01', head, bodyPath: file.bodyPath, bodyBytes, durationSeconds, configs },
    tracks: readMp4Tracks(head).map((track) => inBody(track, head)),
    ...{ sound: soundKind({ mode: '01', audioCodec: 'AAC' }), filledShare: 0, ffmpegPath: findFfmpeg() },
  }
}

const inBody = (track: Mp4Track, head: Uint8Array) => ({
  ...track,
  offsets: track.offsets.map((offset) => offset - head.length),
})

/** The file as it would be if this had been decided of it. */
export const withTracks = (media: CheckedMedia, tracks: Mp4Track[]): CheckedMedia => {
  const head = buildMp4Head({ creationTime: new Date(0), bodyBytes: media.bodyBytes, tracks })
  return { ...media, head, tracks }
}

/** A track in which the `left`th picture is not. */
export function withoutPicture(video: Mp4Track, left: number): Mp4Track {
  const isThere = (_: unknown, at: number) => at !== left
  return {
    ...video,
    sizes: video.sizes.filter(isThere),
    offsets: video.offsets.filter(isThere),
    starts: video.starts.filter(isThere),
    ...(video.shownAfter === undefined ? {} : { shownAfter: video.shownAfter.filter(isThere) }),
    ...(video.entries === undefined ? {} : { entries: video.entries.filter(isThere) }),
    keys: video.keys!.map((key) => (key > left ? key - 1 : key)),
  }
}
