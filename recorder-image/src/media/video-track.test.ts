import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { EncodedFrame } from '../tap/frame.ts'
import { VideoTrack } from './video-track.ts'

const key = Buffer.from('1002009d012a100010000047', 'hex')
const delta = Buffer.from('310100', 'hex')

/** 15 pictures a second in VP8, a key frame each ten. */
const picture = (n: number, more: Partial<EncodedFrame> = {}): EncodedFrame => ({
  ...{ slot: 1, kind: 'video', ssrc: 7, key: n % 10 === 0, rtpTimestamp: n * 6000, sequenceNumber: null },
  ...{ receiveTimeMicros: Math.round((n * 1e6) / 15), mimeType: 'video/VP8', data: n % 10 === 0 ? key : delta },
  ...more,
})

/** The track of the file after it, and what that tells: of what came, and how many never did. */
function nextAfter(track: VideoTrack) {
  const told: string[] = []
  const missing: number[] = []
  const next = new VideoTrack(
    (frame, reason) => told.push(`${frame.rtpTimestamp / 6000} ${reason}`),
    ({ pictures, picturesAre }) => {
      told.push(`${picturesAre ?? ''}${pictures} missing`)
      missing.push(pictures)
    },
    track.handOver(),
  )
  return { next, told, missing }
}

function trackWith() {
  const lost: string[] = []
  const missing: number[] = []
  const track = new VideoTrack(
    ({ rtpTimestamp }, reason, detail) => lost.push(`${rtpTimestamp / 6000} ${reason}: ${detail}`),
    ({ pictures }) => missing.push(pictures),
  )
  const taken: number[] = []
  /** Whether each was of use. */
  const take = () => taken.push(...(track.take()?.samples ?? []).map(({ rtpTimestamp }) => rtpTimestamp / 6000))
  const push = (...frames: EncodedFrame[]) => {
    const useful = frames.map((frame) => track.push(frame))
    take()
    return useful
  }
  const end = () => {
    track.end()
    take()
    return { taken, lost, missing }
  }
  return { track, push, end }
}

describe('pictures in VP8 after one that never came', () => {
  test('are left out up to the next key frame, which is asked for, and the ledger has all of them', () => {
    const { track, push, end } = trackWith()
    push(...[0, 1, 2, 3, 4, 5, 6].map((n) => picture(n)))
    expect(push(picture(8, { mayFollowHole: true }))).toEqual([true])
    track.hole({ ssrc: 7, rtpTimestamp: 8 * 6000, lost: 2 })
    expect(push(picture(9), picture(10), picture(11))).toEqual([false, true, true])
    const lost = ['8', '9'].map((n) => `${n} LostInNetwork: the picture it refers to`)
    expect(end()).toEqual({ taken: [0, 1, 2, 3, 4, 5, 6, 10, 11], lost, missing: [1] })
  })

  test('are recorded where the sender left it out', () => {
    const { track, push, end } = trackWith()
    push(...[0, 1, 2, 3, 4, 5, 6].map((n) => picture(n)))
    push(picture(8, { mayFollowHole: true }))
    track.hole({ ssrc: 7, rtpTimestamp: 8 * 6000, lost: 0 })
    push(picture(9), picture(10))
    expect(end()).toEqual({ taken: [0, 1, 2, 3, 4, 5, 6, 8, 9, 10], lost: [], missing: [] })
  })

  test('that wait when the recorder has to leave something out are in the ledger', () => {
    const { track, push, end } = trackWith()
    push(...[0, 1, 2, 3, 4, 5, 6].map((n) => picture(n)))
    push(picture(8, { mayFollowHole: true }))
    track.interrupt(picture(9))
    expect(end().lost).toEqual(['8 LostInNetwork: the picture it refers to'])
  })
})

