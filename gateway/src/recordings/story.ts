import type { Recording } from '@trtc-recorder/api'

/**
 * The log of a request as far as the Recording itself has it: a line for each thing that is known to have happened, in the order of time. It stays as
 * long as the Recording, while a recorder's own log goes with its Pod.
 */
export function story({ metadata, status = {} }: Recording): string[] {
  const lines: { time: string; text: string }[] = [{ time: metadata.creationTimestamp, text: 'Request accepted' }]
  const say = (time: string | undefined, text: string) => {
    if (time !== undefined) lines.push({ time, text })
  }
  for (const { number, pod, node, startTime, endTime, reason, exitCode, message } of status.attempts ?? []) {
    say(startTime, `Attempt ${number} entered the room (Pod ${pod}${node === undefined ? '' : ` on ${node}`})`)
    const code = exitCode === undefined ? '' : `, exit code ${exitCode}`
    say(endTime, `Attempt ${number} ended: ${reason ?? 'unknown'}${code}${message ? `: ${message}` : ''}`)
  }
  for (const { userId, stream, startTime, durationSeconds, url, status: done, message } of status.files ?? []) {
    say(
      startTime,
      `File of ${userId} (${stream}), ${durationSeconds} s: ${done === 1 ? 'stored' : 'not stored'}, ${message}: ${url}`,
    )
  }
  say(status.stopRequestedTime, 'Stop requested')
  for (const { type, status: value, reason, message, lastTransitionTime } of status.conditions ?? []) {
    say(lastTransitionTime, `${type} is ${value}: ${reason}${message ? `: ${message}` : ''}`)
  }
  say(status.callback?.deliveredTime, 'Callback delivered')
  return lines.sort((one, other) => Date.parse(one.time) - Date.parse(other.time)).map(({ time, text }) => `${time} ${text}`)
}

/** The Pod whose log there may still be: that of the last attempt. */
export const lastPod = ({ status }: Pick<Recording, 'status'>): string | undefined => status?.attempts?.at(-1)?.pod
