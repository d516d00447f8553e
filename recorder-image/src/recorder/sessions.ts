import type { RecorderJob, Stream, TimelineEvent } from '@trtc-recorder/api'
import type { NoticedLoss } from '../ledger/ledger.ts'
import type { RoomEvent } from '../room/events.ts'
import type { EncodedFrame } from '../tap/frame.ts'
import type { Stretch } from '../timeline/cuts.ts'
import { type Binding, Bindings, subscriptionKey } from './bindings.ts'
import { restMicros } from './endings.ts'
import { type Held, type HeldAction, HeldFrames, heldMicros } from './held-frames.ts'
import { type Judgement, PauseGate } from './pause-gate.ts'
import type { LivePublication, Publication } from './publication.ts'
import { isIn, type Media, Selection, type Steering } from './selection.ts'

type Kind = 'audio' | 'video'

/** What is to be done about an event or a frame, in this order. */
export type SessionAction =
  | ({ type: 'subscribe' } & Media)
  /** It is not wanted any more. */
  | ({ type: 'unsubscribe' } & Media)
  | { type: 'open'; publication: Publication; openedMicros: number }
  | { type: 'write'; publication: Publication; frame: EncodedFrame }
  /** Whether the user sends this kind of media now: the other side of a mute is no loss. */
  | { type: 'sends'; publication: Publication; kind: Kind; sends: boolean; timeMicros: number }
  /** A pause is over, in which nothing of it was taken. */
  | ({ type: 'paused'; publication: Publication } & Stretch)
  | { type: 'close'; publication: Publication }
  /** Nothing of what is sent in a slot is of use before its next key frame. */
  | { type: 'askForKey'; slot: number }
  | { type: 'timeline'; event: TimelineEvent }
  /** The ledger is to be told. */
  | { type: 'lost'; loss: NoticedLoss }
  | HeldAction
  /** What was held is somebody's: it was given to their file, or is not recorded. */
  | { type: 'claimed'; hold: number; publication: Publication | undefined }

export interface Anchor {
  userId: string
  audio: boolean
  video: boolean
  aux: boolean
  recorded: boolean
}

/** Signalling may overtake media: what arrives this long after the end of a publication still belongs to it. Of what the page receives then it has told by now. */
const lingerMicros = restMicros + 200_000

/** After coming back to the room: within it the room has told of everybody who is there. */
const confirmMicros = 3_000_000

/**
 * Which frame goes into which file. Pure: events and frames in, actions out; times come with them.
 *
 * A frame belongs to the user its SSRC is bound to (the SDK hands receivers on from user to user, but every subscription has an SSRC of its
 * own), and to what that user was publishing when it was bound.
 */
export class Sessions {
  readonly #selection: Selection
  readonly #anchors = new Map<string, Anchor>()
  readonly #live: LivePublication[] = []
  readonly #bindings = new Bindings()
  readonly #held = new HeldFrames()
  /** When somebody was last in the room whose sound, or pictures, are not recorded. */
  readonly #doubtMicros = { audio: Number.NEGATIVE_INFINITY, video: Number.NEGATIVE_INFINITY }
  /** Anchors of the time before the recorder was away, as long as the room has not told of them again. */
  readonly #unconfirmed = new Set<string>()
  /** What was open when the recorder went away. */
  readonly #interrupted = new Set<string>()
  #confirmedByMicros: number | undefined
  /** Who publishes again within this time goes on in the same file. */
  readonly #reconnectMicros: number
  readonly #gate = new PauseGate()
  #lastId = 0

  constructor(spec: Pick<RecorderJob['spec'], 'mode' | 'subscribe' | 'limits'>) {
    this.#selection = new Selection(spec)
    this.#reconnectMicros = spec.limits.reconnectWindowSeconds * 1_000_000
  }

