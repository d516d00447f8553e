/** An answer is good for this long. */
const freshMillis = 2000

/** What was asked for lately is not asked again, and who comes while it is being asked waits for the same answer. Failures are not kept. */
export class Fresh<T> {
  readonly #answers = new Map<string, Promise<{ value: T; atMillis: number }>>()
  readonly #nowMillis: () => number

  constructor(nowMillis: () => number = () => performance.now()) {
    this.#nowMillis = nowMillis
  }

  async get(key: string, ask: () => Promise<T>): Promise<T> {
    const former = this.#answers.get(key)
    const known = await former
    if (known !== undefined && this.#nowMillis() - known.atMillis < freshMillis) return known.value
    const current = this.#answers.get(key)
    if (current !== undefined && current !== former) return (await current).value
    const asking = ask().then((value) => ({ value, atMillis: this.#nowMillis() }))
    this.#answers.set(key, asking)
    asking.catch(() => {
      if (this.#answers.get(key) === asking) this.#answers.delete(key)
    })
    return (await asking).value
  }

  /** It is not as it was: whoever comes from now on asks anew. */
  forget(key: string): void {
    this.#answers.delete(key)
  }
}
