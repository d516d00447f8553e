import pino from 'pino'
import { beforeEach, describe, expect, test } from 'vitest'
import { type CredentialSource, renewalDue, temporaryCredentials } from './temporary-credentials.ts'

const minute = 60_000
let now: number
/** By how much the wall clock has been set. */
let setMillis: number
/** A service whose keys hold for so long; each is called after the number of the question. */
let source: CredentialSource & { asked: number; holdsMillis: number; answers: boolean }
const provider = () => temporaryCredentials(source, pino({ level: 'silent' }), { monotonicMillis: () => now, wallMillis: wall })
const wall = () => now + setMillis
const idle = () => new Promise((resolve) => setImmediate(resolve))

beforeEach(() => {
  now = 1_000_000_000_000
  setMillis = 0
  source = {
    name: 'a service',
    asked: 0,
    holdsMillis: 120 * minute,
    answers: true,
    async fetch() {
      this.asked += 1
      if (!this.answers) throw new Error('a service did not answer')
      const secretId = String(this.asked)
      return { secretId, secretKey: 'k', token: 't', expiresAt: new Date(wall() + this.holdsMillis) }
    },
  }
})

test.each([
  ['two hours', 120, 115],
  ['ten minutes', 10, 5],
  ['four minutes', 4, 2],
])('keys of %s are renewed in time', (_, minutes, due) => expect(renewalDue(0, minutes * minute)).toBe(due * minute))

describe('keys of a role', () => {
  test('are asked for once, however many requests want them', async () => {
    const keys = provider()
    const all = await Promise.all([keys.current(), keys.current(), keys.current()])
    expect(all.map(({ secretId }) => secretId)).toEqual(['1', '1', '1'])
  })

  test('are renewed in the background while they still hold', async () => {
    const keys = provider()
    await keys.current()
    now += 116 * minute
    expect((await keys.current()).secretId).toBe('1')
    await idle()
    expect((await keys.current()).secretId).toBe('2')
    expect(source.asked).toBe(2)
  })

  test('are waited for when they have run out', async () => {
    const keys = provider()
    await keys.current()
    now += 121 * minute
    expect((await keys.current()).secretId).toBe('2')
  })

  test('are used to their end while the service is away, and it is not asked at every request', async () => {
    const keys = provider()
    await keys.current()
    source.answers = false
    now += 116 * minute
    for (let i = 0; i < 100; i++) {
      expect((await keys.current()).secretId).toBe('1')
      await idle()
      now += 1000
    }
    expect(source.asked).toBe(1 + 10)
    now += 5 * minute
    await expect(keys.current()).rejects.toThrow('a service did not answer')
    source.answers = true
    expect((await keys.current()).secretId).toBe(String(source.asked))
  })

  test('are asked for with growing pauses where the service does not answer, however many requests wait for them', async () => {
    const keys = provider()
    source.answers = false
    const asked: number[] = []
    for (let second = 0; second < 60; second++, now += 1000) {
      const before = source.asked
      for (let n = 0; n < 20; n++) await expect(keys.current()).rejects.toThrow('a service did not answer')
      if (source.asked > before) asked.push(second)
    }
    expect(asked).toEqual([0, 1, 3, 7, 15, 25, 35, 45, 55])
    expect(source.asked).toBe(1 + asked.length)
    source.answers = true
    now += 10_000
    expect((await keys.current()).secretId).toBe(String(source.asked))
  })

  test.each([
    ['back by a day', -1440],
    ['ahead by a day', 1440],
  ])('hold as long as they do where the wall clock is set %s', async (_, minutes) => {
    const keys = provider()
    const first = await keys.current()
    setMillis = minutes * minute
    now += 20_000
    expect((await keys.current()).secretId).toBe('1')
    now += 116 * minute
    await keys.current()
    await idle()
    expect((await keys.current()).secretId).toBe('2')
    keys.refused({ ...first, secretId: '2' })
    now += 121 * minute
    expect((await keys.current()).secretId).toBe('3')
  })

  test('that COS does not take are replaced where the wall clock was set back', async () => {
    const keys = provider()
    const first = await keys.current()
    setMillis = -60 * minute
    now += 11_000
    keys.refused(first)
    expect((await keys.current()).secretId).toBe('2')
  })

  test('that COS does not take are replaced, but not at once after they came', async () => {
    const keys = provider()
    const first = await keys.current()
    keys.refused(first)
    expect((await keys.current()).secretId).toBe('1')
    now += 11_000
    keys.refused(first)
    expect((await keys.current()).secretId).toBe('2')
    keys.refused(first)
    now += 11_000
    expect((await keys.current()).secretId).toBe('2')
  })
})
