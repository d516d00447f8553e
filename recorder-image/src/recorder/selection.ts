import { isSubscribed, type Medium, type RecorderJob, type Stream, wantedMedia } from '@trtc-recorder/api'

type Subscribe = RecorderJob['spec']['subscribe']

/** What may change of whom to record while it is recorded. */
export interface Steering {
  /** Nothing of anybody is taken. */
  paused: boolean
  subscribe: Subscribe
}

/** One kind of media of one stream of one user. */
export interface Media {
  userId: string
  stream: Stream
  kind: Medium
}

/** What a user sends now. */
interface Sender {
  userId: string
  audio: boolean
  video: boolean
  aux: boolean
}

/** Whose media are to be recorded now. */
export class Selection {
  readonly #mode: RecorderJob['spec']['mode']
  #steering: Steering

  constructor({ mode, subscribe }: Pick<RecorderJob['spec'], 'mode' | 'subscribe'>) {
    this.#mode = mode
    this.#steering = { paused: false, subscribe }
  }

  get paused(): boolean {
    return this.#steering.paused
  }

  /** Heeds a change, and says what of that which is sent now is given up by it, and what is to be asked for. */
  steer(steering: Steering, senders: readonly Sender[]): { givenUp: Media[]; added: Media[] } {
    const before = this.#wantedOf(senders)
    this.#steering = steering
    const after = this.#wantedOf(senders)
    return { givenUp: before.filter((one) => !isIn(after, one)), added: after.filter((one) => !isIn(before, one)) }
  }

  /** Whether anything of a stream of a user is to be recorded, paused or not. Of whose main stream nothing is, of that user nothing is. */
  records(userId: string, stream: Stream = 'main'): boolean {
    return isSubscribed(this.#steering.subscribe, userId, wantedMedia[this.#mode][stream])
  }

  /** Whether it is to be received now. */
  wants(userId: string, stream: Stream, medium: Medium): boolean {
    return !this.paused && this.selects(userId, stream, medium)
  }

  /** Whether it is to be recorded, paused or not. */
  selects(userId: string, stream: Stream, medium: Medium): boolean {
    return wantedMedia[this.#mode][stream].includes(medium) && isSubscribed(this.#steering.subscribe, userId, [medium])
  }

  #wantedOf(senders: readonly Sender[]): Media[] {
    return senders.flatMap(sentBy).filter(({ userId, stream, kind }) => this.wants(userId, stream, kind))
  }
}

const sentBy = ({ userId, audio, video, aux }: Sender): Media[] => [
  ...(audio ? [{ userId, stream: 'main' as const, kind: 'audio' as const }] : []),
  ...(video ? [{ userId, stream: 'main' as const, kind: 'video' as const }] : []),
  ...(aux ? [{ userId, stream: 'aux' as const, kind: 'video' as const }] : []),
]

export const isIn = (list: readonly Media[], one: Media) =>
  list.some(({ userId, stream, kind }) => userId === one.userId && stream === one.stream && kind === one.kind)
