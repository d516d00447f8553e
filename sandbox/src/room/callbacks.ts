import { createHmac } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { identities } from '../identities.ts'
import type { Track } from './publisher.ts'
import type { RoomName, Told } from './room.ts'

export interface CallbackOptions {
  /** Where they go; nowhere without it. */
  url?: string
  /** EventTypes that are never sent, as if they had been lost on their way for more than a minute. */
  lose?: number[]
  /** How often each is sent. */
  times?: number
  delayMillis?: number
  /** Keeps them until they are released. */
  hold?: boolean
}

/** One that was sent, in the end: with the status of each try, 0 where there was no answer. */
export interface SentCallback {
  eventType: number
  userId: string | undefined
  statuses: number[]
}

/** TRTC waits so long for an answer, tells again at once, and then every ten seconds for a minute (trtc.io/document/39558). */
const answerMillis = 5000
const repeatMillis = [0, 10_000, 10_000, 10_000, 10_000, 10_000]

const trackTypes: Record<Track, { started: number; stopped: number }> = {
  video: { started: 201, stopped: 202 },
  audio: { started: 203, stopped: 204 },
  aux: { started: 205, stopped: 206 },
}

/** Sends a room's events (groups 1 and 2) to one address, signed with the sandbox's key: as they come, or as it was told to spoil them. */
export class RoomCallbacks {
  readonly sent: SentCallback[] = []
  readonly #held: { eventType: number; userId: string | undefined; body: object; name: RoomName }[] = []
  readonly #ended = new AbortController()
  #options: CallbackOptions = {}

  direct(options: CallbackOptions): void {
    this.#options = options
  }

  tell(name: RoomName, told: Told): void {
    const { url, lose = [], hold = false } = this.#options
    if (url === undefined) return
    const [eventType, more] = eventOf(told)
    if (lose.includes(eventType)) return
    const now = Date.now()
    const userId = 'userId' in told ? told.userId : undefined
    const EventInfo = {
      ...{ RoomId: name.roomId ?? name.strRoomId, EventTs: Math.floor(now / 1000), EventMsTs: now },
      ...(userId === undefined ? {} : { UserId: userId }),
      ...more,
    }
    const body = { EventGroupId: Math.floor(eventType / 100), EventType: eventType, CallbackTs: now, EventInfo }
    this.#held.push({ eventType, userId, body, name })
    if (!hold) void this.release()
  }

  /** Sends what is held, and resolves when all of it was answered or given up. */
  async release(order: 'AsTold' | 'Reversed' = 'AsTold'): Promise<void> {
    const { url, times = 1, delayMillis = 0 } = this.#options
    const due = this.#held.splice(0)
    if (url === undefined) return
    if (order === 'Reversed') due.reverse()
    for (const { eventType, userId, body, name } of due) {
      const sending = Array.from({ length: times }, async () => {
        if (delayMillis > 0) await this.#pause(delayMillis)
        this.sent.push({ eventType, userId, statuses: await this.#send(url, name, body) })
      })
      // In reverse each waits for the one before, or the order would be chance.
      if (order === 'Reversed') await Promise.all(sending)
      else void Promise.all(sending)
    }
  }

  async #send(url: string, name: RoomName, value: object): Promise<number[]> {
    // Indented, as TRTC’s own: whoever verifies has to take the bytes as they are.
    const body = JSON.stringify(value, undefined, '\t')
    const Sign = createHmac('sha256', identities.trtc.callbackKey).update(body).digest('base64')
    const headers = { 'Content-Type': 'application/json', SdkAppId: String(name.sdkAppId), Sign }
    const statuses: number[] = []
    for (const wait of [undefined, ...repeatMillis]) {
      if (wait !== undefined) await this.#pause(wait)
      if (this.#ended.signal.aborted) break
      const signal = AbortSignal.any([this.#ended.signal, AbortSignal.timeout(answerMillis)])
      const status = await fetch(url, { method: 'POST', headers, body, signal }).then(
        (answer) => answer.arrayBuffer().then(() => answer.status),
        () => 0,
      )
      statuses.push(status)
      if (status === 200) break
    }
    return statuses
  }

  #pause = (millis: number) => sleep(millis, undefined, { signal: this.#ended.signal }).catch(() => {})

  close(): void {
    this.#ended.abort()
  }
}

function eventOf(told: Told): [number, object] {
  switch (told.is) {
    case 'created':
      return [101, {}]
    case 'dismissed':
      return [102, {}]
    case 'entered':
      return [103, { Role: roleOf(told), TerminalType: 100, UserType: 1, Reason: 1 }]
    case 'left':
      return [104, { Reason: 1 }]
    case 'changedRole':
      return [105, { Role: roleOf(told) }]
    case 'started':
      return [trackTypes[told.track].started, {}]
    case 'stopped':
      return [trackTypes[told.track].stopped, { Reason: 0 }]
  }
}

const roleOf = ({ isAnchor }: { isAnchor: boolean }) => (isAnchor ? 20 : 21)
