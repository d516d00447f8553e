/** How much of what a file was given is on the disk for good, and who waits until it is. */
export class Safety {
  /** Frames that the file was given. */
  given = 0
  #waiting: { given: number; settle: (isSafe: boolean) => void }[] = []

  get isAwaited(): boolean {
    return this.#waiting.length > 0
  }

  /** Whether all that was given up to now is safe, as soon as that is known. */
  whenKnown(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    this.#waiting.push({ given: this.given, settle: resolve })
    return promise
  }

  /** Up to so many of the frames that it was given are safe, or never will be. */
  settle(given: number, isSafe: boolean): void {
    const settled = this.#waiting.filter((one) => one.given <= given)
    this.#waiting = this.#waiting.filter((one) => one.given > given)
    for (const { settle } of settled) settle(isSafe)
  }
}
