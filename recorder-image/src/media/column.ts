import type { Numbers } from '../timeline/numbers.ts'

/** Numbers of one kind, appended one by one and kept tight: a day of pictures is 2.6 million. */
export class Column<T extends Numbers> {
  length = 0
  readonly #make: (length: number) => T
  #numbers: T

  constructor(make: (length: number) => T) {
    this.#make = make
    this.#numbers = make(1024)
  }

  push(value: number): void {
    if (this.length === this.#numbers.length) {
      const larger = this.#make(this.length * 2)
      larger.set(this.#numbers)
      this.#numbers = larger
    }
    this.#numbers[this.length++] = value
  }

  /** Of one that was pushed. */
  set(index: number, value: number): void {
    if (index < this.length) this.#numbers[index] = value
  }

  at(index: number): number {
    return this.#numbers[index] ?? 0
  }

  /** A view, good until the next push. */
  get values(): T {
    return this.#numbers.subarray(0, this.length) as T
  }
}

export const bytesColumn = () => new Column((length) => new Uint8Array(length))
export const uint32Column = () => new Column((length) => new Uint32Array(length))
export const doubleColumn = () => new Column((length) => new Float64Array(length))
