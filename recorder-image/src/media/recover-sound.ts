import { AudioAxis, type AxisRules, type FeedItem } from '../timeline/audio-axis.ts'
import { AudioEncoder, overlapFrames } from './audio-encoder.ts'
import type { AudioFormat } from './audio-format.ts'
import { audioBatchRecord, opusBatchRecord, recordTypes } from './index-records.ts'
import { opusPreRoll, opusSilence } from './opus.ts'
import { readJournal } from './sound-journal.ts'
import type { SoundBatch } from './sound-track.ts'

/** Frames of sound by their numbers, of which no record can be read any more. */
export interface MissingSound {
  firstFrame: number
  frames: number
}

export interface RecoverOptions {
  journalPath: string
  /** Undefined for packets that are kept as they came. */
  format: AudioFormat | undefined
  ffmpegPath: string
  rules: AxisRules
}

/** So much more than the last of it is encoded, until all of it is out. */
const beyondSamples = 48_000

/**
 * Makes sound again from the journal of which the index does not say any more where it is in the body. Undefined where the journal has not got all of it: what is
 * encoded, and safe, is given back to a volume that runs low. Never rejects.
 */
export async function recoverSound(missing: MissingSound, options: RecoverOptions): Promise<SoundBatch | undefined> {
  try {
    return await (options.format === undefined ? copied(missing, options) : encoded(missing, options, options.format))
  } catch {
    return undefined
  }
}

async function encoded(
  { firstFrame, frames }: MissingSound,
  { journalPath, ffmpegPath, rules }: RecoverOptions,
  format: AudioFormat,
): Promise<SoundBatch | undefined> {
  const axisOf = (frame: number) => frame * format.samplesPerFrame - format.primingSamples
  const from = axisOf(firstFrame - overlapFrames) - opusPreRoll
  const to = axisOf(firstFrame + frames)
  const chunks: Uint8Array[] = []
  let failed = false
  const encoder = new AudioEncoder({
    ...{ ffmpegPath, format, firstFrame },
    onAudio: (audio) =>
      chunks.push(...('frames' in audio ? audio.frames : new Array<Uint8Array>(audio.count).fill(audio.silence))),
    onFailure: () => {
      failed = true
    },
  })
  try {
    for await (const { items, position, isDamaged } of laid(journalPath, rules)) {
      if (isDamaged && position >= from && position < to) return undefined
      let at = position
      for (const item of items) {
        if (isGone(item) && at + item.samples > from && at < to) return undefined
        encoder.feed(item)
        at += item.samples
      }
      await encoder.ready()
      if (failed || at > to + beyondSamples) break
    }
    await encoder.end()
  } finally {
    encoder.abandon()
  }
  if (failed || chunks.length < frames) return undefined
  const wanted = chunks.slice(0, frames)
  const sizes = wanted.map(({ length }) => length)
  return {
    chunks: wanted,
    record: (offset) => audioBatchRecord(offset, wanted, sizes, firstFrame, recordTypes.recoveredAudio),
  }
}

/** Packets are numbered as they were laid. */
async function copied(
  { firstFrame, frames }: MissingSound,
  { journalPath, rules }: RecoverOptions,
): Promise<SoundBatch | undefined> {
  const packets: { data: Uint8Array; axisStart: number; samples: number }[] = []
  let number = 0
  for await (const { items, position, isDamaged } of laid(journalPath, rules)) {
    // What is damaged before it may have been packets: then nobody knows which number one has.
    if (isDamaged) return undefined
    let at = position
    for (const item of items) {
      if (item.type !== 'skew') {
        for (const { data, samples } of item.type === 'packet' ? [item] : opusSilence(item.samples)) {
          const isWanted = number >= firstFrame && number < firstFrame + frames
          if (isWanted && data.length === 0) return undefined
          if (isWanted) packets.push({ data, axisStart: at, samples })
          number++
          at += samples
        }
      } else at += item.samples
    }
    if (packets.length === frames) break
  }
  if (packets.length < frames) return undefined
  return {
    chunks: packets.map(({ data }) => data),
    record: (offset) => opusBatchRecord(offset, packets, firstFrame, recordTypes.recoveredOpus),
  }
}

/** Its sound was given back to the volume. */
const isGone = (item: FeedItem) => item.type === 'packet' && item.data.length === 0

/** What a journal becomes on the axis, and where; `isDamaged`: bytes right before it cannot be read. */
async function* laid(
  path: string,
  rules: AxisRules,
): AsyncGenerator<{ items: FeedItem[]; position: number; isDamaged: boolean }> {
  const axis = new AudioAxis(rules)
  let position = 0
  let isDamaged = false
  const step = (items: FeedItem[]) => {
    const laid = { items, position, isDamaged }
    position += items.reduce((sum, { samples }) => sum + samples, 0)
    isDamaged = false
    return laid
  }
  const onDamage = () => {
    isDamaged = true
  }
  for await (const packets of readJournal(path, onDamage)) yield step(packets.flatMap((packet) => axis.push(packet)))
  yield step(axis.end())
}
