import { keepAnnotation, type Recording } from '@trtc-recorder/api'
import { holding } from './stage.ts'

/** Somebody says that it is to stay, whatever else says that it may go. */
export const isKept = ({ metadata }: Pick<Recording, 'metadata'>) => {
  const value = metadata.annotations?.[keepAnnotation]
  return value !== undefined && value !== 'false'
}

/**
 * How long a Recording that is over and let go of may still stay, in milliseconds; 0 or less: its time is up. Undefined: it stays, because nobody set
 * a time or because its status alone says where media is that is not in COS.
 */
export function remainingMillis(recording: Recording, now: Date): number | undefined {
  const { spec, status, metadata } = recording
  const { ttlSecondsAfterFinished } = spec
  if (ttlSecondsAfterFinished === undefined || metadata.deletionTimestamp !== undefined || isKept(recording)) return undefined
  const { completionTime, callback, volumes = [] } = status ?? {}
  if (completionTime === undefined || holding(volumes).length > 0) return undefined
  // Whoever wants to know what became of the callback has the whole time for it.
  const toldTime = callback?.deliveredTime ?? callback?.lastAttemptTime ?? completionTime
  const since = Math.max(Date.parse(completionTime), Date.parse(toldTime))
  return since + ttlSecondsAfterFinished * 1000 - now.getTime()
}
