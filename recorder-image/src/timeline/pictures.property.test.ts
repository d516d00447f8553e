import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { noSound } from './audio-axis.ts'
import type { DecodingPlace, Leads } from './decoding-order.ts'
import { LatePictures, type NumberedPicture } from './late-pictures.ts'
import { PictureClock } from './picture-clock.ts'
import { PictureGaps } from './picture-gaps.ts'
import { present } from './presentation.ts'
import { type Arrived, deliver, type Network, network, type Sent } from './testing/hostile-network.ts'

/** What a camera and its encoder do. */
interface Camera {
  pictures: number
  fps: number
  picturesPerKey: number
  /** B pictures between two others. */
  bPictures: number
  firstRtp: number
  ppm: number
  /** H.264 counts the pictures that others refer to, H.265 says which it refers to. `open`: the B pictures in front of a key frame refer to that too. */
  codec: 'h264' | 'h265' | 'h265 open'
  /** Its clock is set, before the picture at this share of them. */
  jump: { at: number; seconds: number } | undefined
}

interface Picture extends Sent {
  /** `number` is the place in decoding order. */
  key: boolean
  /** Number of the picture among those that are shown. */
  shownAs: number
  decoding: DecodingPlace
  leads: Leads | undefined
  /** Which of those that are shown it refers to. */
  uses: number[]
}

const camera = (over: Partial<Record<keyof Camera, fc.Arbitrary<unknown>>> = {}) =>
  fc.record({
    pictures: fc.integer({ min: 1, max: 600 }),
    fps: fc.constantFrom(5, 15, 30, 60),
    picturesPerKey: fc.integer({ min: 10, max: 150 }),
    bPictures: fc.constantFrom(0, 0, 1, 2, 4),
    firstRtp: fc.oneof(fc.nat(0xffffffff), fc.integer({ min: 2 ** 32 - 900_000, max: 2 ** 32 - 1 })),
    ppm: fc.constant(0),
    codec: fc.constantFrom('h264', 'h265', 'h265 open'),
    jump: fc.constant(undefined),
    ...over,
  }) as fc.Arbitrary<Camera>

const jump = fc.record({
  at: fc.double({ min: 0.1, max: 0.9, noNaN: true }),
  // The last one is more than half of 32 bits, and looks like a step back.
  seconds: fc.constantFrom(3600, -3600, 30_000),
})

const firstAfterJump = ({ pictures, jump }: Camera) => (jump === undefined ? pictures : Math.ceil(pictures * jump.at))

/** Pictures in decoding order, which is that of sending. */
function shoot(cam: Camera): Picture[] {
  const { pictures, fps, picturesPerKey, bPictures, firstRtp, ppm, codec, jump } = cam
  const shot: Picture[] = []
  let [references, key] = [0, 0]
  const add = (shownAs: number, { isReference = true, uses = [] as number[], leads = undefined as Leads | undefined }) => {
    const isKey = uses.length === 0
    if (isKey) {
      references = 0
      key = codec === 'h265 open' ? 0 : shownAs
    }
    const deltas = uses.map((used) => used - shownAs)
    const refers = { type: 'refers' as const, value: (shownAs - key) % 256, modulus: 256, isReference }
    const decoding: DecodingPlace =
      codec === 'h264'
        ? { type: 'counted', value: references % 16, modulus: 16, isReference }
        : { ...refers, uses: deltas, keeps: deltas, goesOn: isKey && codec === 'h265 open', mayBeLed: isKey }
    if (isReference) references++
    const trueMillis = (shownAs / fps) * 1000
    const ahead = shownAs >= firstAfterJump(cam) ? jump!.seconds * 90_000 : 0
    const rtp = firstRtp + Math.round((trueMillis * 90) / (1 + ppm / 1e6)) + ahead
    shot.push({
      number: shot.length,
      trueMillis,
      rtpTimestamp: ((rtp % 2 ** 32) + 2 ** 32) % 2 ** 32,
      key: isKey,
      shownAs,
      decoding,
      leads,
      uses,
    })
  }
  for (let first = 0; first < pictures; first += picturesPerKey) {
    const end = Math.min(first + picturesPerKey, pictures)
    if (!shot.some(({ shownAs }) => shownAs === first)) add(first, {})
    for (let at = first + 1; at < end; at += bPictures + 1) {
      const isOpen = codec === 'h265 open' && at + bPictures >= end && end < pictures
      const reference = isOpen ? end : Math.min(at + bPictures, end - 1)
      add(reference, { uses: isOpen ? [] : [at - 1] })
      for (let b = at; b < reference; b++)
        add(b, { isReference: false, uses: [at - 1, reference], leads: isOpen ? 'acrossKey' : undefined })
    }
  }
  return shot
}

