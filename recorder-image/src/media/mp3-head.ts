import { emptyMp3Frame, mp3, mp3FrameBytes } from './audio-format.ts'

/** LAME's own delay; a player takes 529 more off for the decoder, together the format's priming. */
export const lameDelay = 576
const sideInformationBytes = 32

/**
 * The Info frame in front of MP3 of constant bit rate: number of frames, bytes, seek table, and how much of the first and last
 * frame is no sound (LAME's extension), so that players start and end exactly.
 * `frames` are those of the body, `samples` the length of the sound, `encoderDelay` those in front of it, of at most 4095.
 */
export function buildMp3Head(frames: number, samples: number, encoderDelay = lameDelay): Buffer {
  const frame = emptyMp3Frame()
  const info = frame.subarray(4 + sideInformationBytes)
  info.write('Info', 0, 'latin1')
  // More than 4 GiB (3.1 days) cannot be told: then players take the length from the number of frames, and places from the bit rate.
  const bytes = (frames + 1) * mp3FrameBytes
  const isTold = bytes <= 0xffff_ffff
  info.writeUInt32BE(isTold ? 0b1111 : 0b1101, 4)
  let at = info.writeUInt32BE(frames, 8)
  if (isTold) at = info.writeUInt32BE(bytes, at)
  // Hundredths of the duration, in 256ths of the file: a straight line at constant bit rate.
  for (let percent = 0; percent < 100; percent++) info[at + percent] = Math.floor((percent * 256) / 100)
  at = info.writeUInt32BE(100, at + 100)
  const lame = info.subarray(at)
  lame.write('LAME3.100', 0, 'latin1')
  lame[9] = 1
  lame[20] = 128
  const padding = Math.min(4095, Math.max(0, frames * mp3.samplesPerFrame - encoderDelay - samples))
  lame[21] = encoderDelay >> 4
  lame[22] = ((encoderDelay & 0xf) << 4) | (padding >> 8)
  lame[23] = padding & 0xff
  lame.writeUInt32BE(isTold ? bytes : 0, 28)
  const tagEnd = 4 + sideInformationBytes + at + 34
  frame.writeUInt16BE(crc16(frame.subarray(0, tagEnd)), tagEnd)
  return frame
}

/** CRC-16/ARC. */
function crc16(bytes: Uint8Array): number {
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1
  }
  return crc
}
