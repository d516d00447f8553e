/**
 * What a scripted anchor shows and says, so that a recording of it can be checked frame by frame. Pure: geometry, marks, pitches, and the
 * drawing of one frame and of the sound. Making files of it is clip-store.ts; a checker needs this file only.
 *
 * Picture (luma; white = 235, black = 16), cells of 16 x 16 px aligned to macroblocks:
 * - rows 0..15: frame number, 16 cells, most significant bit first, then one white cell (marker), the rest black;
 * - rows 16..31: the user's mark in the same layout;
 * - rows 32..47: white over the full width in each frame whose number is a multiple of fps, else black (flash);
 * - below: user id and frame number in letters for people, and moving texture that gives the encoder something to do.
 * Sound: the user's own steady tone, and a 2 kHz beep of 100 ms that starts with each flash.
 *
 * A clip loops without a seam. The number in the picture counts 0..clipFrames-1 and starts again; numbers reported by the room as sent
 * (`sent()` in control.ts) go on counting: `number in the picture = sent number % clipFrames`. Sent number 0 is the room server's epoch, which is
 * a full second of wall clock, so flash and beep happen at full seconds for every anchor alike.
 */

export const CELL_PX = 16
/** Bits of the frame number and of the mark. */
export const CODE_BITS = 16
/** Cell that is always white, so that a reader knows the line is there. */
export const MARKER_CELL = CODE_BITS
export const codeRow = { frameNumber: 0, mark: 16, flash: 32 } as const
export const LUMA_WHITE = 235
export const LUMA_BLACK = 16
export const SAMPLE_RATE_HZ = 48_000
export const AUDIO_PACKET_MS = 20
export const BEEP_HZ = 2_000
export const BEEP_MS = 100
/** Amplitudes as a share of full scale. */
export const TONE_AMPLITUDE = 0.1
export const BEEP_AMPLITUDE = 0.5

export type ClipStream = 'main' | 'aux'
/** `h264 b`: two B frames between the others, as OBS and RTMP ingest send; they are sent behind the frame they are shown before. */
export const clipCodecs = ['h264', 'h264 b', 'vp8'] as const
export type ClipCodec = (typeof clipCodecs)[number]

export interface ClipParameters {
  userId: string
  /** Main: camera (and the sound of the user). Aux: sub stream (screen), with a mark of its own. */
  stream: ClipStream
  codec: ClipCodec
  /** Even numbers of pixels, at least 288 x 96 so that the code lines fit. */
  width: number
  height: number
  fps: number
  videoKbps: number
  /** Length of the loop; fps * loopSeconds is at most 65536. */
  loopSeconds: number
  /**
   * When a key frame is sent: `eachSecond` and at no other time, or also `onRequest`, within a fifth of a second, and at once when the encoder (re)starts, as a real one
   * does. For that the clip is made five times over.
   */
  keyFrames: 'eachSecond' | 'onRequest'
}

export const defaultClip = {
  codec: 'h264' as ClipCodec,
  width: 640,
  height: 360,
  fps: 15,
  videoKbps: 500,
  loopSeconds: 60,
  keyFrames: 'eachSecond',
} as const

/** CRC-16/CCITT-FALSE of the user id (of `<userId>/aux` for the sub stream): the second line of the bar code. */
export function markOf(userId: string, stream: ClipStream = 'main'): number {
  let crc = 0xffff
  for (const byte of Buffer.from(stream === 'main' ? userId : `${userId}/aux`, 'utf8')) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff
  }
  return crc
}

/** Pitch of the user's steady tone in Hz: 300, 310 … 900. */
export const pitchHzOf = (userId: string): number => 300 + 10 * (markOf(userId) % 61)

/** Frames of one loop: the number in the picture is the sent number modulo this. */
export const clipFrames = (clip: { fps: number; loopSeconds: number }): number => clip.fps * clip.loopSeconds

/** B frames between two others. */
export const bFrames = 2

/**
 * In which order a codec sends the frames of one loop, by their numbers. With B frames each second is closed: the key frame, then every third
 * frame followed by the two that are shown before it, and the last one.
 */
