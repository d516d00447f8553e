import { BEEP_HZ, BEEP_MS, CELL_PX, CODE_BITS, codeRow } from '../../sandbox/src/room/clip.ts'

export { clipFrames, markOf, pitchHzOf } from '../../sandbox/src/room/clip.ts'

/**
 * The pattern that the sandbox's anchors send (sandbox/src/room/clip.ts), as a reader of it needs to know it: three lines of
 * square cells in the upper left corner, and a beep at each full second, in the frame that flashes.
 */
export const pattern = {
  cellPixels: CELL_PX,
  /** Bits of a bar code, most significant first; white is 1. */
  bits: CODE_BITS,
  /** A 17th white cell and an 18th black one say that this is a bar code at all. */
  cells: CODE_BITS + 2,
  numberLine: codeRow.frameNumber / CELL_PX,
  markLine: codeRow.mark / CELL_PX,
  flashLine: codeRow.flash / CELL_PX,
  beepHertz: BEEP_HZ,
  beepSeconds: BEEP_MS / 1000,
} as const
