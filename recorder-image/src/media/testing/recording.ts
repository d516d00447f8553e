import type { AudioCodec, Gaps, Mode, PausedTime } from '@trtc-recorder/api'
import pino from 'pino'
import { Ledger } from '../../ledger/ledger.ts'
import type { EncodedFrame } from '../../tap/frame.ts'
import { readHead } from '../head-file.ts'
import { openMediaFile } from '../live-media-file.ts'
import type { FinishedMedia, MediaFile, MediaFileDeps, SalvagedMediaFile } from '../media-file.ts'
import { joinFile } from './join-file.ts'
import { newDirectory } from './new-directory.ts'
import { type Playback, play } from './playback.ts'
import { epochMicros } from './sender.ts'

export const silentLog = pino({ level: 'silent' })

/** What a test may change of how a file is recorded. */
export type Recording = Partial<MediaFileDeps> & { audioCodec?: AudioCodec; gaps?: Gaps; pause?: PausedTime }

export function openFile(mode: Mode, directory: string, recording: Recording = {}): MediaFile {
  const { audioCodec = 'AAC', gaps = 'Keep', pause = 'Silence', ...deps } = recording
  const name = `file.${mode === '00' ? 'mp3' : 'mp4'}`
  const identity = {
    name,
    userId: 'alice',
    stream: 'main' as const,
    mode,
    attempt: 1,
    part: 1,
    ...{ audioCodec, gaps, pause },
    openedMicros: epochMicros,
  }
  return openMediaFile(directory, identity, { log: silentLog, ledger: new Ledger(), ...deps })
}

export interface Recorded {
  finished: FinishedMedia
  path: string
  playback: Playback
}

/** Records frames into a new file, finishes it, and plays it. */
export async function record(mode: Mode, frames: readonly EncodedFrame[], deps: Recording = {}): Promise<Recorded> {
  const file = openFile(mode, await newDirectory(), deps)
  for (const frame of frames) file.write(frame)
  return await finishAndPlay(file)
}

export async function finishAndPlay(file: MediaFile | SalvagedMediaFile): Promise<Recorded> {
  const finished = await file.finish()
  const path = file.bodyPath.replace(/\.body$/, '')
  await joinFile(await readHead(finished.head), file.bodyPath, path, finished.bodyBytes)
  return { finished, path, playback: await play(path) }
}
