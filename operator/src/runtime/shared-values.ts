/**
 * Lets objects that are kept have their like texts in common. What an API server sends is read anew each time, and each reading makes texts
 * of its own: values of labels, messages, API versions and defaults would stand in memory once an object.
 *
 * Flow: `share` goes through what JSON can say and puts, in place, the text that was seen first where an equal one stands, and one empty
 * list where a list is empty.
 *
 * Guarantees: the object says what it said before; what is remembered is bounded.
 *
 * Caveats: an empty list is frozen: whoever changes what a cache holds is told so. After `capacity` different texts it begins anew, so a text may stand in
 * memory once in so many.
 */
export class SharedValues {
  readonly #texts = new Map<string, string>()
  readonly #capacity: number
  readonly #longest: number

  /** `capacity`: texts remembered at most. `longest`: length of a text, in UTF-16 units, beyond which it is taken for the only one. */
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
        fields[name] = this.#text(value)
      } else if (Array.isArray(value) && value.length === 0) {
        fields[name] = nothing
      } else if (typeof value === 'object' && value !== null) {
        this.share(value)
      }
    }
    return object
  }

  #text(text: string): string {
    if (text.length > this.#longest) return text
    const known = this.#texts.get(text)
    if (known !== undefined) return known
    if (this.#texts.size >= this.#capacity) this.#texts.clear()
    this.#texts.set(text, text)
    return text
  }
}

const nothing: readonly unknown[] = Object.freeze([])
