/**
 * CRC-64/XZ (reflected ECMA-182, initial value and final xor all ones), which COS reports as x-cos-hash-crc64ecma. Incremental,
 * and two can be combined, so that a file's checksum follows from those of its parts without reading it again.
 * A checksum is a bigint here and a decimal string in COS and in our log.
 */
const polynomial = 0xc96c5795d7870f42n

/**
 * Slicing by eight: table k is that of a byte followed by k zero bytes. Low and high 32 bits apart, as JavaScript's numbers want it;
 * 600 MiB/s on one core against 400 byte by byte.
 */
type Tables = [Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array]
const byteTable = Array.from({ length: 256 }, (_, index) => {
  let value = BigInt(index)
  for (let bit = 0; bit < 8; bit++) value = value & 1n ? (value >> 1n) ^ polynomial : value >> 1n
  return value
})
const slices = [byteTable]
while (slices.length < 8) slices.push(slices.at(-1)!.map((value) => (value >> 8n) ^ byteTable[Number(value & 0xffn)]!))
const half = (shift: bigint) =>
  slices.map((slice) => Int32Array.from(slice, (value) => Number(BigInt.asIntN(32, value >> shift)))) as Tables
const [low0, low1, low2, low3, low4, low5, low6, low7] = half(0n)
const [high0, high1, high2, high3, high4, high5, high6, high7] = half(32n)

export class Crc64 {
  #low = -1
  #high = -1

  update(bytes: Uint8Array): this {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    let a = this.#low
    let b = this.#high
    let i = 0
    for (const end = bytes.length - 7; i < end; i += 8) {
      const x = a ^ view.getInt32(i, true)
      const y = b ^ view.getInt32(i + 4, true)
      a =
        low7[x & 0xff]! ^
        low6[(x >>> 8) & 0xff]! ^
        low5[(x >>> 16) & 0xff]! ^
        low4[x >>> 24]! ^
        low3[y & 0xff]! ^
        low2[(y >>> 8) & 0xff]! ^
        low1[(y >>> 16) & 0xff]! ^
        low0[y >>> 24]!
      b =
        high7[x & 0xff]! ^
        high6[(x >>> 8) & 0xff]! ^
        high5[(x >>> 16) & 0xff]! ^
        high4[x >>> 24]! ^
        high3[y & 0xff]! ^
        high2[(y >>> 8) & 0xff]! ^
        high1[(y >>> 16) & 0xff]! ^
        high0[y >>> 24]!
    }
    for (; i < bytes.length; i++) {
      const index = (a ^ bytes[i]!) & 0xff
      a = ((a >>> 8) | (b << 24)) ^ low0[index]!
      b = (b >>> 8) ^ high0[index]!
    }
    this.#low = a
    this.#high = b
    return this
  }

  digest(): bigint {
    return (BigInt(~this.#high >>> 0) << 32n) | BigInt(~this.#low >>> 0)
  }
}

/**
 * Checksum of two byte strings put together, from theirs and the second one's length: the first one's remainder is multiplied
 * by x^(8 * bytes) and added. The method is zlib's crc32_combine.
 */
export function combineCrc64(first: bigint, second: bigint, secondBytes: number): bigint {
  return multiply(shiftOf(secondBytes), first) ^ second
}

/** x^(8 * bytes) modulo the polynomial. Few lengths occur: parts are of a handful of sizes. */
const shifts = new Map<number, bigint>()
function shiftOf(bytes: number): bigint {
  const known = shifts.get(bytes)
  if (known !== undefined) return known
  let result = 1n << 63n // x^0, bit-reversed
  let power = 1n << 62n // x^1
  for (let bits = BigInt(bytes) << 3n; bits > 0n; bits >>= 1n) {
    if (bits & 1n) result = multiply(power, result)
    power = multiply(power, power)
  }
  if (shifts.size > 100) shifts.clear()
  shifts.set(bytes, result)
  return result
}

/** Product of two polynomials modulo the generator, bit-reversed as the checksum is. */
function multiply(a: bigint, b: bigint): bigint {
  let product = 0n
  let factor = b
  for (let bit = 1n << 63n; bit > 0n; bit >>= 1n) {
    if (a & bit) product ^= factor
    if ((a & (bit - 1n)) === 0n) break
    factor = factor & 1n ? (factor >> 1n) ^ polynomial : factor >> 1n
  }
  return product
}
