import type { FileCheck, Mode } from '@trtc-recorder/api'
import { holesOf } from '../disk/holes.ts'
import { mp3, mp3FrameBytes, type SoundKind, sampleRate } from './audio-format.ts'
import { type Decoded, decodeMp3, decodePictures, decodeSound } from './check-decoding.ts'
import { frozenShare, silentShare } from './check-shares.ts'
import { FinishedFile } from './finished-file.ts'
import type { Mp4Track } from './mp4-head.ts'
import { compareTables } from './mp4-tables.ts'
import type { VideoConfig } from './video-codec.ts'

export interface CheckedMedia {
  mode: Mode
  head: Uint8Array
  bodyPath: string
  bodyBytes: number
  /** What the head was made from; empty for MP3. */
  tracks: readonly Mp4Track[]
  /** Of the pictures, as the tracks number them. */
  configs: readonly VideoConfig[]
  durationSeconds: number
  sound: SoundKind
  /** Share of the sound that was filled because nothing came; AAC tells by itself. */
  filledShare: number
  ffmpegPath: string
  /** How long it may take; what is not done then counts as unchecked. 20 s. */
  timeoutMs?: number
}

const defaultTimeoutMs = 20_000

/**
 * Proves what a status of 1 says: reads the file as a player would, head and body as one. Every table entry is compared by a reader of our
 * own, every group of pictures is counted by a demuxer that is not, and a sample over the whole length is decoded by ffmpeg, all of a
 * file under a minute. What is given back to the volume meanwhile reads as zeros, and is no fault of the file: it is checked again without. Never rejects.
 */
export async function checkMedia(media: CheckedMedia): Promise<FileCheck> {
  for (;;) {
    const holes = holesKnown(media)
    const check = await checkOnce(media)
    if (check.result !== 'Failed' || holesKnown(media) === holes) return check
  }
}

/** How many; undefined where that cannot be told. */
function holesKnown({ bodyPath }: CheckedMedia): number | undefined {
  try {
    return holesOf(bodyPath).length
  } catch {
    return undefined
  }
}

async function checkOnce(media: CheckedMedia): Promise<FileCheck> {
  const video = media.tracks.find(({ kind }) => kind === 'video')
  const audio = media.tracks.find(({ kind }) => kind === 'audio')
  const found = {
    ...{ groupsOfPictures: 0, pictures: video?.sizes.length ?? 0, decodedPictures: 0, decodedSoundSeconds: 0 },
    frozenShare: video === undefined ? null : frozenShare(video),
    silentShare: silentShareOf(media, audio),
  }
  const deadline = performance.now() + (media.timeoutMs ?? defaultTimeoutMs)
  const options = { durationSeconds: media.durationSeconds, ffmpegPath: media.ffmpegPath, deadline }
  const result = (problems: string[], unchecked: string[]): FileCheck => {
    const says = problems.length > 0 ? problems : unchecked
    const detail = says.join('; ').slice(0, 512)
    return { result: problems.length > 0 ? 'Failed' : unchecked.length > 0 ? 'Unchecked' : 'Passed', detail, ...found }
  }
  let file: FinishedFile | undefined
  try {
    file = await FinishedFile.open(media.head, media.bodyPath, media.bodyBytes)
    if (media.mode === '00') {
      const problems = await findMp3Frames(file)
      const sound = await decodeMp3(file, { frameBytes: mp3FrameBytes, perSecond: sampleRate / mp3.samplesPerFrame }, options)
      found.decodedSoundSeconds = seconds(sound, mp3.samplesPerFrame)
      return result([...problems, ...sound.problems], sound.unchecked)
    }
    const problems: string[] = []
    // Decoding is other processes: they begin first, and the tables are read while they run.
    const [pictures, sound, demuxed] = await Promise.all([
      video === undefined ? undefined : decodePictures(file, video, media.configs, options),
      audio === undefined ? undefined : decodeSound(file, audio, media.sound, options),
      demuxedBy(file, media, options).then((demuxed) => {
        problems.push(...compareTables(media.head, media.bodyBytes, media.tracks))
        return demuxed
      }),
    ])
    found.groupsOfPictures = demuxed.groups
    found.decodedPictures = pictures?.frames ?? 0
    found.decodedSoundSeconds = sound === undefined ? 0 : seconds(sound, audio === undefined ? 0 : audio.end / audio.sizes.length)
    const all = [demuxed, pictures, sound].filter((one) => one !== undefined)
    return result(
      [...problems, ...all.flatMap(({ problems }) => problems)],
      all.flatMap(({ unchecked }) => unchecked),
    )
  } catch (error) {
    return result([`the self-check could not read the file: ${(error as Error).message}`], [])
  } finally {
    await file?.close()
  }
}

/** The demuxer is large: loaded where something is checked, and while that is decoded already. */
async function demuxedBy(file: FinishedFile, { tracks }: CheckedMedia, options: { durationSeconds: number; deadline: number }) {
  const { demux } = await import('./check-demuxed.ts')
  return await demux(file, tracks, options)
}

function silentShareOf({ mode, sound, filledShare }: CheckedMedia, audio: Mp4Track | undefined): number | null {
  if (mode === '00') return filledShare
  if (audio === undefined) return null
  return sound.format === undefined ? filledShare : silentShare(audio)
}

const seconds = ({ frames }: Decoded, samplesPerFrame: number) =>
  Math.round((frames * samplesPerFrame * 1000) / sampleRate) / 1000

/** Every frame has the same size, so a few of them, evenly spread, say whether all are where they should be. */
async function findMp3Frames(file: FinishedFile): Promise<string[]> {
  const { bodyBytes } = file
  if (bodyBytes % mp3FrameBytes !== 0) return [`the body has ${bodyBytes % mp3FrameBytes} bytes that are no frame`]
  const frames = bodyBytes / mp3FrameBytes
  const stride = Math.max(1, Math.floor(frames / 64))
  for (let frame = 0; frame < frames; frame += stride) {
    if (!file.has(frame * mp3FrameBytes, 4)) continue
    try {
      mp3.frameAt(await file.readBody(frame * mp3FrameBytes, 4))
    } catch {
      return [`there is no MP3 frame at byte ${file.head.length + frame * mp3FrameBytes}`]
    }
  }
  return []
}
