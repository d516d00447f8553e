import { isSubscribed, type Medium, type RecorderJob, type Stream, wantedMedia } from '@trtc-recorder/api'

type Subscribe = RecorderJob['spec']['subscribe']

/** What may change of whom to record while it is recorded. */
export interface Steering {
  /** Nothing of anybody is taken. */
  paused: boolean
  subscribe: Subscribe
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

  steer(steering: Steering): void {
    this.#steering = steering
  }

  /** Whether a user is to be recorded at all, paused or not. */
  records(userId: string): boolean {
    return isSubscribed(this.#steering.subscribe, userId)
  }

  /** Whether it is to be received now. */
  wants(userId: string, stream: Stream, medium: Medium): boolean {
    const { paused, subscribe } = this.#steering
    return !paused && wantedMedia[this.#mode][stream].includes(medium) && isSubscribed(subscribe, userId, [medium])
  }
}
