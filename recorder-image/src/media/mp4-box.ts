/** Boxes of ISO 14496-12 and the numbers in them, all big endian. */

export const u8 = (...values: number[]) => Buffer.from(values)

export function u16(...values: number[]): Buffer {
  const buffer = Buffer.alloc(values.length * 2)
  values.forEach((value, index) => {
    buffer.writeUInt16BE(value, index * 2)
  })
  return buffer
}

export function u32(...values: number[]): Buffer {
  const buffer = Buffer.alloc(values.length * 4)
  values.forEach((value, index) => {
    buffer.writeUInt32BE(value, index * 4)
  })
  return buffer
}

export function u64(value: number): Buffer {
  const buffer = Buffer.alloc(8)
  buffer.writeBigUInt64BE(BigInt(value))
  return buffer
}

export function box(type: string, ...contents: Uint8Array[]): Buffer {
  const bytes = contents.reduce((sum, content) => sum + content.length, 8)
  return Buffer.concat([u32(bytes), Buffer.from(type, 'latin1'), ...contents], bytes)
}

export const fullBox = (type: string, version: number, flags: number, ...contents: Uint8Array[]) =>
  box(type, u32(version * 2 ** 24 + flags), ...contents)

/** Numbers of 32 bits. */
export function table(values: ArrayLike<number>): Buffer {
  // Node's machines are all little endian.
  return Buffer.from(new Uint32Array(values).buffer).swap32()
}

/** Numbers of 64 bits. */
export function table64(values: ArrayLike<number>): Buffer {
  const buffer = Buffer.allocUnsafe(values.length * 8)
  for (let at = 0; at < values.length; at++) buffer.writeBigUInt64BE(BigInt(values[at]!), at * 8)
  return buffer
}
