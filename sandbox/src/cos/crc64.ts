/**
 * CRC-64/XZ (reflected ECMA-182), the checksum COS reports as x-cos-hash-crc64ecma. Two 32-bit halves, a byte at a time.
 * Written apart from the recorder's, so that one cannot hide a mistake of the other.
 */
const polynomial = 0xc96c5795d7870f42n
const low = new Uint32Array(256)
const high = new Uint32Array(256)
for (let index = 0; index < 256; index++) {
  let value = BigInt(index)
  for (let bit = 0; bit < 8; bit++) value = value & 1n ? (value >> 1n) ^ polynomial : value >> 1n
  low[index] = Number(value & 0xffffffffn)
  high[index] = Number(value >> 32n)
}

export class Crc64 {
  #low = 0xffffffff
  #high = 0xffffffff

  update(bytes: Uint8Array): this {
    let a = this.#low
    let b = this.#high
    for (let i = 0; i < bytes.length; i++) {
      const index = (a ^ bytes[i]!) & 0xff
      a = ((a >>> 8) | (b << 24)) ^ low[index]!
      b = (b >>> 8) ^ high[index]!
    }
    this.#low = a >>> 0
    this.#high = b >>> 0
    return this
  }

  /** Decimal, as in the header. */
  digest(): string {
    return ((BigInt(~this.#high >>> 0) << 32n) | BigInt(~this.#low >>> 0)).toString()
  }
}

/**
 * Checksum of two byte strings put together: the first one's, advanced over as many zero bytes as the second one has, plus the
 * second one's. Advancing is linear; `squares[k]` holds what becomes of each bit of a checksum over 2^k zero bytes.
 */
export function concatenatedCrc64(first: string, second: string, secondBytes: number): string {
  let value = BigInt(first)
  for (let k = 0; secondBytes >= 2 ** k; k++) if (Math.floor(secondBytes / 2 ** k) % 2 === 1) value = advanced(square(k), value)
  return (value ^ BigInt(second)).toString()
}

const squares: bigint[][] = []

function square(k: number): bigint[] {
  const known = squares[k]
  if (known) return known
  const bits = Array.from({ length: 64 }, (_, bit) => 1n << BigInt(bit))
  const computed = k === 0 ? bits.map(overZeroByte) : square(k - 1).map((column) => advanced(square(k - 1), column))
  squares[k] = computed
  return computed
}

function overZeroByte(value: bigint): bigint {
  const index = Number(value & 0xffn)
  return (value >> 8n) ^ ((BigInt(high[index]!) << 32n) | BigInt(low[index]!))
}

function advanced(columns: readonly bigint[], value: bigint): bigint {
  let result = 0n
  for (let bit = 0, rest = value; rest > 0n; bit++, rest >>= 1n) if (rest & 1n) result ^= columns[bit]!
  return result
}
