import { annexBOf } from '../../media/annexb.ts'
import { FfmpegProcess } from '../../media/ffmpeg.ts'
import { type StillSource, toJpegs } from './decode-still.ts'

/** Such pictures take some milliseconds, unless the machine stands still. */
const usualMostMillis = 3000
/** H.264, 7.4.1: slices of an IDR picture, supplemental information, a delimiter, the end of a sequence. */
const idrSlice = 5
const supplement = 6
const delimiter = 9
const delimiterUnit = Buffer.from([delimiter, 0xf0])
const endOfSequence = Buffer.from([10])
/** What a JPEG ends with; nowhere else are the two together. */
const endOfImage = Buffer.from([0xff, 0xd9])

/**
 * What a decoder that lives on is given for a picture of H.264: what is behind it says that nothing more belongs to it. Undefined of what might need another
 * picture, or be more than one: a decoder that others use after it must not have anything left.
 */
export function alone({ config, sample }: StillSource): Buffer | undefined {
  if (config.codec !== 'h264') return undefined
  const units = unitsOf(sample)
  if (units === undefined) return undefined
  const slices = units.filter((unit) => typeOf(unit) === idrSlice)
  const others = units.filter((unit) => typeOf(unit) !== idrSlice)
  // A slice that begins with macroblock 0 has a 1 for its first bit (7.3.3).
  const pictures = slices.filter((unit) => (unit[1]! & 0x80) !== 0)
  if (pictures.length !== 1 || pictures[0] !== slices[0]) return undefined
  if (others.some((unit) => typeOf(unit) !== supplement && typeOf(unit) !== delimiter)) return undefined
  return annexBOf([...config.units, ...slices, endOfSequence, delimiterUnit])
}

const typeOf = (unit: Uint8Array) => unit[0]! & 0x1f

/** Undefined where lengths do not fit. */
function unitsOf(sample: Uint8Array): Uint8Array[] | undefined {
  const view = new DataView(sample.buffer, sample.byteOffset, sample.length)
  const units: Uint8Array[] = []
  let at = 0
  while (at + 4 < sample.length) {
    const end = at + 4 + view.getUint32(at)
    if (end > sample.length || end < at + 6) return undefined
    units.push(sample.subarray(at + 4, end))
    at = end
  }
  return at === sample.length ? units : undefined
}

/** Makes JPEGs of pictures of one configuration, one after the other, in one process. */
export class LastingDecoder {
  readonly #process: FfmpegProcess
  readonly #mostMillis: number
  #chunks: Buffer[] = []
  #awaited: PromiseWithResolvers<Buffer> | undefined
  #problem: string | undefined

  constructor(ffmpegPath: string, mostMillis = usualMostMillis) {
    this.#mostMillis = mostMillis
    const atOnce = ['-threads', '1', '-flags', 'low_delay', '-probesize', '32', '-analyzeduration', '0']
    const input = [...atOnce, '-f', 'h264', '-i', 'pipe:0', '-fps_mode', 'passthrough']
    this.#process = new FfmpegProcess(ffmpegPath, ['-loglevel', 'error', ...input, ...toJpegs, '-flush_packets', '1', 'pipe:1'])
    const { child, ended } = this.#process
    child.stdout?.on('data', (chunk: Buffer) => this.#read(chunk))
    void ended.then((problem) => this.#fail(problem ?? 'ffmpeg ended'))
  }

  /**
   * One at a time. `picture`: as `alone` gives it. Rejects where anything is not as it should be; then this decoder makes nothing more.
   */
  async decode(picture: Buffer): Promise<Buffer> {
    if (this.#problem !== undefined) throw new Error(this.#problem)
    const awaited = Promise.withResolvers<Buffer>()
    this.#awaited = awaited
    const late = () => this.#fail(`no picture came out of the decoder for ${this.#mostMillis / 1000} s`)
    const timer = setTimeout(late, this.#mostMillis)
    this.#process.child.stdin?.write(picture)
    try {
      return await awaited.promise
    } finally {
      clearTimeout(timer)
      this.#awaited = undefined
    }
  }

  end(): void {
    this.#fail('it was ended')
  }

  #read(chunk: Buffer): void {
    // Whose it would be nobody knows.
    if (this.#awaited === undefined) {
      this.#fail('a picture came out of the decoder that nobody waits for')
      return
    }
    this.#chunks.push(chunk)
    const end = Buffer.concat(this.#chunks.slice(-2)).subarray(-2)
    if (!end.equals(endOfImage)) return
    const jpeg = Buffer.concat(this.#chunks.splice(0))
    // What it complains of comes by another pipe.
    setImmediate(() => {
      if (this.#process.stderr !== '') this.#fail(this.#process.stderr)
      else this.#awaited?.resolve(jpeg)
    })
  }

  #fail(problem: string): void {
    this.#problem ??= problem
    this.#process.child.kill('SIGKILL')
    this.#awaited?.reject(new Error(problem))
  }
}