test('pictures are decoded by the size of their own key frame, whichever of two that change it comes first, and also back to what it was', () => {
  const keyOf = (n: number, width: number) => {
    const data = Uint8Array.of(0x10, 2, 0, 0x9d, 1, 0x2a, width, 0, 16, 0, 0, 0)
    return picture(n, { key: true, data, receiveTimeMicros: 1e6 })
  }
  const sizes = fc.array(fc.constantFrom(16, 32, 48), { minLength: 2, maxLength: 5 })
  fc.assert(
    fc.property(sizes, fc.infiniteStream(fc.nat()), (widths, random) => {
      const { track } = trackWith()
      const later = widths.slice(1).map((width, at) => keyOf((at + 1) * 10, width))
      // The first of a subscription is its first; the others overtake each other, and what follows them is late.
      const order = later.map((key) => ({ key, at: random.next().value })).sort((one, other) => one.at - other.at)
      track.push(keyOf(0, widths[0]!))
      for (const { key } of order) track.push(key)
      for (const at of widths.keys()) track.push(picture(at * 10 + 1, { receiveTimeMicros: 1.1e6 }))
      track.end()
      const { configs, samples } = track.take()!
      const widthAt = new Map(
        samples.map(({ rtpTimestamp, config }) => [rtpTimestamp / 6000, configs.find(({ number }) => number === config)!.width]),
      )
      widths.forEach((width, at) => {
        expect(widthAt.get(at * 10 + 1) ?? width).toBe(width)
      })
      expect(samples).toHaveLength(2 * widths.length)
    }),
  )
})

test('a key frame with which the sender’s clock jumps has nothing missing before it, also where it was asked first whether it is overtaken', () => {
  const { track, push, end } = trackWith()
  const at = (n: number) => picture(n, { rtpTimestamp: n * 6000 + (n < 20 ? 0 : 2 ** 31) })
  for (let n = 0; n < 40; n++) {
    if (n % 10 === 0) expect(track.isOvertaken(at(n))).toBe(false)
    push(at(n))
  }
  expect(end()).toMatchObject({ lost: [], missing: [] })
})

test('a subscription that another one takes the place of loses nothing any more after that', () => {
  const { track, push, end } = trackWith()
  push(...[0, 1, 2, 3, 4, 5, 6].map((n) => picture(n)))
  const { rtpTimestamp, receiveTimeMicros } = picture(6)
  track.hole({ ssrc: 7, rtpTimestamp, lost: 3, openMicros: receiveTimeMicros + 500_000 })
  for (let n = 20; n < 2000; n++) push(picture(n, { ssrc: 8 }))
  const { next, missing } = nextAfter(track)
  for (let n = 2000; n < 2010; n++) next.push(picture(n, { ssrc: 8 }))
  next.end(picture(2010).receiveTimeMicros)
  expect(missing).toEqual([14])
  expect(end().missing).toEqual([])
})

test('what comes late from in front of the key frame with which a file begins is told for that alone', () => {
  const { track, push } = trackWith()
  push(...[0, 1, 2, 3, 4, 5, 6].map((n) => picture(n)))
  const { next, told } = nextAfter(track)
  next.push(picture(10, { mayFollowHole: true }))
  next.hole({ ssrc: 7, rtpTimestamp: 10 * 6000, lost: 1 })
  for (const n of [7, 8, 11, 12]) next.push(picture(n, { receiveTimeMicros: picture(Math.max(n, 10)).receiveTimeMicros }))
  next.end()
  expect(told).toEqual(['7 NoKeyFrame', '8 NoKeyFrame', '1 missing'])
})

test('what cannot be read is not missing as well, also as the first of a file', () => {
  const { track, push } = trackWith()
  push(...[0, 1, 2, 3, 4, 5, 6].map((n) => picture(n)))
  const { next, told } = nextAfter(track)
  for (const n of [7, 8, 9]) next.push(picture(n, { data: Uint8Array.of(0) }))
  next.push(picture(10, { mayFollowHole: true }))
  next.end()
  expect(told).toEqual(['7 Unreadable', '8 Unreadable', '9 Unreadable'])
})

describe('a subscription that goes on for longer than 32 bits of RTP time last', () => {
  const hours = (count: number) => count * 3600
  const second = (s: number, more: Partial<EncodedFrame> = {}) =>
    picture(1, { rtpTimestamp: (s * 90_000) >>> 0, receiveTimeMicros: s * 1_000_000, ...more })
  const keyOf = (width: number) => Uint8Array.of(0x10, 2, 0, 0x9d, 1, 0x2a, width, 0, 16, 0, 0, 0)

  test('loses nothing where its clock comes round', () => {
    const { track, push, end } = trackWith()
    push(second(0, { key: true, data: key }))
    for (let s = 1; s < hours(14); s++) track.push(second(s))
    expect(end().lost).toEqual([])
  })

  test('is decoded by its last size to the end, without a key frame in all that time', () => {
    const { track } = trackWith()
    track.push(second(0, { key: true, data: keyOf(16) }))
    track.push(second(10, { key: true, data: keyOf(32) }))
    for (let s = 11; s < hours(14); s++) track.push(second(s))
    expect(
      new Set(
        track
          .take()!
          .samples.slice(1)
          .map(({ config }) => config),
      ),
    ).toEqual(new Set([1]))
  })
})

