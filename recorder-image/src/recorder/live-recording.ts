import { setTimeout as sleep } from 'node:timers/promises'
import type { Control, TimelineEvent } from '@trtc-recorder/api'
import type { NoticedLoss } from '../ledger/ledger.ts'
import type { RoomEvent } from '../room/events.ts'
import type { Room, RoomHandlers } from '../room/room.ts'
import type { EncodedFrame } from '../tap/frame.ts'
import { Endings } from './endings.ts'
import { unclaimedDetail } from './held-leftovers.ts'
import type { RecordContext } from './record-context.ts'
import type { SessionAction } from './sessions.ts'
import { type Stop, type StopInput, stopDue } from './stop-policy.ts'
import { storyOf } from './story.ts'

/** Nothing is taken any more within half a second of a pause: so much of it for what was on its way. */
const restMillis = 300
const mostUnclaimedHoles = 100

/** What happens in the room, carried to files, timeline and ledger. */
export class LiveRecording implements RoomHandlers {
  readonly stopped: Promise<Stop>
  readonly #context: RecordContext
  readonly #stop: (stop: Stop) => void
  readonly #input: Pick<StopInput, 'startedAt' | 'idleSince'>
  /** Counted before anybody knew whose pictures they are, which are held as long. */
  #unclaimedHoles: Parameters<RoomHandlers['onHole']>[0][] = []
  readonly #endings = new Endings()
  #room: Room | undefined
  #wasIn = false
  #stoppedMicros: number | undefined
  #over = false

  constructor(context: RecordContext) {
    this.#context = context
    const { promise, resolve } = Promise.withResolvers<Stop>()
    this.stopped = promise
    this.#stop = resolve
    this.#input = { startedAt: context.clock.now(), idleSince: undefined }
  }

