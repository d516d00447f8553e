import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { noSound } from './audio-axis.ts'
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
}

interface Picture extends Sent {
  /** `number` is the place in decoding order. */
  key: boolean
  /** Number of the picture among those that are shown. */
  shownAs: number
}

const camera = (over: Partial<Record<keyof Camera, fc.Arbitrary<unknown>>> = {}) =>
  fc.record({
    pictures: fc.integer({ min: 1, max: 600 }),
    fps: fc.constantFrom(5, 15, 30, 60),
    picturesPerKey: fc.integer({ min: 5, max: 150 }),
    bPictures: fc.constantFrom(0, 0, 1, 2),
    firstRtp: fc.oneof(fc.nat(0xffffffff), fc.integer({ min: 2 ** 32 - 900_000, max: 2 ** 32 - 1 })),
    ppm: fc.constant(0),
    ...over,
  }) as fc.Arbitrary<Camera>

/** Pictures in decoding order, which is that of sending. */
function shoot({ pictures, fps, picturesPerKey, bPictures, firstRtp, ppm }: Camera): Picture[] {
  const shot: Picture[] = []
  const add = (shownAs: number, key: boolean) => {
    const trueMillis = (shownAs / fps) * 1000
    const rtpTimestamp = (firstRtp + Math.round((trueMillis * 90) / (1 + ppm / 1e6))) % 2 ** 32
    shot.push({ number: shot.length, trueMillis, rtpTimestamp, key, shownAs })
  }
  for (let first = 0; first < pictures; first += picturesPerKey) {
    const end = Math.min(first + picturesPerKey, pictures)
    add(first, true)
    for (let at = first + 1; at < end; at += bPictures + 1) {
      const reference = Math.min(at + bPictures, end - 1)
      add(reference, false)
      for (let b = at; b < reference; b++) add(b, false)
    }
  }
  return shot
}

/** Chromium's packet buffer: a key frame at once, others when all since their key frame are there. */
function handOut(shot: readonly Picture[], arrived: readonly Arrived<Picture>[]): Arrived<Picture>[] {
  const complete = new Set<number>()
  const out = new Map<number, Arrived<Picture>>()
  for (const { sent, arrivalMillis } of arrived) {
    complete.add(sent.number)
    for (let number = sent.number; number < shot.length; number++) {
      const picture = shot[number]!
      const follows = picture.key ? number === sent.number : out.has(number - 1)
      if (!follows || !complete.has(number)) break
      if (!out.has(number)) out.set(number, { sent: picture, arrivalMillis })
    }
  }
  return [...out.values()]
}

const presentationOf = (handedOut: readonly Arrived<Picture>[]) =>
  present(
    {
      ssrcs: Uint32Array.from(handedOut, () => 1),
      rtpTimestamps: Uint32Array.from(handedOut, ({ sent }) => sent.rtpTimestamp),
      receiveTimesMicros: Float64Array.from(handedOut, ({ arrivalMillis }) => 1.8e15 + arrivalMillis * 1000),
      keys: Uint8Array.from(handedOut, ({ sent }) => (sent.key ? 1 : 0)),
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
      fc.property(camera(), network(stall), (cam: Camera, net: Network) => {
        const shot = shoot(cam)
        const handedOut = handOut(shot, deliver(shot, net))
        const video = presentationOf(handedOut)
        if (video === undefined) return
        const decoded = Array.from(video.samples, (sample) => handedOut[sample]!.sent)
        expect(decoded.map(({ number }) => number)).toEqual(decoded.map(({ number }) => number).toSorted((a, b) => a - b))
        expect(decoded).toHaveLength(handedOut.length)
        const first = Math.min(...decoded.map(({ trueMillis }) => trueMillis))
        decoded.forEach(({ trueMillis, number }, at) => {
          const off = Math.abs(video.ticks[at]! / 90 - (trueMillis - first))
          if (off > 1) expect.fail(`picture ${number} is shown ${off.toFixed(2)} ms from its time at ${trueMillis.toFixed(0)} ms`)
        })
        expect(Array.from(video.ticks).toSorted((a, b) => a - b)).toEqual(Array.from(video.decodeTicks))
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
        const handedOut = handOut(shot, deliver(shot, net))
        // A rhythm has to be known before it can be missed.
        if (handedOut.length === 0 || handedOut.slice(0, 10).some(({ sent }, at) => sent.number !== at)) return
        const gaps = new PictureGaps()
        const losses = handedOut.flatMap(({ sent, arrivalMillis }) =>
          gaps.push(
            { ssrc: 1, rtpTimestamp: sent.rtpTimestamp, receiveTimeMicros: arrivalMillis * 1000 },
            { key: sent.key, anotherSize: false },
          ),
        )
        losses.push(...gaps.end())
        const last = Math.max(...handedOut.map(({ sent }) => sent.number))
        expect(losses.reduce((sum, { pictures }) => sum + pictures, 0)).toBe(last + 1 - handedOut.length)
      }),
      { numRuns: 500 },
    )
  })
})