test('where the codec changes and its first key frame is lost, another is asked for', () => {
  const { push, end } = trackWith()
  push(...[0, 1, 2].map((n) => picture(n)))
  expect(push(picture(3, { mimeType: 'video/H264' }))).toEqual([false])
  expect(end()).toMatchObject({ taken: [0, 1, 2], lost: ['3 NoKeyFrame: video/H264, in a file of vp8'] })
})

const startCode = Buffer.from([0, 0, 0, 1])
const units = (...hex: string[]) => Buffer.concat(hex.flatMap((unit) => [startCode, Buffer.from(unit, 'hex')]))
/** 16x16 of x264, whose pictures have numbers of four bits. */
const h264 = (n: number, more: Partial<EncodedFrame> = {}) => {
  const isKey = n % 10 === 0
  const slice = Buffer.from([isKey ? 0x65 : 0x41, 0xe1 | ((n % 10) << 1), 0x80, 0x80]).toString('hex')
  const sets = isKey ? ['6742c00ada7b011000000300100000030320f1226a', '68ce3c80'] : []
  return picture(n, { mimeType: 'video/H264', data: units(...sets, slice), ...more })
}
/** 16x16 of libaom, with pictures that are larger than what is kept of the first that comes. */
const av1 = (n: number, more: Partial<EncodedFrame> = {}) => {
  const isKey = n % 10 === 0
  const key = Buffer.from('0a0a000000019ff9b5f2008032101000900008208220000039517fb89148', 'hex')
  const delta = Buffer.concat([Buffer.from('32ac0230', 'hex'), Buffer.alloc(299, 1)])
  return picture(n, { mimeType: 'video/AV1', data: isKey ? key : delta, ...more })
}
const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, at) => first + at)

describe('a subscription whose first key frame Chromium gave up', () => {
  test('has it in the ledger, by the number of the first picture that came', () => {
    const { push, end } = trackWith()
    push(...range(3, 14).map((n) => h264(n)))
    const { taken, lost, missing } = end()
    expect(taken).toEqual([10, 11, 12, 13, 14])
    expect(lost).toEqual(range(3, 9).map((n) => `${n} NoKeyFrame: `))
    expect(missing).toEqual([3])
  })

  test.each([
    ['AV1, whose front alone cannot be read', av1(3), av1(11), av1(10)],
    ['H.264 that is none', h264(3, { data: units('41') }), h264(11), h264(10)],
  ])('goes on from the next one, whatever came first: %s', (_, first, follower, key) => {
    const { push, end } = trackWith()
    push(first, follower, key)
    expect(end()).toEqual({ taken: [10, 11], lost: ['3 NoKeyFrame: '], missing: [] })
  })

  test('has it there by the one that was sent first, whichever comes first, and when: what comes is there for what it is', () => {
    fc.assert(
      fc.property(
        fc.array(fc.option(fc.double({ min: 0, max: 1.9, noNaN: true }), { freq: 4 }), { minLength: 9, maxLength: 9 }),
        (lateSeconds) => {
          const came = [...lateSeconds, ...Array<number>(30).fill(0)].flatMap((late, at) =>
            late === null ? [] : [{ n: at + 1, seconds: (at + 1) / 15 + late }],
          )
          came.sort((one, other) => one.seconds - other.seconds)
          const { push, end } = trackWith()
          for (const { n, seconds } of came) push(h264(n, { receiveTimeMicros: seconds * 1e6 }))
          const { taken, lost, missing } = end()
          expect(taken).toEqual(range(10, 39))
          const inFront = came.map(({ n }) => n).filter((n) => n < 10)
          expect(lost.map((one) => Number.parseInt(one, 10)).sort()).toEqual(inFront.toSorted())
          expect(missing).toEqual(inFront.length === 0 ? [] : [Math.min(...inFront)])
        },
      ),
      { numRuns: 1000 },
    )
  })

  test('has nothing more there where it begins with it', () => {
    const { push, end } = trackWith()
    push(...range(0, 14).map((n) => h264(n)))
    expect(end()).toEqual({ taken: range(0, 14), lost: [], missing: [] })
  })
})