  /** Heeds what the Recording was changed to. A stop says nothing new of whom to record, and is somebody else's to heed. */
  steer(control: Control): void {
    if (this.#over || control.desiredState === 'Stopped') return
    const { sessions, clock, onPause, log } = this.#context
    const wasPaused = sessions.paused
    const paused = control.desiredState === 'Paused'
    const nowMicros = clock.micros()
    this.#act(sessions.steer({ paused, subscribe: control.subscribe }, nowMicros), nowMicros)
    if (paused === wasPaused) return
    if (paused) void this.#takeRest()
    log.info({ paused }, paused ? 'Paused: nothing of anybody is taken' : 'Recording goes on after a pause')
    onPause(paused, new Date(clock.told(nowMicros) / 1000))
  }

  /** What came before a pause belongs to the recording; the page, or what hands it to the page, has some of it still. */
  async #takeRest(): Promise<void> {
    const { sessions, live } = this.#context
    const pause = sessions.pauseNumber
    await Promise.race([this.#room?.flush(), sleep(restMillis, undefined, { ref: false })])
    this.#act(sessions.restTaken(pause))
    if (sessions.paused && sessions.pauseNumber === pause) live.paused()
  }

  set room(room: Room) {
    this.#room = room
    this.#context.live.onKeyFrameWanted = (slot) => room.requestKeyFrame(slot)
  }

  onEvent(event: RoomEvent): void {
    if (this.#over) return
    const { log, sessions, awaited, clock } = this.#context
    const story = storyOf(event)
    if (story) log[story.level](story.about, story.message)
    if (event.type === 'entered') this.#entered()
    this.#await(event)
    this.#act(sessions.event(event))
    if (event.type === 'bound') for (const hole of this.#unclaimedHoles.splice(0)) this.onHole(hole)
    if (event.type === 'away') this.#input.idleSince = undefined
    else if (sessions.publishingUsers > 0) this.#input.idleSince = undefined
    else this.#input.idleSince ??= clock.now()
    if (event.type === 'entered') awaited.back(event.timeMicros)
  }

  onFrame(frame: EncodedFrame): void {
    if (!this.#over) this.#act(this.#context.sessions.frame(frame))
  }

  onHole: RoomHandlers['onHole'] = (hole) => {
    const { sessions, keeper } = this.#context
    const publication = sessions.publicationOf(hole)
    if (publication) return keeper.hole(publication, hole)
    this.#unclaimedHoles = [...this.#unclaimedHoles.slice(-mostUnclaimedHoles), hole]
  }

  onOverflow: RoomHandlers['onOverflow'] = ({ slot, ssrc, droppedFrames: frames, droppedBytes: bytes }) => {
    const { sessions, clock } = this.#context
    this.#lose([sessions.overflow({ slot, ssrc }, { frames, bytes, atMicros: clock.micros() })])
  }

  onTapFailed: RoomHandlers['onTapFailed'] = ({ slot, ssrc, kind, frames, bytes, ended, message }) => {
    const { sessions, clock, log } = this.#context
    log.error({ slot, kind, frames, ended, error: message }, 'The page could not take media')
    const lost = sessions.overflow({ slot, ssrc }, { frames, bytes, atMicros: clock.micros() })
    const detail = ended ? `nothing more was taken of this subscription: ${message}` : message
    const unknown = ended ? { frames: null, bytes: null } : {}
    if (ended || frames > 0) this.#lose([{ ...lost, medium: kind, reason: 'TapFailed', detail, ...unknown }])
  }

  onWarning(message: string, details: object): void {
    this.#context.log.warn(details, message)
  }

  isQuiet(): boolean {
    return this.#context.awaited.isQuiet(this.#context.clock.micros())
  }

  tick(): void {
    const { sessions, awaited, ledger, keeper, live, receiveBuffer, clock, job, log } = this.#context
    this.#lookAtClock()
    receiveBuffer.look(clock.told())
    this.#act(sessions.tick(clock.micros()))
    const { again, losses } = awaited.tick(clock.micros())
    this.#lose(losses)
    for (const [userId, wanted] of Map.groupBy(again, ({ userId }) => userId)) {
      const media = wanted.map(({ stream, kind }) => ({ stream, kind }))
      log.warn({ userId, media }, 'What was subscribed does not come; subscribed again')
      this.#room?.resubscribe({ userId, media })
    }
    live.tick((publicationId) => keeper.inFile(publicationId, clock.micros()))
    void ledger.settle()
    const { nothingSinceMicros } = awaited
    const nothingSince = nothingSinceMicros === undefined ? undefined : clock.millisOf(nothingSinceMicros)
    const stop = this.#wasIn && stopDue({ ...this.#input, nothingSince }, job.spec.limits, clock.now())
    if (stop) this.#stop(stop)
  }

  #lookAtClock(): void {
    const { keeper, clock, onClockSet, log } = this.#context
    const { addedMicros } = clock
    const step = clock.look()
    if (step === undefined) return
    onClockSet(step)
    const [before, after] = [step.beforeMicros, step.afterMicros].map((micros) => new Date(micros / 1000).toISOString())
    const follows = clock.addedMicros !== addedMicros
    if (follows) keeper.endSoon()
    const what = follows ? 'files that are open end, and go on as the next ones' : 'times of this recording go on as before'
    log.warn({ before, after }, `The wall clock was set; ${what}`)
  }

  /** Ends every file. `stoppedMicros`: since when nothing more was waited for. */
  end(stoppedMicros: number): void {
    const { sessions, awaited } = this.#context
    this.#stoppedMicros = stoppedMicros
    this.#act(sessions.closeAll())
    this.#lose(awaited.ended({}, stoppedMicros))
    this.#over = true
  }

  #entered(): void {
    const { job, clock, onEntered } = this.#context
    if (this.#wasIn) return
    this.#wasIn = true
    const { firstStartedAt } = job
    // Between attempts only the wall clock goes on.
    const elapsedBefore = firstStartedAt === undefined ? 0 : Math.max(0, clock.date().getTime() - Date.parse(firstStartedAt))
    this.#input.startedAt = clock.now() - elapsedBefore
    onEntered(clock.date())
  }

  #await(event: RoomEvent) {
    const { awaited } = this.#context
    switch (event.type) {
      case 'away':
        this.#endings.forget()
        return this.#lose(awaited.away(event.heardMicros))
      case 'mediaRebuilt':
        this.#endings.forget()
        return awaited.mediaRebuilt(event.timeMicros)
      case 'anchorLeft':
        return this.#lose(awaited.ended({ userId: event.userId }, event.timeMicros))
      case 'published':
        if (event.published) return
        return this.#lose(awaited.ended({ userId: event.userId, stream: event.stream }, event.timeMicros))
      case 'available':
        if (event.available) return
        return this.#lose(awaited.ended(event, event.timeMicros))
      case 'entered':
      case 'anchorEntered':
      case 'bound':
      case 'connectionLost':
      case 'connectionRecovered':
        return
    }
  }

  #act(actions: SessionAction[], nowMicros = this.#context.clock.micros()): void {
    for (const action of actions) this.#do(action, nowMicros)
  }

  /** What happens at once happens at one time: a pause ends when what is asked for again ought to come. */
  #do(action: SessionAction, nowMicros: number) {
    const { keeper, volume, held, awaited, clock, job } = this.#context
    switch (action.type) {
      case 'subscribe':
        awaited.asked(action, nowMicros)
        this.#endings.wants(action, true)
        return this.#room?.subscribe({ userId: action.userId, stream: action.stream, kind: action.kind })
      case 'unsubscribe':
        this.#lose(awaited.givenUp(action, nowMicros))
        this.#endings.wants(action, false)
        return this.#room?.unsubscribe({ userId: action.userId, stream: action.stream, kind: action.kind })
      case 'open':
        return keeper.open(action.publication, action.openedMicros)
      case 'write': {
        const { publication, frame } = action
        const { userId, stream } = publication
        // The rest of what has ended is not what is awaited of the same user now.
        if (publication.endedMicros === undefined) {
          this.#lose(awaited.arrived({ userId, stream, kind: frame.kind }, frame.ssrc, frame.receiveTimeMicros))
        }
        this.#lose(this.#endings.arrived(publication, frame))
        if (!keeper.write(publication, frame)) this.#room?.requestKeyFrame(frame.slot)
        return
      }
      case 'sends': {
        const { publication, kind, sends, timeMicros } = action
        this.#endings.sends(publication, kind, sends, timeMicros)
        return keeper.sends(publication, kind, sends, timeMicros)
      }
      case 'paused': {
        const { publication, fromMicros, toMicros } = action
        return keeper.paused(publication, { fromMicros, toMicros })
      }
      case 'close':
        this.#lose(this.#endings.ended(action.publication, this.#stoppedMicros ?? nowMicros))
        return keeper.close(action.publication)
      case 'askForKey':
        return this.#room?.requestKeyFrame(action.slot)
      case 'timeline':
        return volume.addEvent(job.attempt, this.#onWallClock(action.event))
      case 'lost':
        return this.#lose([action.loss])
      case 'hold': {
        const { hold, frame } = action
        return held.hold(hold, { ...frame, receiveTimeMicros: clock.told(frame.receiveTimeMicros) })
      }
      case 'unhold':
        return held.remove(action.hold)
      case 'claimed': {
        const { hold, publication } = action
        return publication === undefined ? held.remove(hold) : held.claimed(hold, publication, keeper.safe(publication))
      }
      case 'unclaimed': {
        const { hold, isKept, loss } = action
        return this.#lose([{ ...loss, detail: unclaimedDetail(isKept ? held.keep(hold) : undefined) }])
      }
    }
  }

  #lose(losses: NoticedLoss[]): void {
    const { ledger, clock } = this.#context
    for (const loss of losses) {
      ledger.add({ ...loss, fromMicros: clock.told(loss.fromMicros), toMicros: clock.told(loss.toMicros) })
    }
  }

  #onWallClock(event: TimelineEvent): TimelineEvent {
    const toldMicros = this.#context.clock.told(Date.parse(event.time) * 1000)
    return { ...event, time: new Date(toldMicros / 1000).toISOString() }
  }
}
