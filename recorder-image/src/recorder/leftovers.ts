import { type RecorderJob, readFileName } from '@trtc-recorder/api'
import type { SalvagedMediaFile } from '../media/media-file.ts'
import type { FileEnd } from './absence.ts'
import { type AttemptNote, attemptAt } from './attempt.ts'
import type { FileKeeper } from './file-keeper.ts'
import type { RecoveredFile } from './held-leftovers.ts'
import type { FileOrigin } from './kept-file.ts'

export interface LeftoversContext {
  job: RecorderJob
  keeper: FileKeeper
  /** Attempts before this one. */
  earlier: readonly AttemptNote[]
  /** Names of the files they left. */
  leftovers: readonly string[]
  /** Files of theirs of which only the name is known. */
  forgotten: readonly { name: string; why: string }[]
  salvage(name: string): Promise<SalvagedMediaFile | undefined>
  /** Files that are made of what was in none. Never rejects. */
  recover(): Promise<RecoveredFile[]>
}

/**
 * Salvages what earlier attempts left on the volume, one file at a time, and has it finished and stored, all beside the recording: the room
 * comes first. A file of which nothing can be made harms no other. Resolves when all are finished, with where they end; never rejects.
 */
export async function takeOverLeftovers(context: LeftoversContext): Promise<FileEnd[]> {
  const { job, keeper, earlier, leftovers, forgotten, salvage, recover } = context
  const originOf = (name: string): FileOrigin => {
    const unknown = { userId: undefined, stream: 'main' as const, startTime: new Date(0), part: 1 }
    // Until it is read, of one that its name does not say.
    const { userId = name, stream, startTime, part } = readFileName(job.spec, name) ?? unknown
    const attempt = attemptAt(earlier, startTime.toISOString())
    return { name, userId, stream, attempt, part, openedMicros: startTime.getTime() * 1000 }
  }
  for (const { name, why } of forgotten) keeper.forgotten(originOf(name), why)
  const takeOver = async (origin: FileOrigin, salvaged: Promise<SalvagedMediaFile | undefined>): Promise<FileEnd[]> => {
    const media = await keeper.takeOver(origin, salvaged)
    if (media === undefined) return []
    const { attempt, userId, stream } = (await salvaged)!.identity
    return [{ attempt, userId, stream, endTime: media.endTime, ends: media.ends }]
  }
  // Before anything is made of the others: it looks what is in them.
  const recovered = recover()
  let turn: Promise<unknown> = recovered
  const ends = leftovers.map((name) => {
    const salvaged = turn.then(() => salvage(name))
    turn = salvaged.catch(() => {})
    return takeOver(originOf(name), salvaged)
  })
  for (const { origin, media } of await recovered) ends.push(takeOver(origin, Promise.resolve(media)))
  return (await Promise.all(ends)).flat()
}
