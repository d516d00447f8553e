/** What claims to be media of some codec and is not. The message says what is wrong with it. */
export class UnreadableError extends Error {}

/** Reads big-endian bit fields. Past the end is an error: a parameter set that is cut must not pass for another. */
export class BitReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** How many bits were read. */
  get at(): number {
    return this.#at
  }

  /** At most 32 bits. */
  read(count: number): number {
    let value = 0
    for (let left = count; left > 0; left--, this.#at++) {
      const byte = this.#bytes[this.#at >> 3]
      if (byte === undefined) throw new UnreadableError('it ends in the middle')
      value = value * 2 + ((byte >> (7 - (this.#at & 7))) & 1)
    }
    return value
  }

  skip(count: number): void {
    this.#at += count
  }

  /** Unsigned Exp-Golomb (ITU-T H.264, 9.1) of at most `most`. */
  ue(most: number): number {
    let zeros = 0
    while (this.read(1) === 0) if (++zeros > 32) throw new UnreadableError('a number has more than 32 bits')
    const value = 2 ** zeros - 1 + this.read(zeros)
    if (value > most) throw new UnreadableError(`a number is ${value}, and ${most} at most is allowed`)
    return value
  }

  /** Signed Exp-Golomb. */
  se(): number {
    const value = this.ue(2 ** 32)
    return value % 2 === 0 ? -value / 2 : (value + 1) / 2
  }
}
