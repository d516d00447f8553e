import type { KubeClient, KubeObject } from '@trtc-recorder/kube'
import { isNamespaceTerminating, resources } from '@trtc-recorder/kube'
import type { Logger } from 'pino'

export interface EventNote {
  type: 'Normal' | 'Warning'
  /** One word, CamelCase, at most 128 characters: why. */
  reason: string
  /** One word: what was done or tried. */
  action: string
  /** A sentence for a person. Cut at 1024 bytes. */
  note: string
}

/** What `record` needs to know of the object an Event is about. */
export interface Regarding {
  apiVersion: string
  kind: string
  metadata: Pick<KubeObject['metadata'], 'name' | 'namespace' | 'uid' | 'resourceVersion'>
}

/** `record` neither waits nor fails. Call it after the status write that the Event is about. */
export interface EventRecorder {
  record(regarding: Regarding, event: EventNote): void
  /** Resolves when what was recorded so far has been sent or given up. */
  flush(): Promise<void>
}

export interface EventRecorderOptions {
  client: KubeClient
  log: Logger
  /** Qualified name of the controller, such as `trtc-recorder.dev/operator`. */
  reportingController: string
  /** The process, such as the name of its Pod. Cut at 128 characters. */
  reportingInstance: string
  /** Events waiting to be sent; more are dropped, for Events are a courtesy. Default 10,000. */
  limit?: number
  /** Sent at the same time, each about another object. Default 8. */
  atOnce?: number
  /** Told of each that was dropped, or could not be written. */
  onLost?: () => void
  now?: () => Date
}

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, log, reportingController, limit = 10_000, atOnce = 8, onLost = () => {}, now = () => new Date() } = options
  const reportingInstance = options.reportingInstance.slice(0, 128)
  /** UID of an object → what is still to be sent of it, in order. The object in front is next. */
  const waiting = new Map<string, (() => Promise<void>)[]>()
  /** UIDs of objects of which one is being sent. */
  const sending = new Set<string>()
  let count = 0
  let idle = Promise.withResolvers<void>()
  idle.resolve()
  let lastMicros = 0

  /** `kubectl describe` shows Events in the order of their names, so a name tells when it happened, as client-go's do. */
  function suffix(time: Date): string {
    lastMicros = Math.max(time.getTime() * 1000, lastMicros + 1)
    return lastMicros.toString(16)
  }

  async function send(regarding: Regarding, event: EventNote, eventTime: string, id: string) {
    const { name, namespace, uid, resourceVersion } = regarding.metadata
    const { apiVersion, kind } = regarding
    try {
      await client.create(resources.events, {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: { name: `${name.slice(0, 200)}.${id}`, namespace },
        eventTime,
        reportingController,
        reportingInstance,
        type: event.type,
        reason: event.reason.slice(0, 128),
        action: event.action.slice(0, 128),
        note: cutBytes(event.note, 1024),
        regarding: { apiVersion, kind, name, namespace, uid, resourceVersion },
      } as Parameters<typeof client.create>[1])
    } catch (error) {
      // A namespace that goes away takes no new objects; nobody will look for its Events.
      onLost()
      const level = isNamespaceTerminating(error) ? 'debug' : 'warn'
      log[level]({ err: error, kind, name, namespace, reason: event.reason }, 'Event could not be written')
    }
  }

  /** Several at once, but of one object one after the other: a reader takes the order of Events for the order of things. */
  function sendOn(): void {
    for (const [uid, queue] of waiting) {
      if (sending.size >= atOnce) return
      if (sending.has(uid)) continue
      const next = queue.shift()
      waiting.delete(uid)
      if (next === undefined) continue
      if (queue.length > 0) waiting.set(uid, queue)
      sending.add(uid)
      next().finally(() => {
        sending.delete(uid)
        count -= 1
        if (count === 0) idle.resolve()
        sendOn()
      })
    }
  }

  return {
    record(regarding, event) {
      if (count >= limit) {
        onLost()
        log.warn({ name: regarding.metadata.name, reason: event.reason, limit }, 'Event was dropped because too many wait')
        return
      }
      if (count === 0) idle = Promise.withResolvers<void>()
      count += 1
      const time = now()
      const [eventTime, id] = [microTime(time), suffix(time)]
      const { uid } = regarding.metadata
      const queue = waiting.get(uid) ?? []
      queue.push(() => send(regarding, event, eventTime, id))
      waiting.set(uid, queue)
      sendOn()
    },
    flush: () => idle.promise,
  }
}

/** RFC 3339 with six decimals, as MicroTime wants it. */
export const microTime = (time: Date) => time.toISOString().replace('Z', '000Z')

/** At most so many bytes of UTF-8, without half a character at the end. */
export function cutBytes(text: string, bytes: number): string {
  const encoded = Buffer.from(text, 'utf8')
  if (encoded.length <= bytes) return text
  const ellipsis = '…'
  let end = bytes - Buffer.byteLength(ellipsis)
  while (end > 0 && ((encoded[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return encoded.subarray(0, end).toString('utf8') + ellipsis
}
