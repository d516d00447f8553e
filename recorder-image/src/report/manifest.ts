import {
  type LiveIndex,
  type Loss,
  type Manifest,
  type ManifestFile,
  manifestSchema,
  type RecorderJob,
  type SentSound,
  type StopReason,
  type TimelineEvent,
} from '@trtc-recorder/api'
import type { FileNote } from '../recorder/volume.ts'

export interface ManifestInput {
  job: RecorderJob
  stopReason: StopReason
  startTime: string | undefined
  endTime: string | undefined
  /** What is in COS, of every attempt. */
  notes: FileNote[]
  /** What this attempt has to say of its files: of those that have no note it is all there is. */
  kept: ManifestFile[]
  /** What the room said, in every attempt. */
  events: TimelineEvent[]
  /** What is not recorded, in every attempt. */
  losses: Loss[]
  /** Lists of what was made while it recorded, of every attempt. */
  live: LiveIndex[]
  /** What became of live sound, of every attempt. */
  liveSound: SentSound[]
  /** In every attempt. */
  pauses: Manifest['pauses']
  /** In every attempt. */
  clockSteps: Manifest['clockSteps']
}

/** The manifest over all attempts. Pure. */
export function buildManifest({
  job,
  stopReason,
  startTime,
  endTime,
  notes,
  kept,
  events,
  losses,
  live,
  liveSound,
  pauses,
  clockSteps,
}: ManifestInput): Manifest {
  const { sdkAppId, roomId, strRoomId, mode } = job.spec
  const files = [...notes.map(({ file }) => file), ...kept.filter((file) => !notes.some((one) => one.file.path === file.path))]
  const mediaEvents = notes.flatMap((note) => note.events)
  return manifestSchema.parse({
    version: 1,
    recording: job.recording,
    sdkAppId,
    ...(roomId === undefined ? {} : { roomId }),
    ...(strRoomId === undefined ? {} : { strRoomId }),
    mode,
    ...(startTime === undefined ? {} : { startTime }),
    ...(endTime === undefined ? {} : { endTime }),
    stopReason,
    files: files.sort((a, b) => a.startTime.localeCompare(b.startTime)),
    events: [...events, ...mediaEvents].sort((a, b) => a.time.localeCompare(b.time)),
    pauses,
    clockSteps,
    losses,
    outputs: [],
    live,
    liveSound,
  } satisfies Manifest)
}
