import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type AudioCodec,
  type Manifest,
  type ManifestFile,
  type Mode,
  manifestSchema,
  type RecorderJob,
  type Stream,
} from '@trtc-recorder/api'
import { Ledger } from '../ledger/ledger.ts'
import { openMediaFile } from '../media/live-media-file.ts'
import { newDirectory } from '../media/testing/new-directory.ts'
import { silentLog } from '../media/testing/recording.ts'
import { epochMicros } from '../media/testing/sender.ts'
import { describe } from '../recorder/kept-file.ts'
import { FakeStore } from '../recorder/testing.ts'
import type { Store, StoredObject, Upload, UploadSource } from '../store/upload.ts'
import type { EncodedFrame } from '../tap/frame.ts'
import { type OutputOptions, storeOutputs } from './outputs.ts'

/** Keeps what is uploaded as it is. */
class MemoryStore extends FakeStore {
  readonly bodies = new Map<string, Buffer>()

  override open({ key, bodyPath }: UploadSource): Upload {
    return {
      ...super.open({ key, bodyPath, logPath: '', contentType: '' }),
      finish: async (head, bodyBytes) => this.put(key, Buffer.concat([head, (await readFile(bodyPath)).subarray(0, bodyBytes)])),
    }
  }

  override async put(key: string, body: Uint8Array): Promise<StoredObject> {
    this.bodies.set(key, Buffer.from(body))
    return { ...(await super.put(key, body)), bytes: body.length }
  }
}

/** Who sent what, and into what it was recorded. */
export interface Part {
  userId: string
  /** `main`, if nothing else is said. */
  stream?: Stream
  mode: Mode
  frames: readonly EncodedFrame[]
  audioCodec?: AudioCodec
}

/** A recording that is over, with all its media on the volume, from a second before `epochMicros` until `seconds` after that. */
export async function recorded(job: RecorderJob, parts: readonly Part[], seconds: number) {
  const directory = await newDirectory()
  const memory = new MemoryStore()
  const files: ManifestFile[] = []
  for (const { userId, stream = 'main', mode, frames, audioCodec = 'AAC' } of parts) {
    const nth = files.filter((file) => file.userId === userId).length
    const origin = {
      name: `${userId}${nth === 0 ? '' : `-${nth + 1}`}.${mode === '00' ? 'mp3' : 'mp4'}`,
      userId,
      stream,
      attempt: 1,
      part: 1,
      openedMicros: epochMicros,
    }
    const ledger = new Ledger()
    const media = openMediaFile(directory, { ...origin, mode, audioCodec, gaps: 'Cut', pause: 'Cut' }, { log: silentLog, ledger })
    for (const frame of frames) media.write(frame)
    const finished = await media.finish()
    const keeping = { origin, state: 'stored' as const, content: undefined, finished, dealtWith: Promise.resolve(undefined) }
    files.push({ ...describe(keeping, job, ledger), status: 1 as const, crc64: '1' })
  }
  const start = epochMicros / 1000 - 1000
  const manifest: Manifest = manifestSchema.parse({
    ...{ version: 1, recording: job.recording, sdkAppId: 1, roomId: 1, mode: job.spec.mode, stopReason: 'Idle' },
    ...{ startTime: new Date(start).toISOString(), endTime: new Date(start + seconds * 1000).toISOString() },
    ...{ files, events: [], pauses: [], clockSteps: [], losses: [] },
  })
  return {
    directory,
    parts,
    manifest,
    store: memory,
    outputsDirectory: join(directory, 'outputs'),
    /** `store`: where to, if not into memory. */
    make: (isOver = true, store: Store = memory, onMaking?: OutputOptions['onMaking']) =>
      storeOutputs(manifest, {
        ...{
          job,
          store,
          mediaDirectory: directory,
          directory: join(directory, 'outputs'),
          replayPage: '',
          isOver,
          log: silentLog,
        },
        deadline: performance.now() + 60_000,
        ...(onMaking === undefined ? {} : { onMaking }),
      }),
    leftBehind: () => stat(join(directory, 'outputs')).catch(() => undefined),
  }
}

/** The samples of one channel of a WAV file. */
export function samplesOf(wav: Buffer, channel = 0, channels = 1): Float32Array {
  const data = wav.subarray(wav.indexOf('data') + 8)
  return Float32Array.from(
    { length: data.length / 2 / channels },
    (_, n) => data.readInt16LE((n * channels + channel) * 2) / 32_768,
  )
}

/** When sound begins after 300 ms of silence, in seconds. */
export function beepsIn(samples: Float32Array, rate: number): number[] {
  const beeps: number[] = []
  let lastLoud = Number.NEGATIVE_INFINITY
  samples.forEach((sample, at) => {
    if (Math.abs(sample) < 0.2) return
    if (at - lastLoud > 0.3 * rate) beeps.push(at / rate)
    lastLoud = at
  })
  return beeps
}