/**
 * Chromium's packet buffer (modules/video_coding/packet_buffer.cc): a key frame at once, others when nothing is missing before them. What was missing
 * before something that is handed out is missing no more. Pictures before the first key frame are no use to anybody.
 */
function handOut(shot: readonly Picture[], arrived: readonly Arrived<Picture>[]): Arrived<Picture>[] {
  const there = new Set<number>()
  const missing = new Set<number>()
  const out: Arrived<Picture>[] = []
  // Of the first picture, which is a key frame of many packets, some come before all others.
  let newest = -1
  for (const { sent, arrivalMillis } of arrived) {
    const { number } = sent
    if (there.has(number) || out.some((one) => one.sent.number === number)) continue
    for (let before = newest + 1; before < number; before++) missing.add(before)
    newest = Math.max(newest, number)
    missing.delete(number)
    there.add(number)
    for (let next = number; there.has(next); next++) {
      const picture = shot[next]!
      if (!picture.key && Math.min(...missing) < next) break
      there.delete(next)
      out.push({ sent: picture, arrivalMillis })
      for (const one of missing) if (one < next) missing.delete(one)
    }
  }
  const first = out.findIndex(({ sent }) => sent.key)
  return first === -1 ? [] : out.slice(first).filter(({ sent }) => sent.number >= out[first]!.sent.number)
}

/** What of it goes into a file, in this order, and what does not. */
function take(handedOut: readonly Arrived<Picture>[]) {
  const late = new LatePictures<NumberedPicture & { arrived: Arrived<Picture> }>()
  const clock = new PictureClock()
  const kept: Arrived<Picture>[] = []
  const lost: Arrived<Picture>[] = []
  for (const arrived of handedOut) {
    const { key, rtpTimestamp, decoding, leads } = arrived.sent
    const receiveTimeMicros = arrived.arrivalMillis * 1000
    const time = clock.place({ rtpTimestamp, receiveTimeMicros })
    const released = late.push({ ...time, key, leads, number: decoding, receiveTimeMicros, arrived })
    kept.push(...released.taken.map((one) => one.arrived))
    lost.push(...released.lost.map((one) => one.arrived))
  }
  const end = late.end()
  kept.push(...end.taken.map((one) => one.arrived))
  lost.push(...end.lost.map((one) => one.arrived))
  return { kept, lost }
}

const presentationOf = (handedOut: readonly Arrived<Picture>[]) =>
  present(
    {
      ssrcs: Uint32Array.from(handedOut, () => 1),
      rtpTimestamps: Uint32Array.from(handedOut, ({ sent }) => sent.rtpTimestamp),
      receiveTimesMicros: Float64Array.from(handedOut, ({ arrivalMillis }) => 1.8e15 + arrivalMillis * 1000),
      keys: Uint8Array.from(handedOut, ({ sent }) => (sent.key ? 1 : 0)),
      leads: Uint8Array.from(handedOut, ({ sent }) => (sent.leads ? 1 : 0)),
      mayReorder: true,
    },
    noSound,
  )?.video

