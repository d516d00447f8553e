/** What the page knows of the connection that media comes through. Counters begin anew with each connection. */
export interface PathCounters {
  /** Packets that came, media and its reports; answers to checks of the path are not among them. */
  packets: number
  /** Answers of the room to checks of the path (STUN), which Chromium makes every half second once nothing comes. */
  responses: number
}

/** Between two looks at a path that has gone quiet; never with media coming. */
const lookEveryMillis = 200
/**
 * So long nothing at all may come through a path that media ought to come through. Together with the half second that media may stay away unasked
 * and the moments of looking, a dead path is known after 2 s. Rooms send a report of each stream every second, also of silent ones.
 */
const deadMillis = 1200
/** A page that lives answers at once. One whose connection for media hangs says that it lives, and never answers. Not by the clock: this process may stand still. */
const mostUnansweredLooks = 10
const doubtfulLooks = 4

export interface PathVerdict {
  /** The page is to be asked what came. */
  look: boolean
  /** The path is dead, and has been for so long. */
  deadForMillis: number | undefined
  /** The page does not answer to looks: it may hang, or it does. */
  hangs: 'no' | 'maybe' | 'yes'
}

/**
 * Tells a path that is dead from users who are silent: whoever publishes and sends nothing leaves the path as it is, and reports of the room or its
 * answers to checks still come through it.
 */
export class PathWatch {
  #lookedAt = Number.NEGATIVE_INFINITY
  #last: PathCounters | undefined
  #sameSince = 0
  #sameAnswers = 0
  #unansweredLooks = 0

  /** `isQuiet`: media ought to come and does not. A path that is dead is said to be so each time, with how long it has been. */
  tick(isQuiet: boolean, at: number): PathVerdict {
    if (!isQuiet) {
      this.#last = undefined
      this.#sameAnswers = 0
      this.#unansweredLooks = 0
      return { look: false, deadForMillis: undefined, hangs: 'no' }
    }
    const look = at - this.#lookedAt >= lookEveryMillis
    if (look) {
      this.#lookedAt = at
      this.#unansweredLooks += 1
    }
    const same = at - this.#sameSince
    const unanswered = this.#unansweredLooks
    return {
      look,
      deadForMillis: this.#sameAnswers >= 3 && same >= deadMillis ? same : undefined,
      hangs: unanswered > mostUnansweredLooks ? 'yes' : unanswered > doubtfulLooks ? 'maybe' : 'no',
    }
  }

  /** The answer to a look. */
  said({ packets, responses }: PathCounters, at: number): void {
    this.#unansweredLooks = 0
    const isSame = this.#last !== undefined && this.#last.packets === packets && this.#last.responses === responses
    this.#last = { packets, responses }
    this.#sameAnswers = isSame ? this.#sameAnswers + 1 : 0
    if (!isSame) this.#sameSince = at
  }
}
