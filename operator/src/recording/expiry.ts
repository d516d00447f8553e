import { type CallbackStatus, keepAnnotation, type Recording } from '@trtc-recorder/api'
import { holding, lost } from './stage.ts'

/** Somebody says that it is to stay, whatever else says that it may go. */
export const isKept = ({ metadata }: Pick<Recording, 'metadata'>) => {
  const value = metadata.annotations?.[keepAnnotation]
  return value !== undefined && value !== 'false'
}

/**
 * How long a Recording that is over and let go of may still stay, in milliseconds; 0 or less: its time is up. Undefined: it stays, because nobody set
 * a time or because its status alone says where media is, or was, that is not in COS.
 */
export function remainingMillis(recording: Recording, now: Date): number | undefined {
  const { spec, status, metadata } = recording
  const { ttlSecondsAfterFinished } = spec
  if (ttlSecondsAfterFinished === undefined || metadata.deletionTimestamp !== undefined || isKept(recording)) return undefined
  const { completionTime, volumes = [] } = status ?? {}
  if (completionTime === undefined || [...holding(volumes), ...lost(volumes)].length > 0) return undefined
  return overSince(completionTime, status?.callback) + ttlSecondsAfterFinished * 1000 - now.getTime()
}

/** From when the time of what is over is counted: whoever wants to know what became of the callback has the whole of it. */
export function overSince(completionTime: string, callback: CallbackStatus | undefined): number {
  const toldTime = callback?.deliveredTime ?? callback?.lastAttemptTime ?? completionTime
  return Math.max(Date.parse(completionTime), Date.parse(toldTime))
}
