import { describe, expect, it } from 'vitest'
import { LatePictures, type NumberedPicture } from './late-pictures.ts'

interface Named extends NumberedPicture {
  name: string
}

/** A key frame each ten pictures, of which the others refer to the one before; they arrive one after the other, 10 ms apart. */
function take(names: number[], more: Partial<Record<number, Partial<Named>>> = {}) {
  const late = new LatePictures<Named>()
  const taken: string[] = []
  const lost: string[] = []
  names.forEach((n, at) => {
    const released = late.push({
      ...{ name: String(n), rtp: n * 6000, clock: 0, key: n % 10 === 0 },
      ...{ number: { type: 'counted', value: n % 10, modulus: 16, isReference: true }, receiveTimeMicros: at * 10_000 },
      ...more[n],
    })
    taken.push(...released.taken.map(({ name }) => name))
    lost.push(...released.lost.map(({ name }) => name))
  })
  const end = late.end()
  const numbers = (some: readonly string[], more: readonly Named[]) => [...some, ...more.map(({ name }) => name)].map(Number)
  return { taken: numbers(taken, end.taken), lost: numbers(lost, end.lost) }
}
const upTo = (n: number) => Array.from({ length: n + 1 }, (_, at) => at)

describe('pictures that a key frame has overtaken', () => {
  it('wait for the one before them, whichever is complete first', () =>
    expect(take([...upTo(6), 10, 9, 11, 8, 7, 12])).toEqual({ taken: [...upTo(6), 10, 11, 7, 8, 9, 12], lost: [] }))

  it('are lost with the one they refer to, after two seconds or at the end', () => {
    expect(take([...upTo(6), 10, 8, 9, 11])).toEqual({ taken: [...upTo(6), 10, 11], lost: [8, 9] })
    const after = { 12: { receiveTimeMicros: 2_200_000 } }
    expect(take([...upTo(6), 10, 8, 11, 12, 7], after)).toEqual({ taken: [...upTo(6), 10, 11, 12, 7], lost: [8] })
  })

  it('are not taken for those of a key frame before, where their own never came', () =>
    expect(take([...upTo(23), 30, 45, 50, 44, 51])).toEqual({ taken: [...upTo(23), 30, 45, 50, 51], lost: [44] }))

  it('wait for their own key frame where it comes later than they do, though their number would follow one before it', () => {
    // The key frame of 17 is 16 pictures in front of it, which is once round the numbers.
    const long = (n: number) => ({
      key: n % 17 === 0,
      number: { type: 'counted' as const, value: (n % 17) % 16, modulus: 16, isReference: true },
    })
    const about = Object.fromEntries(upTo(40).map((n) => [n, long(n)]))
    const arrived = [...upTo(14), 34, 15, 16, 18, 20, 19, 17, 35]
    expect(take(arrived, about)).toEqual({ taken: [...upTo(14), 34, 15, 16, 17, 18, 19, 20, 35], lost: [] })
  })

  it('nobody refers to come before what is referred to under the same number', () => {
    const b = (value: number) => ({ number: { type: 'counted' as const, value, modulus: 16, isReference: false } })
    const p = (value: number) => ({ number: { type: 'counted' as const, value, modulus: 16, isReference: true } })
    // Sent as 20 23 21 22 26 24 25, then the next key frame.
    const numbers = { 23: p(1), 21: b(2), 22: b(2), 26: p(2), 24: b(3), 25: b(3) }
    const arrived = [...upTo(20), 23, 30, 24, 22, 21, 26, 25]
    expect(take(arrived, numbers).taken).toEqual([...upTo(20), 23, 30, 22, 21, 26, 24, 25])
  })

  it('are waited for where nobody refers to them, and what comes after them is taken without them when they are over', () => {
    const b = (value: number) => ({ number: { type: 'counted' as const, value, modulus: 16, isReference: false } })
    const p = (value: number) => ({ number: { type: 'counted' as const, value, modulus: 16, isReference: true } })
    const numbers = { 63: p(1), 61: b(2), 62: b(2), 66: p(2), 64: b(3), 65: b(3), 69: p(3), 67: b(4), 68: b(4) }
    // Sent as 63 61 62 66 64 65 69 67 68, then the next key frame.
    const arrived = [...upTo(60), 63, 61, 70, 66, 69, 64, 68]
    expect(take([...arrived, 62, 65, 67], numbers)).toEqual({
      taken: [...upTo(60), 63, 61, 70, 62, 66, 64, 65, 69, 68, 67],
      lost: [],
    })
    expect(take(arrived, numbers)).toEqual({ taken: [...upTo(60), 63, 61, 70, 66, 64, 69, 68], lost: [] })
  })

  describe('of H.265', () => {
    /** As it counts from its key frame on, and which it refers to, by how many are shown between. */
    const refers = (n: number, key: number, uses: number[], mayBeLed = false) => ({
      ...{ type: 'refers' as const, value: (n - key + 256) % 256, modulus: 256, isReference: true },
      ...{ uses, keeps: uses, goesOn: false, mayBeLed },
    })
    const keyOf = (n: number) => n - (n % 10)
    const behind = (n: number): Partial<Named> => ({ number: refers(n, keyOf(n), n % 10 === 0 ? [] : [-1], n % 10 === 0) })
    /** Shown before the next key frame, and decoded after it. */
    const leading = (n: number, uses: number[]): Partial<Named> => ({ leads: 'fromKey', number: refers(n, keyOf(n) + 10, uses) })
    const all = { ...Object.fromEntries(upTo(30).map((n) => [n, behind(n)])), 8: leading(8, [2]), 9: leading(9, [1, -1]) }

    it('that lead their key frame are decoded before those behind it, the first time there are some, too', () =>
      expect(take([...upTo(7), 10, 20, 11, 9, 12, 8, 13], all)).toEqual({
        taken: [...upTo(7), 10, 20, 8, 9, 11, 12, 13],
        lost: [],
      }))

    it('are not waited for where there never are any', () => {
      const none = Object.fromEntries(upTo(30).map((n) => [n, behind(n)]))
      // What is in front of the second key frame never comes.
      const numbers = [...upTo(11), 20, 21, 30, 23, 22, 31]
      expect(take(numbers, none)).toEqual({ taken: [...upTo(11), 20, 21, 30, 22, 23, 31], lost: [] })
    })

    it('begin anew with a key frame that goes on from nothing, and go on with one that does', () => {
      const late = new LatePictures<NumberedPicture>()
      const began = [0, 10, 20, 30].map((n) => {
        const time = { rtp: n * 6000, clock: n < 30 ? 0 : 1, receiveTimeMicros: n * 66_000 }
        const number = { ...refers(n, 0, [], true), goesOn: true }
        const { beginsAnew } = late.push({ ...time, key: true, number })
        for (let at = n + 1; at < n + 10; at++) late.push({ ...time, rtp: at * 6000, key: false, number: refers(at, 0, [-1]) })
        return beginsAnew
      })
      expect(began).toEqual([true, false, false, true])
    })
  })

  it('are taken as they come where the codec gives no numbers', () => {
    const none = { number: undefined }
    expect(take([0, 1, 10, 3, 2], { 0: none, 1: none, 2: none, 3: none, 10: none }).taken).toEqual([0, 1, 10, 3, 2])
  })
})

it('pictures that nothing has overtaken are taken as they come', () =>
  expect(take([...upTo(25), 27, 28])).toEqual({ taken: [...upTo(25), 27, 28], lost: [] }))
