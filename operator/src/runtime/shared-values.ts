/**
 * Lets objects that are kept have their like texts in common. What an API server sends is read anew each time, and each reading makes texts
 * of its own: names of labels' values, messages, API versions, default values stand in memory once an object, and are the larger part of it.
 *
 * Flow: `share` goes through what JSON can say and puts, in place, the text that was seen first where an equal one stands, and one empty
 * list where a list is empty.
 *
 * Guarantees: the object says what it said before; what is remembered is bounded, and what is used remains in it.
 *
 * Caveats: an empty list is frozen: whoever changes what a cache holds is told so.
 */
export class SharedValues {
  #recent = new Map<string, string>()
  #former = new Map<string, string>()
  readonly #capacity: number
  readonly #longest: number

  /** `capacity`: texts remembered, at most twice that many. `longest`: length of a text, in UTF-16 units, beyond which it is taken for the only one. */
  constructor({ capacity = 4096, longest = 64 }: { capacity?: number; longest?: number } = {}) {
    this.#capacity = capacity
    this.#longest = longest
  }

  /** The same object. */
  share<T extends object>(object: T): T {
    const fields = object as Record<string, unknown>
    for (const name of Object.keys(fields)) {
      const value = fields[name]
      if (typeof value === 'string') {
        const known = this.#text(value)
        if (known !== undefined) fields[name] = known
      } else if (Array.isArray(value) && value.length === 0) {
        fields[name] = nothing
      } else if (typeof value === 'object' && value !== null) {
        this.share(value)
      }
    }
    return object
  }

  #text(text: string): string | undefined {
    if (text.length > this.#longest) return
    const recent = this.#recent.get(text)
    if (recent !== undefined) return recent
    // What nobody has said since the last turn is forgotten with it.
    if (this.#recent.size >= this.#capacity) {
      this.#former = this.#recent
      this.#recent = new Map()
    }
    const known = this.#former.get(text) ?? text
    this.#recent.set(known, known)
    return known
  }
}

const nothing: readonly unknown[] = Object.freeze([])
