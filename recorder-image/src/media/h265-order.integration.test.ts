import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LatePictures, type NumberedPicture } from '../timeline/late-pictures.ts'
import { annexBOf, toAnnexB } from './annexb.ts'
import { encodeH265, type Sent } from './testing/h265-clip.ts'
import { machineProgram } from './testing/machine-program.ts'
import { newDirectory } from './testing/new-directory.ts'
import type { VideoConfig } from './video-codec.ts'

const run = promisify(execFile)
/** What each picture looks like, in the order in which they are shown; and what the decoder complained of. */
async function shown(pictures: readonly Sent[], config: VideoConfig): Promise<{ looks: string; complaints: string }> {
  const { stdout, stderr } = await decode(pictures, config)
  return { looks: hash(stdout), complaints: stderr.toString() }
}

const pictureBytes = (160 * 96 * 3) / 2
async function frames(pictures: readonly Sent[], config: VideoConfig): Promise<Buffer[]> {
  const { stdout } = await decode(pictures, config)
  return Array.from({ length: stdout.length / pictureBytes }, (_, at) =>
    stdout.subarray(at * pictureBytes, (at + 1) * pictureBytes),
  )
}

async function decode(pictures: readonly Sent[], config: VideoConfig) {
  const path = join(await newDirectory(), 'pictures.h265')
  await writeFile(path, Buffer.concat([annexBOf(config.units), ...pictures.map(({ picture }) => toAnnexB(picture.data))]))
  const options = { encoding: 'buffer' as const, maxBuffer: 1e8 }
  const output = ['-fps_mode', 'passthrough', '-f', 'rawvideo', '-']
  return await run(machineProgram('ffmpeg'), ['-v', 'warning', '-i', path, ...output], options)
}

const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** What is taken of pictures that come in this order. */
function take(arrived: readonly Sent[]): { taken: Sent[]; lost: Sent[] } {
  const late = new LatePictures<Sent & NumberedPicture>()
  const [taken, lost]: [Sent[], Sent[]] = [[], []]
  const settle = (released: ReturnType<typeof late.end>) => {
    taken.push(...released.taken)
    lost.push(...released.lost)
  }
  arrived.forEach((one, at) => {
    const { key, number, leads } = one.picture
    settle(late.push({ ...one, clock: 0, key, number, leads, receiveTimeMicros: at * 1000 }))
  })
  settle(late.end())
  return { taken, lost }
}

/** Those of one key frame together, in the order in which they were taken, as a file has them. */
function decodingOrder(taken: readonly Sent[], groupOf: (one: Sent) => number): Sent[] {
  return taken.toSorted((a, b) => groupOf(a) - groupOf(b))
}

const sources = [
  ['each refers to the one before', 'bframes=0:ref=1'],
  ['of several references', 'bframes=0:ref=4'],
  ['with sets of references of their own', 'bframes=0:ref=3:weightp=0:intra-refresh=0:rc-lookahead=10'],
  ['B pictures', 'bframes=3:b-adapt=0:b-pyramid=0'],
  ['B pictures that others refer to', 'bframes=7:b-adapt=0:b-pyramid=1:ref=4'],
  ['as many B pictures as fit', 'bframes=6:b-adapt=2:b-pyramid=1:ref=3'],
  ['of which some lead their key frame and refer to what is in front of it', 'bframes=4:b-adapt=0:open-gop=1'],
  ['the same, with B pictures that others refer to', 'bframes=7:b-adapt=0:b-pyramid=1:ref=4:open-gop=1'],
  ['of which some lead their key frame and do not refer to what is in front of it', 'bframes=4:b-adapt=1:radl=2:min-keyint=30'],
] as const

