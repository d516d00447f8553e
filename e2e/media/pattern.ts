/**
 * The pattern that the sandbox's anchors send, as far as a reader of it needs to know.
 * Picture: three lines of 16-pixel cells in the upper left corner: the frame number, the user's mark, the flash.
 * Sound: the user's own steady tone, and a beep at each full second, in the frame that flashes.
 */
export const pattern = {
  cellPixels: 16,
  /** Bits of a bar code, most significant first; white is 1. */
  bits: 16,
  /** A 17th white cell and an 18th black one say that this is a bar code at all. */
  cells: 18,
  numberLine: 0,
  markLine: 1,
  flashLine: 2,
  beepHertz: 2000,
  beepSeconds: 0.1,
} as const

export const frameNumberCount = 2 ** pattern.bits

/** CRC-16/CCITT of the user id. */
export function userMark(userId: string): number {
  let crc = 0xffff
  for (const byte of Buffer.from(userId, 'utf8')) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff
  }
  return crc
}

/** Pitch of a user's tone, in hertz. */
export const userPitchHertz = (userId: string): number => 300 + (userMark(userId) % 31) * 20
