import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkedLine, readCheckedLines, readCheckedValue } from './checked-lines.ts'

const value = fc.record({
  n: fc.integer(),
  text: fc.string({ unit: 'binary', maxLength: 30 }),
  of: fc.array(fc.record({ a: fc.string(), b: fc.boolean() }), { maxLength: 2 }),
})
const values = fc.array(value, { minLength: 1, maxLength: 8 })
/** As they are written: in batches that begin with a line feed, for one before may be torn. */
const written = (all: readonly object[]) => Buffer.from(all.map((one) => `\n${checkedLine(one)}\n`).join(''))
const plain = (all: readonly object[]) => JSON.parse(JSON.stringify(all))

describe('lines on the volume', () => {
  test('are read as they were written', () => {
    fc.assert(
      fc.property(values, (all) => {
        expect(readCheckedLines(written(all))).toEqual({ lines: plain(all), damaged: 0, damagedAfter: [] })
      }),
    )
  })

  test('one bit that the disk has changed takes one of them at most, which is said', () => {
    fc.assert(
      fc.property(values, fc.nat(), fc.nat(7), (all, byte, bit) => {
        const bytes = written(all)
        bytes[byte % bytes.length]! ^= 1 << bit
        const { lines, damaged } = readCheckedLines<object>(bytes)
        expect(lines.length + damaged).toBe(all.length)
        const expected = plain(all)
        // Where it is in the name of the checksum, that is a member more.
        for (const line of lines) {
          const at = expected.findIndex((one: object) => isDeepStrictEqual({ ...line, ...one }, line))
          expect(at).toBeGreaterThanOrEqual(0)
          expected.splice(0, at + 1)
        }
      }),
      { numRuns: 5000 },
    )
  })

  test('one that a kill has torn anywhere was never there, and hides none of those written later', () => {
    fc.assert(
      fc.property(values, values, fc.nat(), (before, after, cut) => {
        const last = written(before.slice(-1))
        const torn = last.subarray(0, 1 + (cut % (last.length - 2)))
        const bytes = Buffer.concat([written(before.slice(0, -1)), torn, written(after)])
        expect(readCheckedLines(bytes)).toEqual({
          lines: plain([...before.slice(0, -1), ...after]),
          damaged: 0,
          damagedAfter: [],
        })
      }),
    )
  })

  test('of a release before, which had no checksums, are read, and go on with such that have them', () => {
    const before = Buffer.from('\n{"n":1}\n\n{"n":2,"of":{"a":1}}\n{"n":')
    const bytes = Buffer.concat([before, written([{ n: 3 }])])
    expect(readCheckedLines(bytes)).toEqual({ lines: [{ n: 1 }, { n: 2, of: { a: 1 } }, { n: 3 }], damaged: 0, damagedAfter: [] })
    expect(readCheckedLines(Buffer.from('{"n":1}\n{"n":\x003}\n{"n":4}'))).toEqual({
      lines: [{ n: 1 }, { n: 4 }],
      damaged: 1,
      damagedAfter: [1],
    })
  })
})

test('the one value of a file is what was written, or is refused', () => {
  const bytes = Buffer.from(checkedLine({ stopReason: 'Idle', bytes: 1234 }))
  expect(readCheckedValue(bytes)).toEqual({ stopReason: 'Idle', bytes: 1234 })
  expect(readCheckedValue(Buffer.from('{"bytes":1234}'))).toEqual({ bytes: 1234 })
  expect(() => readCheckedValue(Buffer.from(bytes.toString().replace('1234', '1235')))).toThrow('it is not what was written')
  expect(() => readCheckedValue(bytes.subarray(0, -3))).toThrow('it is not what was written')
  expect(() => readCheckedValue(Buffer.alloc(0))).toThrow('it is not what was written')
})
