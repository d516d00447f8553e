import type { RecorderJob } from '@trtc-recorder/api'
import type { RoomEnd } from '../room/supervision.ts'
import { meaningOf } from '../room/trtc-codes.ts'
import { RecorderFailure } from './failure.ts'
import type { Stop } from './stop-policy.ts'
import { userSigOrigin } from './user-sig.ts'

/** What the end of the room means for the recording: a reason to stop, or a failure. `problem`: what can be read of the UserSig. */
export function stopOf(end: RoomEnd, job: RecorderJob, problem: string | undefined): Stop {
  switch (end.type) {
    case 'sentOut':
    case 'lost':
      return { reason: end.reason, message: end.message }
    case 'left':
      return { reason: 'Terminated', message: 'The room was left' }
    case 'refused':
      throw refused(job, end.trtcCode, problem)
    case 'startTimeout': {
      const { startTimeoutSeconds } = job.spec.limits
      const message = `Could not enter ${roomName(job)} within ${startTimeoutSeconds} s: ${end.message}`
      throw new RecorderFailure('StartTimeout', message, { trtcCode: end.trtcCode })
    }
    case 'defect':
      throw new RecorderFailure('InternalError', end.error instanceof Error ? end.error.message : String(end.error), {
        cause: end.error,
      })
  }
}

function refused(job: RecorderJob, trtcCode: number, problem: string | undefined): RecorderFailure {
  const { userId } = job.spec
  const hint = problem === undefined ? '' : `; of ${userSigOrigin(job.spec)} can be read that ${problem}`
  const message = `TRTC did not let ${userId} into ${roomName(job)}: ${trtcCode}, ${meaningOf(trtcCode)}${hint}`
  return new RecorderFailure('RoomRefused', message, { trtcCode })
}

const roomName = ({ spec }: RecorderJob) => (spec.roomId === undefined ? `room "${spec.strRoomId}"` : `room ${spec.roomId}`)
