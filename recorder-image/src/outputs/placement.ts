import type { ManifestFile } from '@trtc-recorder/api'

/** A stretch of the sound of a file, and where it lies among all samples of the recording. All in samples. */
export interface Piece {
  fromInFile: number
  endInFile: number
  from: number
  end: number
}

/** Decoded sound, and where it lies among all samples of the recording. */
export interface PlacedSound {
  at: number
  samples: Int16Array
}

const blockSamples = 32_768

/**
 * Where the sound of a file lies, by the straight lines of its `times`: time that was cut out of the file is silence again, and a clock that ran at
 * another pace is led back. True to the millisecond, as `times` are. Pure.
 */
export function piecesOf(
  file: Pick<ManifestFile, 'times' | 'startTime' | 'durationSeconds'>,
  zeroMillis: number,
  rate: number,
): Piece[] {
  const points = file.times.map(({ mediaSeconds, time }) => ({ mediaSeconds, millis: Date.parse(time) }))
  const [first = { mediaSeconds: 0, millis: Date.parse(file.startTime) }] = points
  const last = points.at(-1) ?? first
  const extended = [
    { mediaSeconds: 0, millis: first.millis - first.mediaSeconds * 1000 },
    ...points,
    { mediaSeconds: file.durationSeconds, millis: last.millis + (file.durationSeconds - last.mediaSeconds) * 1000 },
  ]
  const inFile = (seconds: number) => Math.round(seconds * rate)
  const placed = (millis: number) => Math.round(((millis - zeroMillis) * rate) / 1000)
  return extended.slice(1).flatMap((point, before) => {
    const { mediaSeconds, millis } = extended[before]!
    const piece = {
      ...{ fromInFile: inFile(mediaSeconds), endInFile: inFile(point.mediaSeconds) },
      ...{ from: placed(millis), end: placed(point.millis) },
    }
    return piece.endInFile > piece.fromInFile && piece.end > piece.from ? [piece] : []
  })
}

/** Puts decoded sound where it belongs, block by block: no more than a second or two of it is in memory. Sound that ends early is followed by silence. */
export async function* placed(pieces: readonly Piece[], decoded: AsyncIterable<Int16Array>): AsyncGenerator<PlacedSound> {
  const window = new Window(decoded)
  try {
    for (const { fromInFile, endInFile, from, end } of pieces) {
      const pace = (endInFile - fromInFile) / (end - from)
      for (let done = 0; done < end - from; done += blockSamples) {
        const samples = new Int16Array(Math.min(blockSamples, end - from - done))
        const start = fromInFile + Math.floor(done * pace)
        const sound = await window.read(start, fromInFile + Math.ceil((done + samples.length) * pace))
        if (pace === 1) samples.set(sound)
        else for (let n = 0; n < samples.length; n++) samples[n] = sound[fromInFile + Math.floor((done + n) * pace) - start] ?? 0
        yield { at: from + done, samples }
      }
    }
  } finally {
    await window.close()
  }
}

/** Decoded sound by the number of its samples, forwards only. */
class Window {
  readonly #chunks: AsyncIterator<Int16Array>
  #held: Int16Array = new Int16Array()
  #heldFrom = 0

  constructor(decoded: AsyncIterable<Int16Array>) {
    this.#chunks = decoded[Symbol.asyncIterator]()
  }

  /** Shorter where there is no more. */
  async read(from: number, end: number): Promise<Int16Array> {
    const parts: Int16Array[] = [this.#held]
    let heldEnd = this.#heldFrom + this.#held.length
    while (heldEnd < end) {
      const { value, done } = await this.#chunks.next()
      if (done) break
      // What nobody will ask for any more need not be kept until a long stretch is passed.
      if (heldEnd + value.length <= from) {
        parts.length = 0
        this.#heldFrom = heldEnd + value.length
      } else parts.push(value)
      heldEnd += value.length
    }
    const held = parts.length === 1 ? parts[0]! : joined(parts)
    const passed = Math.min(held.length, Math.max(0, from - this.#heldFrom))
    this.#held = held.subarray(passed)
    this.#heldFrom += passed
    return this.#held.subarray(0, Math.max(0, end - this.#heldFrom))
  }

  async close(): Promise<void> {
    await this.#chunks.return?.()
  }
}

function joined(parts: readonly Int16Array[]): Int16Array<ArrayBuffer> {
  const all = new Int16Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
