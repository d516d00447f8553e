import { isVolumeFull } from '../disk/volume-full.ts'
import type { NoticedLoss } from '../ledger/ledger.ts'
import type { Stretch } from '../timeline/cuts.ts'
import { sampleRate, soundKind } from './audio-format.ts'
import type { PlacedSample } from './index-records.ts'
import type { IndexLoss } from './indexed-pictures.ts'
import type { MediaFileIdentity } from './media-file.ts'
import type { MediaIndex } from './media-index.ts'
import type { JournalDamage } from './sound-journal.ts'

/** What is missing of a file, whose it is is known. */
export type FileLoss = Omit<NoticedLoss, 'userId' | 'stream' | 'file'>

/** Why the volume did not take what it was given. */
export const refusedByDisk = (error: Error) =>
  ({ reason: isVolumeFull(error) ? 'DiskFull' : 'DiskFailed', detail: error.message }) as const

/** Pictures, one at least, that had been taken, and that the volume did not take. */
export function unwrittenPictures(samples: readonly { receiveTimeMicros: number; bytes: number }[], error: Error): FileLoss {
  const times = samples.map(({ receiveTimeMicros }) => receiveTimeMicros)
  const bytes = samples.reduce((sum, sample) => sum + sample.bytes, 0)
  const stretch = { fromMicros: Math.min(...times), toMicros: Math.max(...times), frames: samples.length, bytes }
  return { medium: 'video', ...stretch, ...refusedByDisk(error) }
}

/** Sound that had been taken, and that the volume did not take. */
export const unwrittenSound = (stretch: Stretch, error: Error): FileLoss => ({
  ...{ medium: 'audio', ...stretch, frames: null, bytes: null },
  ...refusedByDisk(error),
})

/** Sound that was in a journal. `openedMicros`: when the file began. */
export function journalLoss({ bytes, fromMicros, toMicros }: JournalDamage, openedMicros: number): FileLoss {
  const from = fromMicros ?? openedMicros
  const what = { frames: null, bytes, detail: 'its journal was damaged' }
  return { medium: 'audio', fromMicros: from, toMicros: toMicros ?? from, reason: 'DiskDamaged', ...what }
}

/** What a damaged index takes from a file. */
export function indexLosses(index: MediaIndex, identity: MediaFileIdentity): FileLoss[] {
  const { format } = soundKind(identity)
  const toMicros = (frame: number) => identity.openedMicros + (frame * (format?.samplesPerFrame ?? 960) * 1_000_000) / sampleRate
  // The bytes of MP3 are in the file whatever the index says of them.
  const missing = identity.mode === '00' ? [] : index.missingSound
  const sound = missing.map(
    ({ firstFrame, frames, bytes }): IndexLoss => ({
      ...{ medium: 'audio', fromMicros: toMicros(firstFrame), toMicros: toMicros(firstFrame + frames), frames, bytes },
    }),
  )
  return [...index.pictures.losses, ...sound].map(({ medium, fromMicros, toMicros, frames, bytes }) => {
    const from = fromMicros ?? toMicros ?? identity.openedMicros
    const what = { frames, bytes: bytes || null, detail: 'its index was damaged' }
    return { medium, fromMicros: from, toMicros: Math.max(from, toMicros ?? from), reason: 'DiskDamaged', ...what }
  })
}

/** Pictures that a recorder had given up when it was killed, before the volume had the lines of the ledger that say so. */
export const untoldLoss = (frames: number, atMicros: number): FileLoss => ({
  ...{ medium: 'video', fromMicros: atMicros, toMicros: atMicros, frames, bytes: null, reason: 'RecorderKilled' },
  detail: 'given up before, for a reason that was not written down yet',
})

/** Pictures that a damaged index does not even count. */
export const uncountedLoss = (frames: number, atMicros: number): FileLoss => ({
  ...{ medium: 'video', fromMicros: atMicros, toMicros: atMicros, frames, bytes: null, reason: 'DiskDamaged' },
  detail: 'its index was damaged where it said that they came',
})

/** Pictures that are in the file, and of which nobody knows whether they can be decoded. */
export function unprovenLoss(pictures: readonly { picture: PlacedSample }[]): FileLoss {
  const times = pictures.map(({ picture }) => picture.sample.receiveTimeMicros)
  const bytes = pictures.reduce((sum, { picture }) => sum + picture.sample.bytes, 0)
  const stretch = { fromMicros: Math.min(...times), toMicros: Math.max(...times), frames: pictures.length, bytes }
  return { medium: 'video', ...stretch, reason: 'Unproven', detail: 'one that they refer to may be missing' }
}

/** Pictures that waited for one that never came when their recorder ended. */
export const leftOutLosses = (leftOut: readonly { picture: PlacedSample }[]): FileLoss[] =>
  leftOut.map(({ picture: { sample } }) => ({
    ...{ medium: 'video', fromMicros: sample.receiveTimeMicros, toMicros: sample.receiveTimeMicros, frames: 1 },
    ...{ bytes: sample.bytes, reason: 'LostInNetwork', detail: 'the picture it refers to' },
  }))
