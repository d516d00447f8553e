import type { Stream } from '@trtc-recorder/api'
import type { NoticedLoss } from '../ledger/ledger.ts'

type Kind = 'audio' | 'video'

/** One kind of media of one user that was subscribed and ought to come. */
export interface Wanted {
  userId: string
  stream: Stream
  kind: Kind
}

interface Awaiting extends Wanted {
  /** Since when it ought to come. */
  sinceMicros: number
  /** When it was last asked for; undefined: the page that did is gone. */
  askedMicros: number | undefined
  /** When it was first asked for from the page that is in the room now. */
  firstAskedMicros: number
  /** How often it was asked for since something came. */
  asked: number
  /** Whether anything came since `sinceMicros`. */
  arrived: boolean
  lastMicros: number | undefined
  ssrc: number | undefined
  /** How far apart frames usually come. */
  rhythmMicros: number
  /** Since when the recorder was away, until something comes again. */
  awayMicros: number | undefined
  /** When its user was back from a time in which all that they send stood still, by the first of it that came again. */
  userBackMicros: number
}

const second = 1_000_000
/** Before it is asked for again: so long the first time, twice as long each further time. */
const firstPatienceMicros = 2 * second
const longestPatienceMicros = 60 * second
/** After this it is in the ledger, and grows there. */
const neverArrivedMicros = 5 * second
/** Of somebody who stopped publishing before that, this is enough. */
const leastStretchMicros = second
/** Silence of a stream is nothing strange for so many times its rhythm: sound pauses (DTX), a still screen sends a picture now and then. */
const rhythmsOfSilence = 6
const quietMicros = second / 2
/** Subscribing, and the connection for media where there is none yet, take a moment. */
const quietAtFirstMicros = 2 * second
/** A stream that came before is asked for again after a longer silence: most often its user has nothing to send. */
const stalledMicros = 5 * second
/**
 * All that a user sends stopped at once: their machine or their line stands still, as a room that forgot a subscription does not. To subscribe anew would
 * only lose what they send until the next key frame when they go on.
 */
const standsStillMicros = 30 * second
const atOnceMicros = second
/** Looks are taken twice a second; one that comes so late says that the recorder itself stood still, as in a virtual machine that was paused. */
const stoodStillMicros = 2 * second
/** A pause between two subscriptions of one thing that is none. */
const seamlessMicros = 200_000
/** What came so long before it was asked for again may have got here after that. */
const onItsWayMicros = second
const replacedDetail = 'it was asked for again as it began to come, and the second subscription took the place of the first'
/** No page is silent for longer before it is given up. */
const restMicros = 30 * second
/** What did not come so long after the recorder was back does not stay away because the recorder was. */
const backMicros = 3 * second

/**
 * What was asked for and whether it comes: when to ask again, what the ledger has to be told, and whether nothing comes at all. Pure; times
 * in microseconds since 1970 by the recorder's clock.
 */
export class Awaited {
  readonly #all = new Map<string, Awaiting>()
  /** What was given up while the page may have had some of it still, and when. */
  #rests: { one: Awaiting; atMicros: number }[] = []
  /** When the recorder was back after it was away, or the first frame came through a connection built anew. */
  #backMicros: number | undefined
  #rebuiltMicros = Number.NEGATIVE_INFINITY
  #lookedMicros: number | undefined
  /** Since when the recorder has not stood still: what did not come before was not awaited. */
  #awakeMicros = Number.NEGATIVE_INFINITY
  #anythingArrived = false
  #nothingMicros: number | undefined
  #gaveUpHope = false

