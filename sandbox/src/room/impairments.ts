import { goodLine, type LineQuality } from './line.ts'
import type { Loss } from './outbound.ts'

/** How bad the way to one member is: for all publishers, and for some of them in particular. Outlives the member's connections. */
export class Impairments {
  #quality: LineQuality = goodLine
  #loss: Loss | undefined
  readonly #qualityFrom = new Map<string, LineQuality>()
  readonly #lossFrom = new Map<string, Loss | undefined>()

  /** Said for all, it holds for all. */
  worsen(quality: LineQuality, publisherId?: string): void {
    if (publisherId !== undefined) this.#qualityFrom.set(publisherId, quality)
    else {
      this.#quality = quality
      this.#qualityFrom.clear()
    }
  }

  lose(loss: Loss | undefined, publisherId?: string): void {
    if (publisherId !== undefined) this.#lossFrom.set(publisherId, loss)
    else {
      this.#loss = loss
      this.#lossFrom.clear()
    }
  }

  qualityFrom(publisherId: string): LineQuality {
    return this.#qualityFrom.get(publisherId) ?? this.#quality
  }

  lossFrom(publisherId: string): Loss | undefined {
    return this.#lossFrom.has(publisherId) ? this.#lossFrom.get(publisherId) : this.#loss
  }
}
