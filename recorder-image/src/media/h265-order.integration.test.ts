import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LatePictures, type NumberedPicture } from '../timeline/late-pictures.ts'
import { annexBOf, toAnnexB } from './annexb.ts'
import { findFfmpeg } from './ffmpeg.ts'
import { readH265 } from './h265.ts'
import { makeClip } from './testing/clip.ts'
import { newDirectory } from './testing/new-directory.ts'
import type { Picture, VideoConfig } from './video-codec.ts'

const run = promisify(execFile)
const fps = 30

interface Sent {
  picture: Picture
  rtp: number
  /** Number in the order of decoding. */
  sent: number
}

/** Three seconds of x265 with a key frame each second, in the order in which they are decoded. */
async function encoded(parameters: string): Promise<{ pictures: Sent[]; config: VideoConfig }> {
  const encoder = [
    '-preset',
    'medium',
    '-x265-params',
    `aud=1:repeat-headers=1:open-gop=0:scenecut=0:log-level=none:${parameters}`,
  ]
  const clip = await makeClip({ seconds: 3, fps, codec: 'h265', encoder })
  let config: VideoConfig | undefined
  let second = -1
  const pictures = clip.pictures.map(({ data }, sent) => {
    const picture = readH265(data, config)
    config = picture.config ?? config
    if (picture.key) second++
    return { picture, sent, rtp: (second * fps + (picture.number?.value ?? 0)) * 3000 }
  })
  return { pictures, config: config! }
}

/** What each picture looks like, in the order in which they are shown; and what the decoder complained of. */
async function shown(pictures: readonly Sent[], config: VideoConfig): Promise<{ looks: string; complaints: string }> {
  const path = join(await newDirectory(), 'pictures.h265')
  await writeFile(path, Buffer.concat([annexBOf(config.units), ...pictures.map(({ picture }) => toAnnexB(picture.data))]))
  const options = { encoding: 'buffer' as const, maxBuffer: 1e8 }
  const { stdout, stderr } = await run(findFfmpeg(), ['-v', 'warning', '-i', path, '-f', 'rawvideo', '-'], options)
  return { looks: createHash('sha256').update(stdout).digest('hex'), complaints: stderr.toString() }
}

/** What is taken of pictures that come in this order. */
function take(arrived: readonly Sent[]): { taken: Sent[]; lost: Sent[] } {
  const late = new LatePictures<Sent & NumberedPicture>()
  const [taken, lost]: [Sent[], Sent[]] = [[], []]
  const settle = (released: ReturnType<typeof late.push>) => {
    taken.push(...released.taken)
    lost.push(...released.lost)
  }
  arrived.forEach((one, at) => {
    const { key, number } = one.picture
    settle(late.push({ ...one, clock: 0, key, number, receiveTimeMicros: at * 1000 }))
  })
  settle(late.end())
  return { taken, lost }
}

describe('pictures of H.265 that were overtaken by the next key frame', () => {
  it.each([
    ['each refers to the one before', 'bframes=0:ref=1'],
    ['of several references', 'bframes=0:ref=4'],
    ['with sets of references of their own', 'bframes=0:ref=3:weightp=0:intra-refresh=0:rc-lookahead=10'],
  ])('are put in order, whatever order they come in: %s', async (_, parameters) => {
    const { pictures, config } = await encoded(parameters)
    const places = pictures.map(({ picture }) => picture.number)
    expect(places.filter((place) => place === undefined)).toEqual([])
    expect(pictures.map(({ rtp }) => rtp / 3000).toSorted((a, b) => a - b)).toEqual(pictures.map((_, n) => n))
    const inOrder = await shown(pictures, config)
    expect(inOrder.complaints).toBe('')
    const secondOf = ({ sent }: Sent) => Math.floor(sent / fps)
    const orders = new Set<string>()
    fc.assert(
      fc.property(fc.integer({ min: 1, max: fps - 1 }), fc.infiniteStream(fc.nat(1e6)), (before, draws) => {
        const late = pictures.filter((one) => secondOf(one) === 1 && one.sent % fps >= before)
        const weights = new Map(late.map((one) => [one, draws.next().value as number]))
        const rest = pictures.filter((one) => !weights.has(one))
        // Behind the key frame of the third second.
        const at = rest.findIndex((one) => secondOf(one) === 2) + 1
        const shuffled = late.toSorted((a, b) => weights.get(a)! - weights.get(b)!)
        const { taken, lost } = take([...rest.slice(0, at), ...shuffled, ...rest.slice(at)])
        expect(lost).toEqual([])
        const decoded = taken.toSorted((a, b) => secondOf(a) - secondOf(b))
        orders.add(decoded.map(({ sent }) => sent).join())
      }),
      { numRuns: 100 },
    )
    for (const order of [...orders].slice(0, 5)) {
      expect(
        await shown(
          order.split(',').map((sent) => pictures[Number(sent)]!),
          config,
        ),
      ).toEqual(inOrder)
    }
  })

  it('are lost with the one they refer to, and nothing else is', async () => {
    const { pictures, config } = await encoded('bframes=0:ref=1')
    const missing = 45
    const late = pictures.slice(40, 60).filter(({ sent }) => sent !== missing)
    const { taken, lost } = take([...pictures.slice(0, 40), pictures[60]!, ...late.toReversed(), ...pictures.slice(61)])
    expect(lost.map(({ sent }) => sent).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 14 }, (_, n) => 46 + n))
    const { complaints } = await shown(
      taken.toSorted((a, b) => Math.floor(a.sent / fps) - Math.floor(b.sent / fps)),
      config,
    )
    expect(complaints).toBe('')
  })
})
