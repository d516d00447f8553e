import type { Ledger } from '../ledger/ledger.ts'
import type { RoomEvent } from '../room/events.ts'
import type { Room } from '../room/room.ts'
import { type EnterContext, enter } from './enter.ts'
import type { FileKeeper } from './file-keeper.ts'
import type { SessionAction, Sessions } from './sessions.ts'
import { type Stop, type StopInput, stopDue } from './stop-policy.ts'
import { storyOf } from './story.ts'
import type { Volume } from './volume.ts'

export interface RecordContext extends EnterContext {
  sessions: Sessions
  keeper: FileKeeper
  volume: Volume
  /** Told of everything that does not get into a file. */
  ledger: Ledger
  /** Told when the recorder is in the room. */
  onEntered(at: Date): void
}

export interface Recorded {
  stop: Stop
  stoppedAt: Date
  /** Leaves the room and ends Chromium. */
  close(): Promise<void>
}

const tickMillis = 500

/** Enters the room and records it until there is a reason to stop. All files are closed then, none is finished yet. */
export async function recordRoom(context: RecordContext): Promise<Recorded> {
  const recording = new LiveRecording(context)
  const room = await enter(context, {
    onEvent: (event) => recording.event(event),
    onFrame: (frame) => recording.act(recording.frame(frame)),
    onWarning: (message, details) => context.log.warn(details, message),
  })
  if ('reason' in room) return { stop: room, stoppedAt: new Date(), close: async () => {} }
  recording.room = room
  const ticks = setInterval(() => recording.tick(Date.now()), tickMillis)
  let stop: Stop
  try {
    stop = await Promise.race([context.stopRequested, recording.stopped])
  } catch (error) {
    await room.close()
    throw error
  } finally {
    clearInterval(ticks)
    // What the page still has belongs to the recording.
    await room.flush()
    recording.act(context.sessions.closeAll())
    recording.over = true
  }
  context.log.info({ reason: stop.reason }, `Recording stopped: ${stop.message}`)
  return { stop, stoppedAt: new Date(), close: () => room.close() }
}

class LiveRecording {
  /** Known a moment after the first events. */
  set room(room: Room) {
    this.#room = room
    for (const action of this.#subscriptions.splice(0)) room.subscribe(action)
  }
  readonly stopped: Promise<Stop>
  over = false
  readonly #context: RecordContext
  readonly #stop: (stop: Stop) => void
  readonly #input: StopInput
  readonly #subscriptions: Extract<SessionAction, { type: 'subscribe' }>[] = []
  #room: Room | undefined

  constructor(context: RecordContext) {
    this.#context = context
    const { promise, resolve } = Promise.withResolvers<Stop>()
    this.stopped = promise
    this.#stop = resolve
    const { firstStartedAt } = context.job
    this.#input = {
      enteredAt: Date.now(),
      firstStartedAt: firstStartedAt === undefined ? undefined : Date.parse(firstStartedAt),
      idleSince: Date.now(),
      connectionLostSince: undefined,
      lastFrameAt: undefined,
    }
  }

  event(event: RoomEvent): void {
    if (this.over) return
    const story = storyOf(event)
    if (story) this.#context.log[story.level](story.about, story.message)
    if (event.type === 'entered') {
      this.#input.enteredAt = Date.now()
      this.#input.idleSince = Date.now()
      this.#context.onEntered(new Date())
    }
    if (event.type === 'connectionLost') this.#input.connectionLostSince ??= Date.now()
    if (event.type === 'connectionRecovered') this.#input.connectionLostSince = undefined
    this.act(this.#context.sessions.event(event))
    const isIdle = this.#context.sessions.publishingUsers === 0
    this.#input.idleSince = isIdle ? (this.#input.idleSince ?? Date.now()) : undefined
    if (event.type === 'ended') this.#stop({ reason: event.reason, message: event.message })
  }

  frame(frame: Parameters<Sessions['frame']>[0]): SessionAction[] {
    this.#input.lastFrameAt = frame.receiveTimeMicros / 1000
    return this.over ? [] : this.#context.sessions.frame(frame)
  }

  tick(now: number): void {
    this.act(this.#context.sessions.tick(now * 1000))
    this.#context.ledger.settle()
    const stop = stopDue(this.#input, this.#context.job.spec.limits, now)
    if (stop) this.#stop(stop)
  }

  act(actions: SessionAction[]): void {
    const { keeper, volume, ledger, job } = this.#context
    for (const action of actions) {
      switch (action.type) {
        case 'subscribe':
          if (this.#room) this.#room.subscribe(action)
          else this.#subscriptions.push(action)
          break
        case 'open':
          keeper.open(action.publication, action.openedMicros)
          break
        case 'write':
          keeper.write(action.publication, action.frame)
          break
        case 'close':
          keeper.close(action.publication)
          break
        case 'timeline':
          volume.addEvent(job.attempt, action.event)
          break
        case 'lost':
          ledger.add(action.loss)
      }
    }
  }
}