  /** It was asked for: now it ought to come. */
  asked(wanted: Wanted, nowMicros: number): void {
    const known = this.#all.get(keyOf(wanted))
    if (known?.askedMicros !== undefined) return
    const { userId, stream, kind } = wanted
    const arrival = { arrived: false, lastMicros: undefined, ssrc: undefined, rhythmMicros: 20_000, awayMicros: undefined }
    const before = known ?? { userId, stream, kind, sinceMicros: nowMicros, userBackMicros: nowMicros, ...arrival }
    this.#all.set(keyOf(wanted), { ...before, askedMicros: nowMicros, firstAskedMicros: nowMicros, asked: 1 })
    if (!this.#anythingArrived) this.#nothingMicros ??= nowMicros
  }

  /** It is muted or not published any more; a field that is left out means all. */
  ended(which: Partial<Wanted>, nowMicros: number): NoticedLoss[] {
    const over = [...this.#all.values()].filter((one) =>
      (['userId', 'stream', 'kind'] as const).every((field) => which[field] === undefined || which[field] === one[field]),
    )
    const losses = over.flatMap((one) => this.#lossesOf(one, nowMicros, leastStretchMicros))
    for (const one of over) this.#all.delete(keyOf(one))
    if (this.#all.size === 0) this.#nothingMicros = undefined
    return losses
  }

  /** It is wanted no more: what came until now belongs to the recording, and may still be in the page. */
  givenUp(wanted: Wanted, nowMicros: number): NoticedLoss[] {
    const one = this.#all.get(keyOf(wanted))
    if (one?.arrived && one.awayMicros === undefined) this.#rests.push({ one, atMicros: nowMicros })
    return this.ended(wanted, nowMicros)
  }

  arrived(wanted: Wanted, ssrc: number, atMicros: number): NoticedLoss[] {
    this.#anythingArrived = true
    this.#nothingMicros = undefined
    this.#backMicros ??= atMicros
    const one = this.#all.get(keyOf(wanted))
    if (one === undefined) return []
    const losses = this.#missedBefore(one, ssrc, atMicros)
    this.#endStandstill(one, atMicros)
    if (one.lastMicros !== undefined && one.ssrc === ssrc) {
      one.rhythmMicros += (Math.max(0, atMicros - one.lastMicros) - one.rhythmMicros) / 8
    }
    one.arrived = true
    one.asked = 1
    one.awayMicros = undefined
    one.lastMicros = Math.max(atMicros, one.lastMicros ?? 0)
    one.ssrc = ssrc
    return losses
  }

  /**
   * The page is gone, with what came to it since it was heard last. Nothing is asked for until the next one is in the room and tells who publishes.
   */
  away(heardMicros: number): NoticedLoss[] {
    this.#backMicros = undefined
    for (const one of this.#all.values()) {
      one.askedMicros = undefined
      markAway(one)
      // It was asked for when the page heard nothing any more, or a moment before.
      if (!one.arrived && one.sinceMicros + firstPatienceMicros > heardMicros) one.awayMicros ??= one.sinceMicros
    }
    const gone = this.#rests.filter(({ atMicros }) => atMicros > heardMicros)
    this.#rests = []
    return gone.map(({ one, atMicros }) => lossOf(one, 'RoomAway', one.lastMicros ?? atMicros, atMicros))
  }

  back(nowMicros: number): void {
    this.#backMicros = nowMicros
  }

  /** The connection for media is built anew, and all of it asked for again by that. */
  mediaRebuilt(nowMicros: number): void {
    this.#backMicros = undefined
    this.#rebuiltMicros = nowMicros
    for (const one of this.#all.values()) markAway(one)
  }

  /** What to ask for again, and what has to stand in the ledger by now. */
  tick(nowMicros: number): { again: Wanted[]; losses: NoticedLoss[] } {
    if (this.#lookedMicros !== undefined && nowMicros - this.#lookedMicros >= stoodStillMicros) this.#awakeMicros = nowMicros
    this.#lookedMicros = nowMicros
    this.#rests = this.#rests.filter(({ atMicros }) => nowMicros - atMicros < restMicros)
    const losses = [...this.#all.values()].flatMap((one) => this.#lossesOf(one, nowMicros, neverArrivedMicros))
    this.#settleAfterReturn(nowMicros)
    const isRebuilding = nowMicros - this.#rebuiltMicros < stalledMicros
    const again = isRebuilding ? [] : [...this.#all.values()].filter((one) => this.#isOverdue(one, nowMicros))
    for (const one of again) {
      one.asked += 1
      one.askedMicros = nowMicros
    }
    return { again: again.map(wantedOf), losses }
  }

  /**
   * Whether something ought to come and nothing at all does, which its rhythm does not explain. Neither a still screen beside it, of which the next picture may
   * take its time, nor somebody who was asked for a moment ago says that anything comes.
   */
  isQuiet(nowMicros: number): boolean {
    const asked = [...this.#all.values()].filter(({ askedMicros }) => askedMicros !== undefined)
    const isLate = (one: Awaiting) => this.#silenceOf(one, nowMicros) > quietPatienceOf(one)
    const latestMicros = Math.max(...asked.map(({ lastMicros }) => lastMicros ?? Number.NEGATIVE_INFINITY))
    if (nowMicros - Math.max(latestMicros, this.#awakeMicros) <= quietMicros) return false
    // What had fallen silent before says nothing of now.
    const cameUntilThen = (one: Awaiting) => latestMicros - (one.lastMicros ?? Number.NEGATIVE_INFINITY) <= quietPatienceOf(one)
    return asked.length > 0 && (asked.every(isLate) || asked.some((one) => cameUntilThen(one) && isLate(one)))
  }

  /** What does not come although it ought to. */
  missing(nowMicros: number): Wanted[] {
    return [...this.#all.values()]
      .filter((one) => this.#silenceOf(one, nowMicros) > Math.max(neverArrivedMicros, quietPatienceOf(one)))
      .map(wantedOf)
  }

  /** Since when something ought to come and nothing of anybody ever has; undefined otherwise. */
  get nothingSinceMicros(): number | undefined {
    return this.#nothingMicros
  }

  /** Whether people published and nothing of anybody ever arrived. */
  get nothingEverArrived(): boolean {
    return this.#gaveUpHope && !this.#anythingArrived
  }

  #isOverdue(one: Awaiting, nowMicros: number): boolean {
    if (one.askedMicros === undefined || one.awayMicros !== undefined) return false
    const stalled = this.#stoppedWithAllElse(one) ? standsStillMicros : stalledMicros
    const first = one.arrived ? Math.max(stalled, rhythmsOfSilence * one.rhythmMicros) : firstPatienceMicros
    const since = Math.max(one.askedMicros, one.lastMicros ?? 0, one.userBackMicros, this.#awakeMicros)
    return nowMicros - since >= Math.min(longestPatienceMicros, first * 2 ** (one.asked - 1))
  }

  /** Nothing can be said of a user who sends one thing only. */
  #stoppedWithAllElse(one: Awaiting): boolean {
    const others = this.#othersOf(one)
    return others.length > 0 && others.every((other) => stoppedAtOnce(one, other))
  }

  /** The first thing of a user that comes again: what stood still with it comes a moment later, and is not overdue until then. */
  #endStandstill(one: Awaiting, atMicros: number): void {
    if (one.lastMicros === undefined || atMicros - one.lastMicros <= atOnceMicros) return
    for (const other of this.#othersOf(one)) if (stoppedAtOnce(one, other)) other.userBackMicros = atMicros
  }

  #othersOf({ userId, stream, kind }: Awaiting): Awaiting[] {
    return [...this.#all.values()].filter((one) => one.userId === userId && !(one.stream === stream && one.kind === kind))
  }

  /** Since it came last, or was asked for; none where it cannot come. */
  #silenceOf(one: Awaiting, nowMicros: number): number {
    if (one.askedMicros === undefined) return 0
    return nowMicros - Math.max(one.firstAskedMicros, one.lastMicros ?? 0, this.#awakeMicros)
  }

  #lossesOf(one: Awaiting, nowMicros: number, leastMicros: number): NoticedLoss[] {
    if (one.awayMicros !== undefined) return [lossOf(one, 'RoomAway', one.awayMicros, nowMicros)]
    if (one.arrived || nowMicros - one.sinceMicros < leastMicros) return []
    if (nowMicros - one.sinceMicros >= neverArrivedMicros) this.#gaveUpHope = true
    return [lossOf(one, 'NeverArrived', one.sinceMicros, nowMicros)]
  }

  /** What was missed until the first frame after a time without any. */
  #missedBefore(one: Awaiting, ssrc: number, atMicros: number): NoticedLoss[] {
    if (one.awayMicros !== undefined) return [lossOf(one, 'RoomAway', one.awayMicros, atMicros)]
    if (!one.arrived) return this.#lossesOf(one, atMicros, neverArrivedMicros)
    if (one.ssrc === ssrc || one.lastMicros === undefined || atMicros - one.lastMicros < seamlessMicros) return []
    const sinceAskedMicros = atMicros - one.askedMicros!
    // Asked for again long before it came: it stayed away because its user sent nothing.
    if (one.asked > 1 && sinceAskedMicros > firstPatienceMicros) return []
    const isReplaced =
      one.askedMicros! > one.firstAskedMicros &&
      sinceAskedMicros <= firstPatienceMicros &&
      one.lastMicros >= one.askedMicros! - onItsWayMicros
    return isReplaced
      ? [lossOf(one, 'NeverArrived', one.lastMicros, atMicros, replacedDetail)]
      : [lossOf(one, 'RoomAway', one.lastMicros, atMicros)]
  }

  /** A while after the recorder is back: whoever was not told of has left meanwhile, and what still does not come never arrived. */
  #settleAfterReturn(nowMicros: number): void {
    const back = this.#backMicros
    if (back === undefined || nowMicros - back < backMicros) return
    for (const one of this.#all.values()) {
      if (one.askedMicros === undefined) this.#all.delete(keyOf(one))
      else if (one.awayMicros !== undefined) Object.assign(one, { awayMicros: undefined, sinceMicros: back, arrived: false })
    }
  }
}

/** What never arrived yet goes on not arriving. */
function markAway(one: Awaiting): void {
  if (one.arrived) one.awayMicros ??= one.lastMicros
}

const stoppedAtOnce = (one: Awaiting, other: Awaiting) =>
  other.arrived && Math.abs((other.lastMicros ?? 0) - (one.lastMicros ?? 0)) <= atOnceMicros

const quietPatienceOf = (one: Awaiting) =>
  one.arrived ? Math.max(quietMicros, rhythmsOfSilence * one.rhythmMicros) : quietAtFirstMicros

function lossOf(
  one: Awaiting,
  reason: 'RoomAway' | 'NeverArrived',
  fromMicros: number,
  toMicros: number,
  detail = '',
): NoticedLoss {
  const { userId, stream, kind: medium } = one
  return { userId, stream, medium, fromMicros, toMicros, frames: null, bytes: null, reason, file: null, detail }
}

const wantedOf = ({ userId, stream, kind }: Awaiting): Wanted => ({ userId, stream, kind })
const keyOf = ({ userId, stream, kind }: Wanted) => `${stream}/${kind}/${userId}`
