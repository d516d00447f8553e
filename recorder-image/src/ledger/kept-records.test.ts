import { expect, test } from 'vitest'
import { aJob, noLog } from '../recorder/testing.ts'
import { tellDamagedLines } from './kept-records.ts'
import { Ledger } from './ledger.ts'

test('lines that the disk has changed are in the ledger once, however many attempts find them', () => {
  const damage = { file: 'attempts/1.ledger.jsonl', lines: 2, fromMicros: 1e15, toMicros: 2e15 }
  const first = new Ledger()
  tellDamagedLines(aJob(), first, noLog)(damage)
  const second = new Ledger(() => {}, first.losses)
  tellDamagedLines(aJob(), second, noLog)(damage)
  expect(second.losses).toMatchObject([
    { userId: null, file: null, reason: 'DiskDamaged', detail: expect.stringContaining('2 lines of attempts/1.ledger.jsonl') },
  ])
  // More of them are another finding.
  tellDamagedLines(aJob(), second, noLog)({ ...damage, lines: 3 })
  expect(second.losses.map(({ detail }) => detail.slice(0, 7))).toEqual(['2 lines', '3 lines'])
})