describe('pictures over a hostile network', { timeout: 60_000 }, () => {
  // A step of 5 s right after a stall of 5 s could as well be a clock that jumped.
  const stall = {
    freeze: fc.record({ fromMillis: fc.nat(20_000), forMillis: fc.oneof(fc.constant(0), fc.integer({ min: 1000, max: 4500 })) }),
  }

  it('are decoded in their order and shown at their time within 1 ms, late ones and B pictures too (500 cases)', () => {
    fc.assert(
      fc.property(camera({ jump: fc.option(jump, { nil: undefined }) }), network(stall), (cam: Camera, net: Network) => {
        const shot = shoot(cam)
        const { kept } = take(handOut(shot, deliver(shot, net)))
        const video = presentationOf(kept)
        if (video === undefined) return
        const decoded = Array.from(video.samples, (sample) => kept[sample]!.sent)
        expect(decoded).toHaveLength(kept.length)
        // Each after all that it may refer to, and before what comes after that. B pictures between the same two may change places.
        let references = -1
        for (const { number, key, decoding } of decoded) {
          const before = shot.findLastIndex((one) => one.number < number && one.decoding.isReference)
          if (!key && references !== before) expect.fail(`picture ${number} is decoded after ${references}, not ${before}`)
          if (decoding.isReference) references = number
        }
        const there = new Set<number>()
        for (const { number, shownAs, uses } of decoded) {
          const missing = uses.find((one) => !there.has(one))
          if (missing !== undefined) expect.fail(`picture ${number} is decoded without the one shown as ${missing}`)
          there.add(shownAs)
        }
        const offs = decoded.map(({ trueMillis }, at) => video.ticks[at]! / 90 - trueMillis)
        const turn = firstAfterJump(cam)
        const isCalm = net.jitterMillis === 0 && net.queue.forMillis === 0 && net.freeze.forMillis === 0
        const [before, after] = [0, 1].map((side) =>
          decoded
            .flatMap(({ shownAs }, at) => (Number(shownAs >= turn) === side ? [at] : []))
            .sort((a, b) => decoded[a]!.shownAs - decoded[b]!.shownAs),
        ) as [number[], number[]]
        const near = (at: number, to: number, what: string) => {
          const off = Math.abs(offs[at]! - offs[to]!)
          if (off > 1) expect.fail(`picture ${decoded[at]!.number}, ${what}, is shown ${off.toFixed(2)} ms from its time`)
        }
        for (const at of before) near(at, before[0]!, 'in front of the jump')
        // Of a clock of which next to nothing came nobody can tell. Two clocks know of each other as much as jitter lets them.
        if (after.length < 10) return
        const settledMillis = Math.max((turn / cam.fps) * 1000 + 1500, net.freeze.fromMillis + net.freeze.forMillis + 200)
        const settled = after.filter((at) => isCalm || decoded[at]!.trueMillis > settledMillis)
        for (const at of settled) near(at, after.at(-1)!, 'behind the jump')
        if (isCalm && before.length >= 10) near(after[0]!, before[0]!, 'the first behind the jump')
        expect(Array.from(video.ticks).toSorted((a, b) => a - b)).toEqual(Array.from(video.decodeTicks))
      }),
      { numRuns: 500 },
    )
  })

  it('are all there where all came, but for what leads the first key frame and refers to what is in front of it (500 cases)', () => {
    // What a picture waits for comes within what is waited.
    const repaired = network({ ...stall, lost: fc.constant(0), repaired: fc.double({ min: 0, max: 0.3, noNaN: true }) })
    fc.assert(
      fc.property(camera(), repaired, (cam: Camera, net: Network) => {
        const shot = shoot(cam)
        const handedOut = handOut(shot, deliver(shot, net))
        const [first] = handedOut
        const { lost } = take(handedOut)
        expect(lost.filter(({ sent }) => sent.leads === undefined || sent.shownAs > first!.sent.shownAs)).toEqual([])
      }),
      { numRuns: 500 },
    )
  })

  it('are missing in the ledger if and only if they were lost (500 cases)', () => {
    const steady = camera({
      bPictures: fc.constant(0),
      picturesPerKey: fc.integer({ min: 20, max: 100 }),
      fps: fc.constantFrom(15, 30),
    })
    const mild = network({
      freeze: fc.constant({ fromMillis: 0, forMillis: 0 }),
      lost: fc.double({ min: 0, max: 0.01, noNaN: true }),
    })
    fc.assert(
      fc.property(steady, mild, (cam: Camera, net: Network) => {
        const shot = shoot(cam)
        const { kept, lost } = take(handOut(shot, deliver(shot, net)))
        // A rhythm has to be known before it can be missed.
        if (kept.length === 0 || kept.slice(0, 10).some(({ sent }, at) => sent.number !== at)) return
        const gaps = new PictureGaps()
        const clock = new PictureClock()
        const inOrder = [...kept, ...lost].sort((a, b) => a.arrivalMillis - b.arrivalMillis)
        const losses = inOrder.flatMap(({ sent: { rtpTimestamp, key }, arrivalMillis }) => {
          const about = { rtpTimestamp, receiveTimeMicros: arrivalMillis * 1000, key }
          return gaps.push({ ...about, ...clock.place(about), encoderBeganAnew: false, mayFollowHole: false })
        })
        losses.push(...gaps.end())
        const last = Math.max(...kept.map(({ sent }) => sent.number))
        expect(losses.reduce((sum, { pictures }) => sum + pictures, 0)).toBe(last + 1 - kept.length - lost.length)
      }),
      { numRuns: 500 },
    )
  })
})
