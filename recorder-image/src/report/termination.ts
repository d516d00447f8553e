import { type RecorderResult, type TerminationMessage, terminationMessageMaxBytes } from '@trtc-recorder/api'

/** The result in at most 4096 bytes: without its files, and then its outputs, where they do not fit. */
export function terminationMessage(result: RecorderResult, maxBytes = terminationMessageMaxBytes): string {
  const whole = JSON.stringify(result)
  if (Buffer.byteLength(whole) <= maxBytes) return whole
  const short: TerminationMessage = { ...result, files: [], filesOmitted: Math.max(1, result.files.length) }
  const text = JSON.stringify(short)
  if (Buffer.byteLength(text) <= maxBytes) return text
  const shorter = JSON.stringify({ ...short, outputs: [] })
  if (Buffer.byteLength(shorter) <= maxBytes) return shorter
  // Only the message can be long then; at most 1024 characters of up to 3 bytes each would still fit beside the rest.
  return JSON.stringify({ ...short, outputs: [], message: `${short.message.slice(0, 256)}…` })
}
