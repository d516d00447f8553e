import { z } from 'zod'
import { word } from './word.ts'

/** Why something that was sent, or should have been, is not in the recording. Each word with what it means; listed nowhere else. */
export const lossReasons = {
  LostInNetwork: 'Packets were lost on the way and never repaired.',
  TakenTooLate:
    'The machine gave the recorder too little processor time: packets overflowed a receive buffer, and were not repaired. The detail says how many.',
  RepairedTooLate: 'Packets were repaired, but later than the recorder could wait for them.',
  NoKeyFrame: 'Pictures came without a key frame before them, so nothing could decode them.',
  Overflow: 'The recorder did not keep up with the page.',
  PausedMeanwhile:
    'It was received before a pause, and reached the recorder later than anything is taken after that began: its page hung, or it was held back for what came before it.',
  TapFailed: 'The recorder’s page could not take it, by a defect of its own; the detail says what failed.',
  DiskSlow: 'The volume did not keep up with what was to be written.',
  DiskFull: 'The volume was full.',
  DiskFailed: 'The volume could not be written.',
  DiskDamaged: 'It was on the volume, and what says where and when could not be read any more.',
  LostInCos:
    'COS had confirmed it, so it was given back to a volume that ran low; then COS did not have it any more. What else is in its file stays on the volume.',
  UnsupportedCodec: 'The codec is not one that is recorded; the detail names it.',
  Unreadable: 'What arrived is not what its codec says it is.',
  EncoderRefused: 'The sound encoder did not take a packet; silence of its length stands in its place.',
  NeverArrived: 'The user published, and nothing of it ever arrived.',
  Unclaimed: 'Media arrived of which the SDK never said whose it is.',
  AfterTheEnd: 'Media arrived after its user had stopped publishing.',
  RoomAway: 'The recorder was not in the room: its connection was lost, or its page was replaced.',
  NotSalvaged: 'An earlier attempt left it, and it could not be read; it stays on the volume.',
  NotKept:
    'The volume did not take a record that the recorder keeps beside the media; the detail names it. The files have everything, and it is no part of the totals.',
  Unproven:
    'Pictures are in the file of which it was not known yet, when the recorder was killed, whether one that they refer to was lost: they may show disturbed. No part of the totals.',
  EndUnproven:
    'Nothing tells whether the last of what a user sent came: it stopped coming before its user stopped sending, as far as that is known, or came on after that. If anything is missing it is no more than `frames`. No part of the totals.',
  LiveOutputLost:
    'A part of spec.live could not make or store what it should have; the detail names the part. The files have it, and it is no part of the totals.',
  RecorderKilled: 'The recorder ended without a chance to write what it had.',
} as const
export type LossReason = keyof typeof lossReasons

/** One stretch of one medium that is not in the recording. */
export const lossSchema = z.object({
  userId: z.string().nullable().describe('Whose it was; null where nobody could tell.'),
  stream: z.enum(['main', 'aux']).nullable().describe('Of which stream; null where nobody could tell.'),
  medium: z.enum(['audio', 'video']),
  from: z.iso.datetime().describe('When it began, by the recorder’s clock.'),
  to: z.iso.datetime().describe('When it ended.'),
  frames: z.int().min(0).nullable().describe('Pictures or sound packets; null where they cannot be counted.'),
  framesAre: z
    .literal('AtMost')
    .optional()
    .describe(
      'Given where `frames` is the most it can be: pictures of a camera whose number only their rhythm tells, while it may have made none for a time.',
    ),
  bytes: z.int().min(0).nullable().describe('Bytes of them; null where they never arrived.'),
  reason: word<LossReason>().describe('Why.'),
  file: z.string().nullable().describe('Name of the file it is missing from; null where there is none.'),
  detail: z.string().max(256).describe('More for a person, such as the codec; may be empty.'),
})
export type Loss = z.infer<typeof lossSchema>

/** What many losses amount to. */
export const lossTotalsSchema = z.object({
  stretches: z.int().min(0).describe('Number of stretches.'),
  frames: z.int().min(0).describe('Pictures and sound packets, as far as they could be counted.'),
  framesAre: z.literal('AtMost').optional().describe('Given where that is the most it can be, of some stretch at least.'),
  bytes: z.int().min(0).describe('Bytes of them, as far as they arrived.'),
})
export type LossTotals = z.infer<typeof lossTotalsSchema>
export const noLosses: LossTotals = { stretches: 0, frames: 0, bytes: 0 }
