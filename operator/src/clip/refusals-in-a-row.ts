/**
 * How often in a row the API server has refused something of an object in the same way. The status of a clip counts that too, and across operators; but a CRD of an
 * earlier release drops what it does not know, and then this keeps waits growing.
 *
 * `of`: what was refused, where an object asks for several things.
 */
export class RefusalsInARow<Word extends string> {
  readonly #byObject = new Map<string, Map<string, { word: Word; times: number }>>()

  /** How often it was refused in a row before. */
  times(uid: string, word: Word, of = ''): number {
    const former = this.#byObject.get(uid)?.get(of)
    return former?.word === word ? former.times : 0
  }

  /** It was refused; how often in a row by now. */
  count(uid: string, word: Word, of = ''): number {
    const times = this.times(uid, word, of) + 1
    const counts = this.#byObject.get(uid) ?? new Map<string, { word: Word; times: number }>()
    this.#byObject.set(uid, counts.set(of, { word, times }))
    return times
  }

  /** It was granted, or there is nobody left who would ask. */
  forget(uid: string): void {
    this.#byObject.delete(uid)
  }
}
