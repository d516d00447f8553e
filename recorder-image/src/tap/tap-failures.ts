/** Frames of one subscription that a tap could not take, and the latest reason. */
export interface TapFailure {
  ssrc: number
  frames: number
  bytes: number
  message: string
}

/** What a tap could not take by a defect of its own, told a moment later: one report for many frames, for each of them may fail. */
export class TapFailures {
  #untold: TapFailure[] = []

  add({ ssrc, frames, bytes }: Omit<TapFailure, 'message'>, error: unknown): void {
    const last = this.#untold.at(-1)
    const failure = last?.ssrc === ssrc ? last : { ssrc, frames: 0, bytes: 0, message: '' }
    if (failure !== last) this.#untold.push(failure)
    failure.frames += frames
    failure.bytes += bytes
    failure.message = String(error)
  }

  /** Since the last time. */
  tell(): TapFailure[] {
    const untold = this.#untold
    this.#untold = []
    return untold
  }
}
