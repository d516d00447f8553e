import { z } from 'zod'
import { wantsEvents } from './callback-events.ts'
import { fileMarkOf, fileMarkPattern } from './file-mark.ts'
import { type RecordingManifest, roomSpecShape } from './recording.ts'

/** Environment of the recorder process. */
export const recorderEnv = {
  /** The job, one JSON value, in as many variables as it needs (`jsonVariables`). Holds names of Secrets, never their contents. */
  job: 'TRTC_RECORDER_JOB',
  /** Work directory; the volume is mounted there. The template's own name for it. */
  work: 'CFS_PATH',
  /** Folder of mounted Secrets: a folder per Secret, a file per key. */
  secrets: 'TRTC_RECORDER_SECRETS',
  /** File that says what has changed since; see `controlSchema`. May be missing. */
  control: 'TRTC_RECORDER_CONTROL',
  /** File that says which clips are wanted now; see `clipRequestsSchema`. May be missing. */
  clips: 'TRTC_RECORDER_CLIPS',
  /** Another address of the metadata service, which has the role of a node. */
  metadataUrl: 'TRTC_RECORDER_METADATA_URL',
  /** Another address of STS than https://sts.tencentcloudapi.com, such as https://sts.internal.tencentcloudapi.com. */
  stsUrl: 'TRTC_RECORDER_STS_URL',
  /** Extra Chromium switches, separated by blanks. Set by whoever runs the cluster, never by a Recording. */
  chromiumArgs: 'TRTC_RECORDER_CHROMIUM_ARGS',
  /** Whom live sound may be sent to, as the operator judges callbacks: one JSON value, `ReceiverPolicy`. */
  receivers: 'TRTC_RECORDER_RECEIVERS',
  /** Where the result goes as the container's termination message. */
  terminationMessage: 'TRTC_RECORDER_TERMINATION_MESSAGE',
  /** A signal that came before Node could hear it. Set by recorder-image/start.sh only. */
  askedToStop: 'TRTC_RECORDER_ASKED_TO_STOP',
} as const

export const recorderPort = 8080
/** Kubernetes keeps at most this much of a termination message. */
export const terminationMessageMaxBytes = 4096

export const recorderJobSchema = z.object({
  recording: z.object({
    namespace: z.string().describe('Namespace of the Recording.'),
    name: z.string().describe('Name of the Recording; the manifest is named after it.'),
    uid: z.string().describe('UID of the Recording. Empty when the recorder runs without a cluster.'),
  }),
  attempt: z.int().min(1).describe('Number of this attempt, from 1.'),
  volume: z
    .int()
    .min(1)
    .default(1)
    .describe(
      'Which volume of the Recording it works on, from 1. Each has a manifest of its own, so that none overwrites what another one knows.',
    ),
  firstStartedAt: z.iso
    .datetime()
    .optional()
    .describe('When an earlier attempt first entered the room; maxDurationSeconds counts from there.'),
  uploadOnly: z
    .boolean()
    .optional()
    .describe(
      'Nothing is recorded on the volume any more: finish and upload what earlier attempts left on the volume, without Chromium and without entering the room. Ends Completed when everything is stored, with every file it finished in the result.',
    ),
  keepsEvents: z
    .boolean()
    .optional()
    .describe('Somebody asks for events (`GET /events`): they are kept on the volume until they have been asked for.'),
  fileMark: z
    .string()
    .regex(fileMarkPattern)
    .optional()
    .describe(
      'What names of files have behind their time, as `~<mark>`: other recorders write files of the same room to the same folder, and two may begin within the same millisecond. Without it, there are no others.',
    ),
  spec: z.object(roomSpecShape).describe('What to record and where to put it.'),
})
export type RecorderJob = z.infer<typeof recorderJobSchema>

/** What one attempt is to do, beside what the Recording says. */
export interface JobOrder {
  attempt: number
  firstStartedAt?: string | undefined
  /** False by default. */
  uploadOnly?: boolean
  /** 1 by default. */
  volume?: number
  /** Other Recordings write files of its room to the same folder. False by default. */
  isBesideOthers?: boolean
}

/** The job that carries out a Recording, or, with `uploadOnly`, what is left to do on a volume. */
export function jobFor(
  recording: RecordingManifest,
  { attempt, firstStartedAt, uploadOnly = false, volume = 1, isBesideOthers = false }: JobOrder,
): RecorderJob {
  const { name, namespace, uid } = recording.metadata
  const job = {
    recording: { namespace, name, uid },
    attempt,
    volume,
    ...(firstStartedAt === undefined ? {} : { firstStartedAt }),
    ...(uploadOnly ? { uploadOnly } : {}),
    ...(wantsEvents(recording.spec) ? { keepsEvents: true } : {}),
    ...(isBesideOthers ? { fileMark: fileMarkOf(uid) } : {}),
    spec: recording.spec,
  }
  const { success, data } = recorderJobSchema.safeParse(job)
  if (success) return data
  // An API server with the CRD of another release admitted it. The recorder says what is wrong with it, where everybody sees it; each of its
  // fields that can be read is, so that what that release did not know has its default.
  const stored: Record<string, unknown> = job.spec
  const fields = Object.entries(roomSpecShape).flatMap(([name, schema]) => {
    const read = schema.safeParse(stored[name])
    const value = read.success ? read.data : stored[name]
    return value === undefined ? [] : [[name, value]]
  })
  return { ...job, spec: Object.fromEntries(fields) as RecorderJob['spec'] }
}
