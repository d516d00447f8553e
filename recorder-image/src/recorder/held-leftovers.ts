import { rm } from 'node:fs/promises'
import { fileName, type RecorderJob } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import { unreadableFile } from '../disk/durable-lines.ts'
import { tellDamagedLines } from '../ledger/kept-records.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { MediaFile, MediaFileIdentity, SalvagedMediaFile } from '../media/media-file.ts'
import { readMediaIndex } from '../media/media-index.ts'
import { mediaPaths } from '../media/media-paths.ts'
import { readJournal, sizeOf } from '../media/sound-journal.ts'
import type { EncodedFrame } from '../tap/frame.ts'
import { unclaimedLoss } from './held-frames.ts'
import { type HeldCopy, placeOf, readHeldCopies } from './held-on-volume.ts'
import type { FileOrigin } from './kept-file.ts'
import type { Volume } from './volume.ts'

export interface HeldLeftoversContext {
  job: RecorderJob
  volume: Pick<Volume, 'heldDirectory' | 'mediaDirectory' | 'knows'>
  /** Names of the files that earlier attempts left, before anything is made of them. */
  leftovers: readonly string[]
  openMediaFile(directory: string, identity: MediaFileIdentity): MediaFile
  ledger: Ledger
  log: Logger
}

/** A file that is made of frames which are in no other. */
export interface RecoveredFile {
  origin: FileOrigin
  media: SalvagedMediaFile
}

/**
 * Frames that earlier attempts held when they were killed. Those that are in a file of theirs by now are done with; those of which it is known whose they are
 * become a file of their own; the rest nobody will ever claim: the ledger has them, and they stay on the volume. Never rejects.
 */
export async function takeOverHeld(context: HeldLeftoversContext): Promise<RecoveredFile[]> {
  const { job, volume, log } = context
  try {
    const copies = await readHeldCopies(volume.heldDirectory, job.attempt)
    const owned: HeldCopy[] = []
    for (const copy of copies) {
      if (isTold(copy, context.ledger)) continue
      if (copy.frames.length === 0 || (await isInFile(copy, context))) await rm(copy.path, { force: true })
      else {
        tellDamage(copy, context.ledger)
        if (copy.owner === undefined) tell(copy, context.ledger)
        else owned.push(copy)
      }
    }
    const files = Map.groupBy(owned, ({ attempt, owner }) => `${attempt} ${owner!.stream} ${owner!.userId}`)
    const recovered: RecoveredFile[] = []
    for (const copies of files.values()) recovered.push(await recover(copies, context))
    return recovered
  } catch (error) {
    log.error(
      { error: (error as Error).message },
      'Media that nobody had claimed could not be looked through; it stays on the volume',
    )
    tellDamagedLines(job, context.ledger, log)(await unreadableFile(volume.heldDirectory))
    return []
  }
}

const detailOf = (place: string) => `kept on the volume as ${place}`

/** As the ledger has what nobody claimed. `place`: undefined where it is not kept. */
export const unclaimedDetail = (place: string | undefined) => (place === undefined ? '' : detailOf(place))

const isTold = ({ path }: HeldCopy, ledger: Ledger) =>
  ledger.losses.some(({ reason, detail }) => reason === 'Unclaimed' && detail === detailOf(placeOf(path)))

function tell({ path, frames }: HeldCopy, ledger: Ledger): void {
  const bytes = frames.reduce((sum, { data }) => sum + data.length, 0)
  ledger.add({ ...unclaimedLoss(frames, bytes), detail: detailOf(placeOf(path)) })
}

/** Frames of a copy that is in no file, and that the disk has changed: between the others, nobody knows where. */
function tellDamage({ path, frames, owner, damagedBytes }: HeldCopy, ledger: Ledger): void {
  if (damagedBytes === 0) return
  const { userId, stream } = owner ?? { userId: null, stream: null }
  const of = { ...unclaimedLoss(frames, damagedBytes), userId, stream, frames: null }
  ledger.add({ ...of, reason: 'DiskDamaged', detail: `of frames whose owner was not known yet, in ${placeOf(path)}` })
}

/** Whether they had come into a file before the recorder was killed: each subscription has an SSRC of its own. */
async function isInFile({ frames }: HeldCopy, { leftovers, volume }: HeldLeftoversContext): Promise<boolean> {
  const [{ ssrc, kind }] = frames as [EncodedFrame]
  for (const name of leftovers) {
    const paths = mediaPaths(volume.mediaDirectory, name)
    const has = await (kind === 'audio' ? hasSound(paths.journal, ssrc) : hasPictures(paths.index, ssrc)).catch(() => false)
    if (has) return true
  }
  return false
}

async function hasPictures(indexPath: string, ssrc: number): Promise<boolean> {
  const { pictures } = await readMediaIndex(indexPath)
  const waiting = [...pictures.leftOut, ...pictures.followed].some(({ picture }) => picture.sample.ssrc === ssrc)
  return waiting || pictures.columns.ssrcs.values.includes(ssrc >>> 0)
}

async function hasSound(journalPath: string, ssrc: number): Promise<boolean> {
  if ((await sizeOf(journalPath)) === 0) return false
  for await (const packets of readJournal(journalPath)) if (packets.some((packet) => packet.ssrc === ssrc >>> 0)) return true
  return false
}

/** Copies of one user's stream. They go when the file is as safe as they are. */
async function recover(
  copies: readonly HeldCopy[],
  { job, volume, openMediaFile, log }: HeldLeftoversContext,
): Promise<RecoveredFile> {
  const [{ attempt, owner }] = copies as [HeldCopy]
  const { userId, stream } = owner!
  const frames = copies.flatMap((copy) => copy.frames).sort((a, b) => a.receiveTimeMicros - b.receiveTimeMicros)
  const nameAt = (micros: number) => fileName(job, userId, stream, new Date(micros / 1000))
  let openedMicros = Math.round(frames[0]!.receiveTimeMicros)
  // The file that they should have come into may be there, and empty.
  while (volume.knows(nameAt(openedMicros))) openedMicros += 1000
  const name = nameAt(openedMicros)
  const { mode, audioCodec, gaps, pause } = job.spec
  const origin: FileOrigin = { name, userId, stream, attempt, part: 1, openedMicros }
  const media = openMediaFile(volume.mediaDirectory, { ...origin, mode, audioCodec, gaps, pause })
  for (const frame of frames) media.write(frame)
  if (await media.safe()) for (const { path } of copies) await rm(path, { force: true })
  log.info(
    { file: name, userId, frames: frames.length },
    'Made a file of frames whose owner became known as the recorder was killed',
  )
  return { origin, media }
}
