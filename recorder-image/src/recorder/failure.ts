import type { RecorderOutcome } from '@trtc-recorder/api'

/** Something that ends this attempt before or instead of recording. The message is for a person: what failed, on what, and what to do. */
export class RecorderFailure extends Error {
  override readonly name = 'RecorderFailure'
  readonly outcome: RecorderOutcome
  readonly trtcCode: number | undefined

  constructor(outcome: RecorderOutcome, message: string, options: ErrorOptions & { trtcCode?: number | undefined } = {}) {
    super(message, options)
    this.outcome = outcome
    this.trtcCode = options.trtcCode
  }
}
