import { type Presentation, present } from '../timeline/presentation.ts'
import { channels, sampleRate, soundKind } from './audio-format.ts'
import { rounded } from './check-shares.ts'
import { fileTime } from './file-time.ts'
import { writeHead } from './head-file.ts'
import { eventsOf } from './media-events.ts'
import type { FinishedMedia, MediaSnapshot } from './media-file.ts'
import { IndexReading, type MediaIndex, readMediaIndex } from './media-index.ts'
import { buildMp3Head } from './mp3-head.ts'
import { buildMp4Head } from './mp4-head.ts'
import { mp4Tracks, videoFacts } from './mp4-tracks.ts'
import { checkMedia } from './self-check.ts'
import { axisOfFrame } from './sound-frames.ts'
import { emptyMedia, type UnfinishedMedia, unfinishedMedia, wallTime } from './unfinished-media.ts'

/**
 * Makes the head of a file from what is on disk, tells `onMade` of it, and checks that the two together are a whole file. What `onMade` is told is what
 * holds where the check never ends. `reading`: of its index, when it had not ended yet. Never rejects.
 */
export async function finishMedia(
  media: UnfinishedMedia,
  onMade: (made: FinishedMedia) => void,
  reading = new IndexReading(media.paths.index),
): Promise<FinishedMedia> {
  try {
    await reading.goOn()
    return await finishFrom(media, reading.end(), onMade)
  } catch (error) {
    return unfinishedMedia(media, error as Error)
  }
}

/** A file that goes on, as it is on the volume by now. Undefined where nothing has come yet. Rejects where the index cannot be read. */
export async function snapshotMedia(media: UnfinishedMedia): Promise<MediaSnapshot | undefined> {
  const index = await readMediaIndex(media.paths.index, 'waits')
  const made = headOf(media, index)
  if (made === undefined) return undefined
  const { head, startTime, endMicros, durationSeconds, times, presentation } = made
  const { video, audio } = presentation
  const pictures = video && video.startMicros + (video.decodeTicks.at(-1) ?? 0) / 0.09
  const frames = index.audio.sizes.length
  // What is on the volume may be more than was laid when this was asked for, or less.
  const encoded = audio?.place(axisOfFrame(index.audio, soundKind(media.identity), frames))
  const heard = audio && audio.startMicros + Math.min(audio.samples, encoded ?? 0) / 0.048
  const reachesMicros = Math.min(pictures ?? Number.POSITIVE_INFINITY, heard ?? Number.POSITIVE_INFINITY)
  return { head, bodyBytes: index.bodyBytes, startTime, endTime: wallTime(endMicros), durationSeconds, times, reachesMicros }
}

/** The head that goes with what an index says; undefined where nothing has come. */
function headOf(media: UnfinishedMedia, index: MediaIndex) {
  const { identity } = media
  const { ssrcs, rtpTimestamps, receiveTimesMicros, keys, leads } = index.video
  const presentation = present(
    {
      ssrcs: ssrcs.values,
      rtpTimestamps: rtpTimestamps.values,
      receiveTimesMicros: receiveTimesMicros.values,
      keys: keys.values,
      leads: leads.values,
      mayReorder: index.configs.every(({ codec }) => codec === 'h264' || codec === 'h265'),
    },
    media.sound,
    index.placed,
  )
  if (presentation === undefined) return undefined
  if (presentation.video !== undefined && index.configs.length > 1) index.video.settleConfigs(presentation.video.samples)
  const { inFile, mediaSeconds, endMicros, times } = fileTime(identity, presentation, index, media.sound)
  const startTime = wallTime(presentation.startMicros)
  const durationSeconds = Math.round(mediaSeconds * 1000) / 1000
  const about = { presentation, startTime, endMicros, durationSeconds, times }
  if (identity.mode === '00') {
    const head = buildMp3Head(index.audio.sizes.length, presentation.audio?.axisSamples ?? 0)
    return { ...about, head, tracks: [] }
  }
  const tracks = mp4Tracks(inFile, index, soundKind(identity))
  return { ...about, head: buildMp4Head({ creationTime: startTime, bodyBytes: index.bodyBytes, tracks }), tracks }
}

