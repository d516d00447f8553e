import { z } from 'zod'
import { fileCheckSchema } from './check.ts'
import { recordedFileSchema } from './files.ts'
import { lossSchema } from './ledger.ts'
import { liveIndexSchema, sentSoundSchema } from './live.ts'
import type { StopReason } from './outcome.ts'
import { recordedOutputSchema } from './outputs.ts'
import { word } from './word.ts'

type TimelineEventName =
  | ('enter' | 'leave' | 'audioOn' | 'audioOff' | 'videoOn' | 'videoOff')
  | ('gap' | 'resolution' | 'resumed' | 'paused')

/** What happened to a user's stream, in wall-clock time, for whoever cuts, aligns or shows the files. */
export const timelineEventSchema = z.object({
  time: z.iso.datetime().describe('When, by the recorder’s clock.'),
  userId: z.string().describe('Whose.'),
  stream: z.enum(['main', 'aux']),
  event: word<TimelineEventName>().describe(
    '`audioOff`/`videoOff` are mutes as well as unpublishing; `gap`: media was missing, see seconds; `paused`: from here nothing of the user was taken, because spec.desiredState was Paused; `resumed`: after a lost connection or a pause.',
  ),
  kind: z.enum(['audio', 'video']).optional().describe('Of a gap: what was missing.'),
  seconds: z.number().optional().describe('Length of a gap.'),
  width: z.int().optional(),
  height: z.int().optional(),
})
export type TimelineEvent = z.infer<typeof timelineEventSchema>

/** Somebody has set the wall clock of the machine, or it was suspended. */
export const clockStepSchema = z.object({
  time: z.iso.datetime().describe('When it was, as the manifest tells times.'),
  before: z.iso.datetime().describe('What the wall clock would have said then.'),
  after: z.iso.datetime().describe('What it said from then on.'),
})

export const manifestFileSchema = recordedFileSchema.extend({
  part: z
    .int()
    .min(1)
    .default(1)
    .describe(
      'From 1 on: which of the files that one stream became. A new one begins after 12 hours, where a sender changes its video codec, at the 65th size or profile of its pictures, and where the wall clock was set ahead (clockSteps).',
    ),
  check: fileCheckSchema
    .nullable()
    .default(null)
    .describe('What was proven of the file when it was finished; null where it was not.'),
  endTime: z.iso.datetime().describe('Wall-clock time of the end of the file.'),
  clockSource: word<'arrival'>()
    .default('arrival')
    .describe('What the times in the file are placed by. `arrival`: the fastest packets on their way to the recorder.'),
  clockErrorMs: z
    .number()
    .min(0)
    .nullable()
    .default(null)
    .describe(
      'By so much a time may be off, in milliseconds, and by what the network takes at least: how far the fastest packets lie from where they were placed, how far the fastest of all may have been from the line at its best, which of a file of a few seconds on a line with jitter is a multiple of that, and by how much anything was moved where two clocks of a sender contradict each other. A queue that was there as long as the file nobody can see. Null where nothing came.',
    ),
  times: z
    .array(
      z.object({
        mediaSeconds: z.number().min(0).describe('A time in the file.'),
        time: z.iso.datetime().describe('The wall-clock time that it is.'),
      }),
    )
    .default([])
    .describe(
      'What wall-clock time a time in the file is: straight lines between these points, a millisecond off at most. Two points of one mediaSeconds are a cut: what lies between their times was taken out of the file (spec.gaps, spec.pause).',
    ),
  crc64: z.string().describe('CRC-64/XZ of the file as a decimal number, as COS reports it in x-cos-hash-crc64ecma.'),
})

/**
 * `<recording>_<uid>.manifest.json`, and `…_v2.manifest.json` and so on for further volumes: enough to place every file of a volume, and mostly that is
 * all of a recording, on one wall clock without opening the media.
 */
export const manifestSchema = z.object({
  version: z.literal(1),
  recording: z.object({ namespace: z.string(), name: z.string(), uid: z.string() }),
  sdkAppId: z.int(),
  roomId: z.int().optional(),
  strRoomId: z.string().optional(),
  mode: z.enum(['00', '01', '02']),
  startTime: z.iso.datetime().optional(),
  endTime: z.iso.datetime().optional(),
  stopReason: word<StopReason>(),
  files: z.array(manifestFileSchema),
  outputs: z.array(recordedOutputSchema).default([]).describe('What was made of it beside its files.'),
  live: z
    .array(liveIndexSchema)
    .default([])
    .describe('Where the lists are of what was made while it recorded (spec.live), of all attempts on this volume.'),
  liveSound: z
    .array(sentSoundSchema)
    .default([])
    .describe('What became of each user’s live sound (spec.live.pcm), by stream and attempt, of those that used this volume.'),
  events: z.array(timelineEventSchema),
  pauses: z
    .array(
      z.object({
        from: z.iso.datetime().describe('From when on nothing of anybody was taken.'),
        to: z.iso
          .datetime()
          .nullable()
          .describe(
            'Until when. Where a recorder was killed meanwhile, until the next one was in the room; null where none was.',
          ),
      }),
    )
    .describe('When spec.desiredState was Paused, of all attempts.'),
  clockSteps: z
    .array(clockStepSchema)
    .default([])
    .describe(
      'When the wall clock of a recorder was set meanwhile, in all attempts. Times follow one that is set ahead by a second and more: files end, and go on as the next ones, by the time after. They do not follow one that is set back: what is later than that goes on by the time before, and the wall clock said `after` where `time` is told. Where it was set between two attempts `time` is when the later one began, by the time after, by which that tells all its times. Of an attempt on another machine, or after a boot, it is known only where the later one began before the earlier had ended: then `before` is the least that it would have said.',
    ),
  losses: z.array(lossSchema).describe('What is not in the recording, of all attempts, in the order of its beginning.'),
})
export type Manifest = z.infer<typeof manifestSchema>
export type ManifestFile = z.infer<typeof manifestFileSchema>