describe('a subscription whose first key frame comes behind pictures that refer to it', () => {
  const at = (seconds: number) => ({ receiveTimeMicros: seconds * 1e6 })

  test.each([
    ['H.264', h264],
    ['VP8', picture],
  ])('has them in their order, in %s', (_, of) => {
    const { push, end } = trackWith()
    push(...[2, 1, 3, 0, 4, 5].map((n) => of(n)))
    expect(end()).toEqual({ taken: range(0, 5), lost: [], missing: [] })
  })

  test('has those that come later still where they belong', () => {
    const { push, end } = trackWith()
    expect(push(...[2, 3, 0, 1, 4].map((n) => h264(n)))).toEqual([false, false, false, true, true])
    expect(end()).toEqual({ taken: range(0, 4), lost: [], missing: [] })
  })

  test('has none of those that refer to one that never came', () => {
    const { push, end } = trackWith()
    push(...[2, 3, 0, 4, 10, 11].map((n) => h264(n)))
    const { taken, lost } = end()
    expect(taken).toEqual([0, 10, 11])
    expect(lost).toEqual([2, 3, 4].map((n) => `${n} LostInNetwork: the picture it refers to`))
  })

  test('asks for another one as long as those that follow refer to one that never came', () => {
    const { push, end } = trackWith()
    push(...[2, 3, 0].map((n) => h264(n, at(0.1))))
    push(h264(4, at(2.2)))
    expect(push(h264(5, at(2.3)), h264(6, at(2.4)), h264(10, at(2.5)), h264(11, at(2.6)))).toEqual([false, false, true, true])
    expect(end().taken).toEqual([0, 10, 11])
  })

  test('waits two seconds for it, and then for the next one: nothing goes on from pictures that were given up', () => {
    const { push, end } = trackWith()
    expect(push(h264(1, at(0.1)), h264(2, at(0.2)), h264(3, at(2.15)), h264(0, at(2.16)), h264(4, at(2.2)))).toEqual(
      Array.from({ length: 5 }, () => false),
    )
    push(h264(10, at(2.3)), h264(11, at(2.4)))
    const { taken, lost, missing } = end()
    expect(taken).toEqual([0, 10, 11])
    expect(lost).toEqual([1, 2, 3, 4].map((n) => `${n} NoKeyFrame: `))
    expect(missing).toEqual([])
  })

  test.each([1, 6, 20])('has them where the encoder rests for %i pictures after it', (rest) => {
    const { push, end } = trackWith()
    const at = (n: number) => h264(n, { rtpTimestamp: (n === 0 ? 0 : n + rest) * 6000 })
    push(...[2, 1, 3, 0, 4].map(at))
    expect(end()).toEqual({ taken: [0, ...range(1 + rest, 4 + rest)], lost: [], missing: [] })
  })

  test('holds eight megabytes of them at most', () => {
    const { track, push, end } = trackWith()
    const large = (n: number) => {
      const { data } = h264(n)
      return h264(n, { data: Buffer.concat([data, Buffer.alloc(1024 * 1024, 1)]) })
    }
    for (const n of range(1, 8)) push(large(n))
    expect(track.held).toBe(0)
    push(h264(0), h264(9), h264(10))
    expect(end().taken).toEqual([0, 10])
  })

  test('the next file of it goes on from none that the one before gave up', () => {
    const { track, push } = trackWith()
    push(h264(1), h264(2))
    const next = new VideoTrack(
      () => {},
      () => {},
      track.handOver(),
    )
    for (const n of [0, 3, 10, 11]) next.push(h264(n))
    expect(next.take()!.samples.map(({ rtpTimestamp }) => rtpTimestamp / 6000)).toEqual([0, 10, 11])
  })

  test('whatever comes when of those before the first that comes: all that is in the file decodes, and the ledger has the rest', () => {
    const delay = fc.option(fc.double({ min: 0, max: 3, noNaN: true }), { nil: undefined, freq: 6 })
    const rests = fc.constantFrom(0, 0, 1, 5, 12)
    const firstRtps = fc.constantFrom(0, 2 ** 32 - 1, 2 ** 32 - 2 * 6000, 2 ** 31 - 6000)
    fc.assert(
      fc.property(
        fc.array(delay, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 7, max: 40 }),
        rests,
        firstRtps,
        (before, length, rest, firstRtp) => {
          // Of what comes before the first one Chromium does not know that it is missing; what follows that it keeps in order.
          const first = before.length
          const shown = (n: number) => (n === 0 ? 0 : n + rest)
          const came = range(0, length).flatMap((n) => {
            const late = n < first ? before[n] : 0
            return late === undefined ? [] : [{ n, seconds: shown(Math.max(n, first)) / 15 + late }]
          })
          came.sort((one, other) => one.seconds - other.seconds || other.n - one.n)
          const { push, end } = trackWith()
          const rtpOf = (n: number) => (firstRtp + shown(n) * 6000) >>> 0
          for (const { n, seconds } of came) push(h264(n, { rtpTimestamp: rtpOf(n), ...at(seconds) }))
          const result = end()
          const numbers = new Map(came.map(({ n }) => [rtpOf(n) / 6000, n]))
          const taken = result.taken.map((rtp) => numbers.get(rtp)!)
          const lost = result.lost.map((one) => numbers.get(Number.parseFloat(one))!)
          expect([...taken, ...lost].sort((a, b) => a - b)).toEqual(came.map(({ n }) => n).sort((a, b) => a - b))
          for (const [key, group] of Map.groupBy(taken, (n) => n - (n % 10))) {
            expect(group).toEqual(range(key, key + group.length - 1))
          }
          const isWhole = before.every((late) => late !== undefined && late < (9.5 - first) / 15)
          if (isWhole) expect(lost).toEqual([])
        },
      ),
      { numRuns: 2000 },
    )
  })
})

