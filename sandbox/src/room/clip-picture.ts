/** Draws the frames of a clip (layout: clip.ts) as yuv420p. One buffer is drawn over and over: only what changes is touched. */
import { CELL_PX, type ClipParameters, CODE_BITS, codeRow, LUMA_BLACK, LUMA_WHITE, MARKER_CELL, markOf } from './clip.ts'
import { GLYPH_COLUMNS, GLYPH_ROWS, glyphRows } from './glyphs.ts'

/** Top row of the user id in letters. */
const TEXT_TOP = 56

/** @returns a function that draws frame `n` and gives the picture; the buffer is the same at each call */
export function picturePainter(clip: ClipParameters): (n: number) => Buffer {
  const { width, height, fps } = clip
  const picture = Buffer.alloc((width * height * 3) / 2, LUMA_BLACK)
  paintChroma(picture, clip)
  paintCode(picture, width, codeRow.mark, markOf(clip.userId, clip.stream))
  const scale = Math.max(2, Math.floor(height / 120))
  const lineHeight = (GLYPH_ROWS + 1) * scale
  paintBackground(picture, width, TEXT_TOP - 8, height)
  const name = clip.stream === 'aux' ? `${clip.userId} screen` : clip.userId
  paintText(picture, clip, TEXT_TOP, name, scale)
  const moving = movingTexture(width, TEXT_TOP + 3 * lineHeight, height)
  return (n) => {
    paintCode(picture, width, codeRow.frameNumber, n)
    picture.fill(n % fps === 0 ? LUMA_WHITE : LUMA_BLACK, codeRow.flash * width, (codeRow.flash + CELL_PX) * width)
    paintText(picture, clip, TEXT_TOP + lineHeight, String(n).padStart(5, '0'), scale)
    moving(picture, n)
    return picture
  }
}

function paintCode(picture: Buffer, width: number, row: number, code: number): void {
  const line = picture.subarray(row * width, (row + 1) * width)
  line.fill(LUMA_BLACK)
  for (let cell = 0; cell <= MARKER_CELL; cell++) {
    const white = cell === MARKER_CELL || (code >> (CODE_BITS - 1 - cell)) & 1
    if (white) line.fill(LUMA_WHITE, cell * CELL_PX, (cell + 1) * CELL_PX)
  }
  for (let y = row + 1; y < row + CELL_PX; y++) line.copy(picture, y * width)
}

function paintBackground(picture: Buffer, width: number, top: number, bottom: number): void {
  for (let y = top; y < bottom; y++)
    for (let x = 0; x < width; x++)
      picture[y * width + x] = 60 + Math.floor((60 * x) / width) + Math.floor((30 * (y - top)) / (bottom - top))
}

/** A tint of the user's own below the code lines; those stay grey. */
function paintChroma(picture: Buffer, { width, height, userId, stream }: ClipParameters): void {
  const luma = width * height
  const quarter = luma / 4
  const angle = (2 * Math.PI * markOf(userId, stream)) / 65536
  const colourFrom = ((TEXT_TOP - 8) / 2) * (width / 2)
  for (const [plane, tint] of [Math.cos(angle), Math.sin(angle)].entries()) {
    const start = luma + plane * quarter
    picture.fill(128, start, start + colourFrom)
    picture.fill(Math.round(128 + 40 * tint), start + colourFrom, start + quarter)
  }
}

function paintText(picture: Buffer, { width }: ClipParameters, top: number, text: string, scale: number): void {
  const advance = (GLYPH_COLUMNS + 1) * scale
  const fits = Math.floor((width - CELL_PX) / advance)
  for (const [place, character] of [...text].slice(0, fits).entries()) {
    const left = CELL_PX + place * advance
    for (const [r, bits] of glyphRows(character).entries())
      for (let c = 0; c < GLYPH_COLUMNS; c++) {
        const level = (bits >> (GLYPH_COLUMNS - 1 - c)) & 1 ? LUMA_WHITE : LUMA_BLACK + 16
        for (let y = 0; y < scale; y++) {
          const at = (top + r * scale + y) * width + left + c * scale
          picture.fill(level, at, at + scale)
        }
      }
  }
}

/**
 * A band of soft noise that drifts and is changed a little in each frame, so that the encoder needs about the bitrate it was given and
 * a lost or repeated frame is seen by the eye as well.
 */
function movingTexture(width: number, top: number, height: number): (picture: Buffer, n: number) => void {
  const rows = Math.min(Math.floor(height / 4), height - top)
  const period = 97 // rows of texture; prime, so that drift and loop do not line up
  const texture = Buffer.alloc(width * 2 * period)
  let state = 12345
  for (let i = 0; i < texture.length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    texture[i] = 90 + ((state >> 16) % 40)
  }
  return (picture, n) => {
    const shift = (n * 6) % width
    for (let y = 0; y < rows; y++) {
      const from = ((y + 31 * n) % period) * width * 2 + shift
      texture.copy(picture, (top + y) * width, from, from + width)
    }
  }
}