export function sendingOrder({ codec, fps, loopSeconds }: Pick<ClipParameters, 'codec' | 'fps' | 'loopSeconds'>): number[] {
  const inOrder = Array.from({ length: clipFrames({ fps, loopSeconds }) }, (_, n) => n)
  if (codec !== 'h264 b') return inOrder
  const order: number[] = []
  for (let key = 0; key < inOrder.length; key += fps) {
    order.push(key)
    for (let before = key; before < key + fps - 1; ) {
      const next = Math.min(before + bFrames + 1, key + fps - 1)
      order.push(next)
      while (++before < next) order.push(before)
    }
  }
  return order
}

/** Frames of each second at which a key frame can be had, in their order; the first is one in any case. */
export const keyFramesOf = ({ fps, keyFrames }: Pick<ClipParameters, 'fps' | 'keyFrames'>): number[] =>
  keyFrames === 'eachSecond' ? [0] : [...new Set([0, 1, 2, 3, 4].map((fifth) => Math.floor((fifth * fps) / 5)))]

/** Throws, naming the parameter, if no clip can be made of these. */
export function checkClip(clip: ClipParameters): void {
  const wrong = (what: string) => {
    throw new TypeError(`clip of ${clip.userId}: ${what}`)
  }
  for (const name of ['width', 'height', 'fps', 'videoKbps', 'loopSeconds'] as const)
    if (!Number.isInteger(clip[name]) || clip[name] <= 0) wrong(`${name} must be a positive whole number, not ${clip[name]}`)
  if (clip.width % 2 || clip.height % 2) wrong('width and height must be even')
  if (clip.width < CELL_PX * (CODE_BITS + 2) || clip.height < 96) wrong('picture must be at least 288x96')
  if (clip.keyFrames === 'onRequest' && clip.codec === 'h264 b') wrong('keyFrames cannot be onRequest with B frames')
  if (clipFrames(clip) > 2 ** CODE_BITS) wrong(`fps * loopSeconds must be at most ${2 ** CODE_BITS}`)
}

/**
 * Reads one bar code line of a luma plane.
 * @param row top row of the line (`codeRow`)
 * @returns undefined where the marker is not white, or a cell is neither black nor white
 */
export function readCode(luma: Uint8Array, stride: number, row: number): number | undefined {
  let code = 0
  for (let cell = 0; cell <= MARKER_CELL + 1; cell++) {
    const level = cellLevel(luma, stride, row, cell)
    if (level > 100 && level < 150) return undefined
    const white = level >= 150
    if (cell === MARKER_CELL && !white) return undefined
    if (cell === MARKER_CELL + 1 && white) return undefined
    if (cell < CODE_BITS) code = (code << 1) | Number(white)
  }
  return code
}

/** Whether the flash bar is lit. */
export const readFlash = (luma: Uint8Array, stride: number): boolean => cellLevel(luma, stride, codeRow.flash, 1) >= 150

/** Mean of the middle 8 x 8 px of a cell: what compression smears at the edges does not count. */
function cellLevel(luma: Uint8Array, stride: number, row: number, cell: number): number {
  let sum = 0
  for (let y = row + 4; y < row + 12; y++)
    for (let x = cell * CELL_PX + 4; x < cell * CELL_PX + 12; x++) sum += luma[y * stride + x] ?? 0
  return sum / 64
}

/**
 * Sound of the user from `fromSample` on, interleaved stereo, 16 bit. Sample 0 is the start of frame 0. Tone and beep repeat each second.
 */
export function drawSound(userId: string, fromSample: number, samples: number): Int16Array {
  const second = new Int16Array(SAMPLE_RATE_HZ)
  const pitch = pitchHzOf(userId)
  const beepSamples = (SAMPLE_RATE_HZ * BEEP_MS) / 1000
  for (let i = 0; i < SAMPLE_RATE_HZ; i++) {
    const turn = (2 * Math.PI * i) / SAMPLE_RATE_HZ
    const beep = i < beepSamples ? BEEP_AMPLITUDE * Math.sin(BEEP_HZ * turn) : 0
    second[i] = Math.round(32767 * (TONE_AMPLITUDE * Math.sin(pitch * turn) + beep))
  }
  const out = new Int16Array(samples * 2)
  for (let i = 0; i < samples; i++) {
    const at = (((fromSample + i) % SAMPLE_RATE_HZ) + SAMPLE_RATE_HZ) % SAMPLE_RATE_HZ
    out[2 * i] = out[2 * i + 1] = second[at] as number
  }
  return out
}