describe('pictures of H.265 that were overtaken by the next key frame', () => {
  it.each(sources)('are put in order, whatever order they come in: %s', async (_, parameters) => {
    const { pictures, config } = await encodeH265(parameters, { seconds: 4 })
    expect(pictures.map(({ rtp }) => rtp / 3000).toSorted((a, b) => a - b)).toEqual(pictures.map((_, n) => n))
    const inOrder = await shown(pictures, config)
    expect(inOrder.complaints).toBe('')
    const keys = pictures.filter(({ picture }) => picture.key)
    expect(keys.length).toBe(4)
    const groupOf = ({ sent }: Sent) => keys.findLastIndex((key) => key.sent <= sent)
    const third = pictures.filter((one) => groupOf(one) === 2)
    fc.assert(
      fc.property(fc.integer({ min: 1, max: third.length - 1 }), fc.infiniteStream(fc.nat(1e6)), (before, draws) => {
        const late = third.slice(before)
        const weights = new Map(late.map((one) => [one, draws.next().value as number]))
        const rest = pictures.filter((one) => !weights.has(one))
        // Behind the key frame of the fourth second.
        const at = rest.findIndex((one) => groupOf(one) === 3) + 1
        const shuffled = late.toSorted((a, b) => weights.get(a)! - weights.get(b)!)
        const { taken, lost } = take([...rest.slice(0, at), ...shuffled, ...rest.slice(at)])
        expect(lost.map(({ sent }) => sent)).toEqual([])
        expect(decodingOrder(taken, groupOf).map(({ sent }) => sent)).toEqual(pictures.map(({ sent }) => sent))
      }),
      { numRuns: 100 },
    )
  })

  it('are put in order the first time, too, when nobody knows yet whether some lead their key frame', async () => {
    for (const parameters of ['bframes=4:b-adapt=1:radl=2:min-keyint=30', 'bframes=4:b-adapt=0:open-gop=1', 'bframes=0:ref=1']) {
      const { pictures, config } = await encodeH265(parameters, { seconds: 4 })
      expect((await shown(pictures, config)).complaints).toBe('')
      const keys = pictures.filter(({ picture }) => picture.key)
      const groupOf = ({ sent }: Sent) => keys.findLastIndex((key) => key.sent <= sent)
      const second = pictures.filter((one) => groupOf(one) === 1)
      fc.assert(
        fc.property(fc.infiniteStream(fc.nat(1e6)), (draws) => {
          const weights = new Map(second.slice(1).map((one) => [one, draws.next().value as number]))
          const rest = pictures.filter((one) => !weights.has(one))
          const at = rest.findIndex((one) => groupOf(one) === 2) + 1
          const shuffled = second.slice(1).toSorted((a, b) => weights.get(a)! - weights.get(b)!)
          const { taken, lost } = take([...rest.slice(0, at), ...shuffled, ...rest.slice(at)])
          expect(lost.map(({ sent }) => sent)).toEqual([])
          expect(decodingOrder(taken, groupOf).map(({ sent }) => sent)).toEqual(pictures.map(({ sent }) => sent))
        }),
        { numRuns: 200 },
      )
    }
  })

  it('say where they stand in whatever colours they are', async () => {
    const { pictures } = await encodeH265('bframes=3', { seconds: 1, pixels: 'yuv444p' })
    expect(pictures.every(({ picture }) => picture.number?.type === 'refers')).toBe(true)
  })

  it.each([
    ['open-gop=1', 'which refer to what is in front of it, are left out, for no decoder shows them', true],
    ['b-adapt=1:radl=2:min-keyint=30', 'which do not, are kept', false],
  ])('of a file that begins with a key frame, those that lead it (%s), %s', async (parameters, _, isOpen) => {
    const { pictures, config } = await encodeH265(`bframes=4:b-adapt=0:${parameters}`)
    const first = pictures.findIndex(({ picture, sent }) => sent > 0 && picture.key)
    const arrived = pictures.slice(first)
    const leading = arrived.filter(({ rtp }) => rtp < arrived[0]!.rtp)
    expect(leading.length).toBeGreaterThan(0)
    const { taken, lost } = take(arrived)
    expect(lost.map(({ sent }) => sent)).toEqual(isOpen ? leading.map(({ sent }) => sent) : [])
    const { looks, complaints } = await shown(taken, config)
    expect(complaints).toBe('')
    // As they are in the whole, each of them, and none beside.
    const whole = await frames(pictures, config)
    const numbers = taken.map(({ rtp }) => rtp / 3000).toSorted((a, b) => a - b)
    expect(looks).toBe(hash(Buffer.concat(numbers.map((number) => whole[number]!))))
    // With them there would be fewer pictures than samples.
    expect(await frames(arrived, config)).toHaveLength(taken.length)
  })

  it('are lost with the one they refer to, and nothing else is', async () => {
    const { pictures, config } = await encodeH265('bframes=0:ref=1')
    const missing = 45
    const late = pictures.slice(40, 60).filter(({ sent }) => sent !== missing)
    const { taken, lost } = take([...pictures.slice(0, 40), pictures[60]!, ...late.toReversed(), ...pictures.slice(61)])
    expect(lost.map(({ sent }) => sent).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 14 }, (_, n) => 46 + n))
    const { complaints } = await shown(
      taken.toSorted((a, b) => Math.floor(a.sent / 30) - Math.floor(b.sent / 30)),
      config,
    )
    expect(complaints).toBe('')
  })
})
