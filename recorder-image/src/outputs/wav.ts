const headBytes = 44
const longHeadBytes = headBytes + 36
const most32 = 0xffff_ffff

export interface PcmFormat {
  channels: number
  /** In Hz. */
  rate: number
}

export const bytesPerSample = 2

/**
 * What stands before 16-bit PCM: RIFF WAVE, or RF64 (EBU Tech 3306) where its 32-bit sizes cannot say it, which is from 37 h of 16 kHz mono on. Pure.
 */
export function wavHead({ channels, rate }: PcmFormat, dataBytes: number): Buffer {
  const isLong = dataBytes + headBytes - 8 > most32
  const head = Buffer.alloc(isLong ? longHeadBytes : headBytes)
  head.write(isLong ? 'RF64' : 'RIFF', 0)
  head.writeUInt32LE(isLong ? most32 : dataBytes + headBytes - 8, 4)
  head.write('WAVE', 8)
  if (isLong) {
    head.write('ds64', 12)
    head.writeUInt32LE(28, 16)
    head.writeBigUInt64LE(BigInt(dataBytes + longHeadBytes - 8), 20)
    head.writeBigUInt64LE(BigInt(dataBytes), 28)
    head.writeBigUInt64LE(BigInt(dataBytes / (channels * bytesPerSample)), 36)
  }
  const format = head.subarray(head.length - 32)
  format.write('fmt ', 0)
  format.writeUInt32LE(16, 4)
  format.writeUInt16LE(1, 8)
  format.writeUInt16LE(channels, 10)
  format.writeUInt32LE(rate, 12)
  format.writeUInt32LE(rate * channels * bytesPerSample, 16)
  format.writeUInt16LE(channels * bytesPerSample, 20)
  format.writeUInt16LE(8 * bytesPerSample, 22)
  format.write('data', 24)
  format.writeUInt32LE(isLong ? most32 : dataBytes, 28)
  return head
}