test('what a sender sends twice is in the file once, behind what it refers to, and nothing of it is lost', () => {
  const again = fc.option(fc.nat(4), { nil: undefined, freq: 3 })
  fc.assert(
    fc.property(fc.array(again, { minLength: 30, maxLength: 30 }), fc.constantFrom(h264, picture, av1), (repeats, of) => {
      const sent = repeats.flatMap((later, n) => [{ n, at: n }, ...(later === undefined ? [] : [{ n, at: n + later + 0.5 }])])
      const { track, push, end } = trackWith()
      for (const { n, at } of sent.sort((one, other) => one.at - other.at))
        push(of(n, { receiveTimeMicros: Math.round((at * 1e6) / 15) }))
      expect(end()).toEqual({ taken: range(0, 29), lost: [], missing: [] })
      expect(track.withoutPicture).toBe(sent.length - 30)
    }),
  )
})

describe('a picture that the file does not take, before the first key frame of its subscription', () => {
  test('counts for what it was: what was in front of it, and no more, is missing', () => {
    const { track, push, end } = trackWith()
    track.interrupt(h264(3))
    push(...range(4, 11).map((n) => h264(n)))
    expect(end()).toEqual({ taken: [10, 11], lost: range(4, 9).map((n) => `${n} NoKeyFrame: `), missing: [3] })
  })

  test('may be that key frame: nothing else is missing', () => {
    const { track, push, end } = trackWith()
    track.interrupt(h264(0))
    push(...range(1, 11).map((n) => h264(n)))
    expect(end()).toEqual({ taken: [10, 11], lost: range(1, 9).map((n) => `${n} NoKeyFrame: `), missing: [] })
  })

  test('is not what those behind that go on from', () => {
    const { track, push, end } = trackWith()
    track.interrupt(h264(1))
    expect(push(h264(2), h264(0), h264(3), h264(10))).toEqual([false, false, false, true])
    expect(end()).toEqual({ taken: [0, 10], lost: ['2 NoKeyFrame: ', '3 NoKeyFrame: '], missing: [] })
  })

  test('is told once, where it would have been the next of the file before', () => {
    const { track, push } = trackWith()
    push(...range(0, 6).map((n) => h264(n)))
    const { next, missing } = nextAfter(track)
    for (const n of range(7, 9)) next.interrupt(h264(n))
    next.push(h264(10, { mayFollowHole: true }))
    next.end()
    expect(missing).toEqual([])
  })

  test('and was not the first of the file before either: what that has is not missing in the next one', () => {
    const { track, push } = trackWith()
    push(h264(0), h264(1), h264(2))
    track.interrupt(h264(3))
    const { next, missing } = nextAfter(track)
    for (const n of range(4, 11)) next.push(h264(n))
    next.end()
    expect(missing).toEqual([])
  })
})