  /** Anchors in the room, recorded or not. */
  get anchors(): Anchor[] {
    return [...this.#anchors.values()]
  }

  /** Users who publish anything now, muted or not, recorded or not. */
  get publishingUsers(): number {
    return new Set(this.#live.filter((one) => one.endedMicros === undefined).map((one) => one.userId)).size
  }

  get paused(): boolean {
    return this.#selection.paused
  }

  /** The number of the latest pause. */
  get pauseNumber(): number {
    return this.#gate.number
  }

  /** Whom to record from now on, and whether anything of anybody. */
  steer(steering: Steering, nowMicros: number): SessionAction[] {
    const wasPaused = this.paused
    this.#doubt(nowMicros)
    const { givenUp, added } = this.#selection.steer(steering, this.anchors)
    for (const binding of this.#bindings.all()) {
      if (binding.kind === 'video' && binding.needsKey === 'no' && isIn(givenUp, binding)) binding.needsKey = 'afterRest'
    }
    const actions: SessionAction[] = [
      ...givenUp.map((one) => ({ type: 'unsubscribe' as const, ...one })),
      ...added.map((one) => ({ type: 'subscribe' as const, ...one })),
    ]
    actions.push(...this.#unhold(nowMicros))
    if (wasPaused !== this.paused) actions.push(...(wasPaused ? this.#resumed(nowMicros) : this.#paused(nowMicros)))
    for (const anchor of this.#anchors.values()) anchor.recorded = this.#selection.records(anchor.userId)
    return [...actions, ...this.#closeExcluded()]
  }

  #paused(nowMicros: number): SessionAction[] {
    this.#gate.pause(nowMicros)
    return this.#timelineOfAll('paused', nowMicros)
  }

  #resumed(nowMicros: number): SessionAction[] {
    const pause = this.#gate.resume(nowMicros)
    this.#held.paused(pause)
    const open = this.#live.filter((one) => one.opened)
    return [
      ...open.map((publication) => ({ type: 'paused' as const, publication, ...pause })),
      ...this.#timelineOfAll('resumed', nowMicros),
    ]
  }

  /** What was on its way when a pause began is here: from now on nothing is taken, whenever it came, and what nobody has claimed by now nobody does. */
  restTaken(pause: number): SessionAction[] {
    return this.#gate.restTaken(pause) && this.paused ? this.#held.expire(Number.POSITIVE_INFINITY) : []
  }

  event(event: RoomEvent): SessionAction[] {
    const anchors = this.#anchors.size
    const actions = this.#event(event)
    return this.#anchors.size > anchors ? [...this.#unhold(event.timeMicros), ...actions] : actions
  }

  #event(event: RoomEvent): SessionAction[] {
    switch (event.type) {
      case 'anchorEntered':
        this.#unconfirmed.delete(event.userId)
        if (this.#anchors.has(event.userId)) return []
        this.#anchor(event.userId)
        return this.#timeline(event, 'main', 'enter')
      case 'anchorLeft':
        return this.#left(event)
      case 'published':
        if (event.published) this.#publish(event)
        else this.#unpublish(event.userId, event.stream, event.timeMicros)
        return []
      case 'available':
        return this.#available(event)
      case 'bound':
        return this.#bind(event)
      case 'connectionRecovered':
        return this.#timelineOfAll('resumed', event.timeMicros)
      case 'away':
        return this.#away()
      case 'entered':
        if (this.#unconfirmed.size > 0) this.#confirmedByMicros = event.timeMicros + confirmMicros
        return []
      case 'connectionLost':
      case 'mediaRebuilt':
        return []
    }
  }

  frame(frame: EncodedFrame): SessionAction[] {
    return this.#frame(frame, this.#gate.judge(frame.receiveTimeMicros))
  }

  #frame(frame: EncodedFrame, judgement: Judgement): SessionAction[] {
    const binding = this.#bindings.get(frame)
    if (judgement === 'paused') {
      leaveOut(binding)
      return []
    }
    if (binding === undefined) {
      if (judgement === 'tooLate') return [lost(frame, { reason: 'PausedMeanwhile', userId: null, stream: null })]
      return this.#hold(frame, judgement === 'isRest' && !this.paused)
    }
    const { userId, stream } = binding
    // Nobody asked for it: what the SDK had subscribed to before, or receives beside what is wanted.
    if (!this.#selection.selects(userId, stream, frame.kind)) {
      leaveOut(binding)
      return []
    }
    if (judgement === 'tooLate') {
      leaveOut(binding)
      return [lost(frame, { reason: 'PausedMeanwhile', userId, stream })]
    }
    const isRest = judgement === 'isRest'
    if (!frame.key && (binding.needsKey === 'now' || (binding.needsKey === 'afterRest' && !isRest))) {
      return [lost(frame, { reason: 'NoKeyFrame', userId, stream }), { type: 'askForKey', slot: frame.slot }]
    }
    if (binding.needsKey !== 'no') binding.needsKey = isRest ? 'afterRest' : 'no'
    if (
      binding.next !== undefined &&
      (frame.key || binding.publication === undefined || !this.#live.includes(binding.publication))
    ) {
      binding.publication = binding.next
      binding.next = undefined
    }
    if (!binding.over) binding.publication ??= this.#current(userId, stream)
    const publication = binding.publication
    if (publication === undefined || !this.#live.includes(publication)) {
      return [lost(frame, { reason: 'AfterTheEnd', userId, stream })]
    }
    const write: SessionAction = { type: 'write', publication, frame }
    if (publication.opened) return [write]
    publication.opened = true
    const at = { userId, timeMicros: frame.receiveTimeMicros }
    const resumed = this.#interrupted.delete(streamKey(publication)) ? this.#timeline(at, stream, 'resumed') : []
    return [{ type: 'open', publication, openedMicros: frame.receiveTimeMicros }, ...resumed, write]
  }

  /** Closes what has ended for good, and gives up frames that nobody claimed. */
  tick(nowMicros: number): SessionAction[] {
    const keptMicros = Math.max(lingerMicros, this.#reconnectMicros)
    const over = this.#live.filter((one) => one.endedMicros !== undefined && one.endedMicros + keptMicros <= nowMicros)
    return [...this.#close(over), ...this.#held.expire(nowMicros), ...this.#gone(nowMicros)]
  }

  /** What a user was publishing with this SSRC, if that is known. */
  publicationOf(from: { slot: number; ssrc: number }): Publication | undefined {
    return this.#bindings.get(from)?.publication
  }

  /** Frames that the page threw away: whose they were, as far as can be told. */
  overflow(
    from: { slot: number; ssrc: number },
    { frames, bytes, atMicros }: { frames: number; bytes: number; atMicros: number },
  ): NoticedLoss {
    const binding = this.#bindings.get(from) ?? this.#bindings.latestIn(from.slot)
    const { userId = null, stream = null, kind: medium = 'video' } = binding ?? {}
    const times = { fromMicros: atMicros, toMicros: atMicros }
    return { userId, stream, medium, ...times, frames, bytes, reason: 'Overflow', file: null, detail: '' }
  }

  /** Ends every file; the recording is over, and nobody claims any more what is held. */
  closeAll(): SessionAction[] {
    return [...this.#close([...this.#live]), ...this.#held.expire(Number.POSITIVE_INFINITY)]
  }

  /** The files of streams of which nothing is recorded any more are done with; should that change again, the next one begins. */
  #closeExcluded(): SessionAction[] {
    const excluded = this.#live.filter((one) => one.opened && !this.#selection.records(one.userId, one.stream))
    for (const publication of excluded) publication.opened = false
    return excluded.map((publication) => ({ type: 'close', publication }))
  }

  #anchor(userId: string): Anchor {
    let anchor = this.#anchors.get(userId)
    if (anchor === undefined) {
      anchor = { userId, audio: false, video: false, aux: false, recorded: this.#selection.records(userId) }
      this.#anchors.set(userId, anchor)
    }
    return anchor
  }

  #left({ userId, timeMicros }: { userId: string; timeMicros: number }): SessionAction[] {
    this.#doubt(timeMicros)
    if (!this.#anchors.delete(userId)) return []
    this.#unpublish(userId, 'main', timeMicros)
    this.#unpublish(userId, 'aux', timeMicros)
    return this.#timeline({ userId, timeMicros }, 'main', 'leave')
  }

  /** Files end, and go on as the next ones when the recorder is back; who the anchors are is kept until the room tells. */
  #away(): SessionAction[] {
    for (const one of this.#live) if (one.opened) this.#interrupted.add(streamKey(one))
    const actions = [...this.#close([...this.#live]), ...this.#held.expire(Number.POSITIVE_INFINITY)]
    this.#bindings.clear()
    this.#confirmedByMicros = undefined
    for (const anchor of this.#anchors.values()) {
      this.#unconfirmed.add(anchor.userId)
      Object.assign(anchor, { audio: false, video: false, aux: false })
    }
    return actions
  }

  /** Whoever left while the recorder was away. */
  #gone(nowMicros: number): SessionAction[] {
    if (this.#confirmedByMicros === undefined || nowMicros < this.#confirmedByMicros) return []
    this.#confirmedByMicros = undefined
    this.#interrupted.clear()
    const gone = [...this.#unconfirmed]
    this.#unconfirmed.clear()
    return gone.flatMap((userId) => this.#left({ userId, timeMicros: nowMicros }))
  }

  #publish({ userId, stream, timeMicros }: { userId: string; stream: Stream; timeMicros: number }): void {
    this.#anchor(userId)
    if (this.#current(userId, stream) !== undefined) return
    const left = this.#live.findLast((one) => one.userId === userId && one.stream === stream)
    if (left?.endedMicros !== undefined && timeMicros - left.endedMicros < this.#reconnectMicros) {
      left.endedMicros = undefined
      return
    }
    const keepsSubscription = this.#live.some((one) => one.userId === userId && one.endedMicros === undefined)
    const publication: LivePublication = { id: ++this.#lastId, userId, stream, opened: false, endedMicros: undefined }
    this.#live.push(publication)
    if (keepsSubscription) this.#bindings.keep(publication)
  }

  #unpublish(userId: string, stream: Stream, timeMicros: number): void {
    const publication = this.#current(userId, stream)
    if (publication !== undefined) publication.endedMicros = timeMicros
  }

  #available(event: Extract<RoomEvent, { type: 'available' }>): SessionAction[] {
    const { userId, stream, kind, available } = event
    const anchor = this.#anchor(userId)
    anchor[stream === 'aux' ? 'aux' : kind] = available
    this.#unconfirmed.delete(userId)
    if (available) this.#publish(event)
    const isWanted = this.#selection.wants(userId, stream, kind)
    const publication = this.#current(userId, stream)
    return [
      ...(publication?.opened
        ? [{ type: 'sends' as const, publication, kind, sends: available, timeMicros: event.timeMicros }]
        : []),
      ...this.#timeline(event, stream, `${kind}${available ? 'On' : 'Off'}`),
      ...(available && isWanted ? [{ type: 'subscribe' as const, userId, stream, kind }] : []),
    ]
  }

  #bind(event: Extract<RoomEvent, { type: 'bound' }>): SessionAction[] {
    const { userId, stream, kind } = event
    const needsKey = this.paused && kind === 'video' ? 'afterRest' : 'no'
    this.#bindings.bind(event, { userId, stream, kind, publication: this.#current(userId, stream), needsKey })
    const binding = this.#bindings.get(event)!
    return this.#held.release(subscriptionKey(event)).flatMap((held, at) => {
      // What came in the pause before these they refer to.
      if (at > 0) leaveOut(binding)
      const actions = this.#claim(held)
      if (held.pause !== undefined && kind === 'video' && binding.needsKey === 'no') binding.needsKey = 'afterRest'
      return actions
    })
  }

  #claim({ hold, frames, pause }: Held): SessionAction[] {
    const actions = frames.flatMap((frame) => {
      const judgement = this.#gate.judge(frame.receiveTimeMicros)
      // It got here in time.
      return this.#frame(frame, judgement === 'tooLate' ? 'isRest' : judgement)
    })
    const publication = actions.find((action) => action.type === 'write')?.publication
    // What is open as a pause ends is told of it then.
    const isOpened = actions.some((action) => action.type === 'open')
    const paused = pause !== undefined && isOpened && publication !== undefined
    return [
      ...actions,
      ...(paused ? [{ type: 'paused' as const, publication, ...pause }] : []),
      { type: 'claimed', hold, publication },
    ]
  }

  #hold(frame: EncodedFrame, isRest: boolean): SessionAction[] {
    const { kind, receiveTimeMicros } = frame
    this.#doubt(receiveTimeMicros)
    return this.#held.hold(subscriptionKey(frame), frame, { mayBeKept: this.#mayBeKept(kind, receiveTimeMicros), isRest })
  }

  /** Who is in the room, or is recorded, has changed. */
  #unhold(nowMicros: number): SessionAction[] {
    this.#doubt(nowMicros)
    return this.#held.unholdAll((kind) => this.#mayBeKept(kind, nowMicros))
  }

  /** Takes note of whether there is anybody whom something that nobody has claimed yet must not be kept of. */
  #doubt(nowMicros: number): void {
    for (const kind of ['audio', 'video'] as const) {
      const areAllRecorded = this.anchors.every(({ userId }) => this.#selection.selects(userId, 'main', kind))
      if (!areAllRecorded) this.#doubtMicros[kind] = Math.max(nowMicros, this.#doubtMicros[kind])
    }
  }

  /** Whether everybody is recorded whose it may be: of somebody who is not, nothing must come to the volume, not even for a moment. */
  #mayBeKept(kind: Kind, nowMicros: number): boolean {
    return nowMicros - this.#doubtMicros[kind] >= heldMicros
  }

  #current(userId: string, stream: Stream): LivePublication | undefined {
    return this.#live.find((one) => one.userId === userId && one.stream === stream && one.endedMicros === undefined)
  }

  #close(over: LivePublication[]): SessionAction[] {
    for (const publication of over) this.#live.splice(this.#live.indexOf(publication), 1)
    this.#bindings.end(over, (userId) => this.#live.some((one) => one.userId === userId))
    return over.filter((one) => one.opened).map((publication) => ({ type: 'close', publication }))
  }

  #timelineOfAll(event: TimelineEvent['event'], timeMicros: number): SessionAction[] {
    return this.#live
      .filter((one) => one.opened && one.endedMicros === undefined)
      .flatMap(({ userId, stream }) => this.#timeline({ userId, timeMicros }, stream, event))
  }

  #timeline(at: { userId: string; timeMicros: number }, stream: Stream, event: TimelineEvent['event']): SessionAction[] {
    if (!this.#selection.records(at.userId)) return []
    const time = new Date(at.timeMicros / 1000).toISOString()
    return [{ type: 'timeline', event: { time, userId: at.userId, stream, event } }]
  }
}

/** What was in a picture that is not taken those after it refer to, were it the first of its subscription. */
function leaveOut(binding: Binding | undefined): void {
  if (binding?.kind === 'video') binding.needsKey = 'now'
}

function lost(frame: EncodedFrame, about: Pick<NoticedLoss, 'reason' | 'userId' | 'stream'>): SessionAction {
  const { kind: medium, receiveTimeMicros, data } = frame
  const times = { fromMicros: receiveTimeMicros, toMicros: receiveTimeMicros }
  return { type: 'lost', loss: { ...about, medium, ...times, frames: 1, bytes: data.length, file: null, detail: '' } }
}

const streamKey = ({ userId, stream }: { userId: string; stream: Stream }) => `${stream}/${userId}`