async function finishFrom(
  media: UnfinishedMedia,
  index: MediaIndex,
  onMade: (made: FinishedMedia) => void,
): Promise<FinishedMedia> {
  const { identity } = media
  const { bodyBytes } = index
  const made = headOf(media, index)
  if (made === undefined) return emptyMedia(media, bodyBytes)
  const { presentation, startTime, endMicros, durationSeconds, times, head, tracks } = made
  const sound = soundKind(identity)
  const video = presentation.video && videoFacts(index)
  const checking = checkMedia({
    ...{ mode: identity.mode, head, bodyPath: media.paths.body, bodyBytes, tracks, configs: index.configs, durationSeconds },
    sound,
    filledShare: filledShare(media.sound, presentation),
    ffmpegPath: media.ffmpegPath,
  })
  const problems = [...media.problems, ...unaccounted(media, index)]
  const unchecked: FinishedMedia = {
    head: await writeHead(media.paths.head, head),
    bodyBytes,
    startTime,
    endTime: wallTime(endMicros),
    ends: endsOf(presentation),
    durationSeconds,
    clockErrorMs: Math.round(presentation.clockErrorMicros / 100) / 10,
    times,
    events: eventsOf(identity, presentation, index),
    ...(video !== undefined ? { video } : {}),
    ...(presentation.audio !== undefined ? { audio: { codec: sound.codec, sampleRate, channels } } : {}),
    ...withCheck(null, problems),
  }
  onMade(unchecked)
  const check = await checking
  return { ...unchecked, ...withCheck(check, check.result === 'Failed' ? [...problems, check.detail] : problems) }
}

const withCheck = (check: FinishedMedia['check'], problems: string[]) => ({
  check,
  ...(problems.length > 0 ? { problem: problems.join('; ') } : {}),
})

const endsOf = ({ video, audio }: Presentation): FinishedMedia['ends'] => ({
  ...(video && { video: wallTime(video.startMicros + ((video.decodeTicks.at(-1) ?? 0) + video.lastTicks) / 0.09) }),
  ...(audio && { audio: wallTime(audio.startMicros + audio.samples / 0.048) }),
})

/**
 * All that came is in the file or in the ledger, and all of the sound that was laid is in the file. Of pictures it is not known of a file that an
 * earlier attempt left; of sound it is, from its journal.
 */
export function unaccounted(media: UnfinishedMedia, index: MediaIndex): string[] {
  return [...unaccountedPictures(media, index), ...unaccountedSound(media, index)]
}

function unaccountedPictures({ pictures }: UnfinishedMedia, index: MediaIndex): string[] {
  if (pictures === undefined) return []
  const missing = pictures.received - pictures.lost - index.video.bytes.length
  return missing === 0 ? [] : [`${missing} pictures that came are neither in the file nor in the ledger`]
}

function unaccountedSound({ packets, sound, identity }: UnfinishedMedia, { audio }: MediaIndex): string[] {
  if (packets === undefined) return []
  const missing = packets.arrived - packets.laid - packets.repeated - packets.lost
  const laid = sound.spans.at(-1)?.axisEnd ?? 0
  const left = laid - axisOfFrame(audio, soundKind(identity), audio.sizes.length)
  return [
    ...(missing === 0 ? [] : [`${missing} sound packets that came are neither in the file nor in the ledger`]),
    ...(laid === 0 || left <= 0 ? [] : [`${(left / sampleRate).toFixed(3)} s of sound that was laid are not in the file`]),
  ]
}

/** Share of the sound that was filled because nothing came. */
function filledShare({ gaps }: UnfinishedMedia['sound'], { audio }: Presentation): number {
  const filled = gaps.reduce((sum, { samples }) => sum + samples, 0)
  return audio === undefined || audio.axisSamples === 0 ? 0 : rounded(filled / audio.axisSamples)
}
