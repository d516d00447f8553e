import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { replay, UploadLog } from './upload-log.ts'

const initiated = '{"event":"initiated","uploadId":"u1","holdbackBytes":10,"partBytes":20}'
const initiating = '{"event":"initiating"}'
const part = (number: number) => `{"event":"part","number":${number},"start":10,"end":30,"etag":"\\"e${number}\\"","crc64":"7"}`
const played = (...lines: string[]) => replay(Buffer.from(lines.join('\n')))
const numbers = (...lines: string[]) => [...played(...lines).parts.keys()]

test('an empty log knows nothing', () =>
  expect(played('')).toEqual({ uploadId: undefined, plan: undefined, parts: new Map(), mayBeAbandoned: false, lostLines: 0 }))

test('an upload and its parts are known again, with the sizes it was begun with', () => {
  const state = played('', initiated, part(2))
  expect(state.uploadId).toBe('u1')
  expect(state.plan).toEqual({ holdbackBytes: 10, partBytes: 20 })
  expect(state.parts.get(2)).toMatchObject({ number: 2, start: 10, end: 30, etag: '"e2"', crc64: 7n })
})

test('a new upload voids what was before it, and so does starting over', () => {
  expect(numbers(initiated, part(2), initiated.replace('u1', 'u2'), part(3))).toEqual([3])
  const startedOver = '{"event":"startedOver","reason":"gone"}'
  expect(played(initiated, part(2), startedOver).uploadId).toBeUndefined()
})

test.each([
  ['an upload that is known', [initiating, initiated], false],
  ['a process that ended before it knew the id', [initiating], true],
  ['the same, and its successor', [initiating, initiating, initiated], true],
  ['one begun over', [initiating, initiated, '{"event":"startedOver","reason":"gone"}'], true],
])('an upload of which nobody knows the id may be left by %s: %j', (_, lines, expected) =>
  expect(played(...lines).mayBeAbandoned).toBe(expected),
)

test('torn, foreign and unknown lines are as if never written', () =>
  expect(numbers(initiated, part(2).slice(0, 30), 'not json', '{"event":"other"}', part(3))).toEqual([3]))

test('whichever bit the disk changes, all that was written is known still', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'upload-log-'))
  const path = join(folder, 'file.jsonl')
  const log = new UploadLog(path)
  await log.append({ event: 'initiating' })
  await log.append({ event: 'initiated', uploadId: 'u1', holdbackBytes: 10, partBytes: 20 })
  for (let n = 2; n < 9; n++)
    await log.append({ event: 'part', number: n, start: n * 10, end: n * 10 + 10, etag: `e${n}`, crc64: `${n}`, confirmed: true })
  const written = await readFile(path)
  const whole = replay(written)
  expect(whole).toMatchObject({ uploadId: 'u1', mayBeAbandoned: false })
  expect([...whole.parts.keys()]).toEqual([2, 3, 4, 5, 6, 7, 8])
  fc.assert(
    fc.property(fc.nat(written.length - 1), fc.nat(7), (byte, bit) => {
      const changed = Buffer.from(written)
      changed[byte]! ^= 1 << bit
      expect(replay(changed)).toEqual(whole)
    }),
    { numRuns: 2000 },
  )
  const lines = written.toString().split('\n').filter(Boolean)
  const damagedAt = (...at: number[]) =>
    replay(Buffer.from(lines.map((line, n) => (at.includes(n) ? line.replace('event', 'evENt') : line)).join('\n'))).lostLines
  // Both copies of one line, or of two; one copy of each of two that follow each other; those of the first and the last line.
  expect([
    damagedAt(4, 5),
    damagedAt(4, 5, 6, 7),
    damagedAt(5, 6),
    damagedAt(3, 4, 5),
    damagedAt(0, 1),
    damagedAt(16, 17),
  ]).toEqual([1, 2, 0, 1, 1, 1])
  await rm(folder, { recursive: true })
})
