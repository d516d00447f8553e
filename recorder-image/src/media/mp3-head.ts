import { emptyMp3Frame, mp3, mp3FrameBytes } from './audio-format.ts'

/** LAME's own delay; a player takes 529 more off for the decoder, together the format's priming. */
const encoderDelay = 576
const decoderDelay = 529
const sideInformationBytes = 32

/**
 * The Info frame in front of MP3 of constant bit rate: number of frames, bytes, seek table, and how much of the first and last
 * frame is no sound (LAME's extension), so that players start and end exactly.
 * `frames` are those of the body, `samples` the length of the sound.
 */
export function buildMp3Head(frames: number, samples: number): Buffer {
  const frame = emptyMp3Frame()
  const info = frame.subarray(4 + sideInformationBytes)
  info.write('Info', 0, 'latin1')
  info.writeUInt32BE(0b1111, 4)
  info.writeUInt32BE(frames, 8)
  info.writeUInt32BE((frames + 1) * mp3FrameBytes, 12)
  // Hundredths of the duration, in 256ths of the file: a straight line at constant bit rate.
  for (let percent = 0; percent < 100; percent++) info[16 + percent] = Math.floor((percent * 256) / 100)
  info.writeUInt32BE(100, 116)
  info.write('LAME3.100', 120, 'latin1')
  info[129] = 1
  info[139] = 0
  info[140] = 128
  const padding = Math.min(4095, Math.max(0, frames * mp3.samplesPerFrame - encoderDelay - samples))
  info[141] = encoderDelay >> 4
  info[142] = ((encoderDelay & 0xf) << 4) | (padding >> 8)
  info[143] = padding & 0xff
  info.writeUInt32BE((frames + 1) * mp3FrameBytes, 148)
  const tagEnd = 4 + sideInformationBytes + 154
  frame.writeUInt16BE(crc16(frame.subarray(0, tagEnd)), tagEnd)
  return frame
}

/** Samples that players take off the front. */
export const mp3StartSkip = encoderDelay + decoderDelay

/** CRC-16/ARC. */
function crc16(bytes: Uint8Array): number {
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1
  }
  return crc
}
