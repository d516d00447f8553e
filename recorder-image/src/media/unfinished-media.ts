import type { LaidSound, PacketCount } from '../timeline/audio-axis.ts'
import type { FinishedMedia, MediaFileIdentity } from './media-file.ts'
import type { MediaPaths } from './media-paths.ts'
import { buildMp3Head } from './mp3-head.ts'
import { buildMp4Head } from './mp4-head.ts'

/** What there is of a file when nothing more comes. Plain data: it goes to another thread. */
export interface UnfinishedMedia {
  paths: MediaPaths
  identity: MediaFileIdentity
  /** Where the sound came to lie; empty in mode 01. */
  sound: LaidSound
  problems: readonly string[]
  /** Pictures that came, and how many of them the ledger was told are not in the file; undefined where nobody counted. */
  pictures: { received: number; lost: number } | undefined
  /** What became of the packets of the sound; undefined where it is not all in the file, which is a problem of its own. */
  packets: PacketCount | undefined
  /** Pictures that came without a key frame before them. */
  undecodable: number
  ffmpegPath: string
}

/** What is left to say of a file that could not be finished. */
export function unfinishedMedia(media: UnfinishedMedia, error: Error): FinishedMedia {
  const problem = `${media.paths.index} could not be made into a file: ${error.message}`
  return emptyMedia({ ...media, problems: [...media.problems, problem] }, 0)
}

/** A file in which nothing ever arrived is still a file, and says so. */
export function emptyMedia({ identity, problems, undecodable }: UnfinishedMedia, bodyBytes: number): FinishedMedia {
  const opened = wallTime(identity.openedMicros)
  const data = identity.mode === '00' ? buildMp3Head(0, 0) : buildMp4Head({ creationTime: opened, bodyBytes, tracks: [] })
  const nothing =
    undecodable > 0
      ? `no key frame came: ${undecodable} pictures of ${identity.userId} could not be used`
      : `no media came from ${identity.userId}`
  return {
    head: { kind: 'inMemory', data, bytes: data.length },
    bodyBytes,
    startTime: opened,
    endTime: opened,
    ends: {},
    durationSeconds: 0,
    clockErrorMs: null,
    times: [],
    events: [],
    check: null,
    problem: [...problems, nothing].join('; '),
  }
}

export const wallTime = (micros: number) => new Date(Math.round(micros / 1000))
