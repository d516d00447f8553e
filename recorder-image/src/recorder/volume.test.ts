import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Loss } from '@trtc-recorder/api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { noLog } from './testing.ts'
import { Volume } from './volume.ts'

const recording = { namespace: 'school', name: 'maths', uid: '' }
let work: string
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'volume-'))
})
afterEach(() => rm(work, { recursive: true, force: true }))

const event = (time: string) => ({ time, userId: 'alice', stream: 'main' as const, event: 'enter' as const })

describe('the volume', () => {
  test('keeps attempts and events for the next one, in order', async () => {
    const first = await Volume.open(work, recording, noLog)
    await first.writeAttempt({
      attempt: 1,
      state: 'recording',
      enteredAt: '2026-01-01T00:00:00.000Z',
      pauses: [],
      clockSteps: [],
    })
    first.addEvent(1, event('2026-01-01T00:00:02.000Z'))
    await first.settled()
    const second = await Volume.open(work, recording, noLog)
    second.addEvent(2, event('2026-01-01T00:00:01.000Z'))
    await second.settled()
    expect(await second.attempts()).toMatchObject([{ attempt: 1, enteredAt: '2026-01-01T00:00:00.000Z' }])
    expect((await second.events()).map(({ time }) => time)).toEqual(['2026-01-01T00:00:01.000Z', '2026-01-01T00:00:02.000Z'])
  })

  test('keeps what is not recorded, of each attempt, as it was last told', async () => {
    const loss: Loss = {
      userId: 'alice',
      stream: 'main',
      medium: 'video',
      from: '2026-01-01T00:00:01.000Z',
      to: '2026-01-01T00:00:01.000Z',
      frames: 1,
      bytes: 10,
      reason: 'LostInNetwork',
      file: 'alice.mp4',
      detail: '',
    }
    for (const attempt of [1, 2]) {
      const volume = await Volume.open(work, recording, noLog)
      volume.addLosses(attempt, [{ id: 0, loss }])
      await volume.settled()
      volume.addLosses(attempt, [{ id: 0, loss: { ...loss, frames: 2 * attempt } }])
      await volume.settled()
    }
    expect((await (await Volume.open(work, recording, noLog)).losses()).map(({ frames }) => frames)).toEqual([2, 4])
  })

  test('keeps nothing of a note that it does not take', async () => {
    const volume = await Volume.open(work, recording, noLog)
    const attempts = join(work, 'school.maths', 'attempts')
    // Nothing can be put at the place of a folder.
    await mkdir(join(attempts, '1.json'))
    await expect(volume.writeAttempt({ attempt: 1, state: 'begun', pauses: [], clockSteps: [] })).rejects.toThrow('EISDIR')
    expect(await readdir(attempts)).toEqual(['1.json'])
  })

  test('a line that was cut short by a kill does not hide the others', async () => {
    const volume = await Volume.open(work, recording, noLog)
    volume.addEvent(1, event('2026-01-01T00:00:02.000Z'))
    await volume.settled()
    await writeFile(join(work, 'school.maths', 'attempts', '1.events.jsonl'), '{"time":"2026', { flag: 'a' })
    expect(await volume.events()).toHaveLength(1)
  })

  test('says which lines and notes the disk has changed, and reads all others', async () => {
    const volume = await Volume.open(work, recording, noLog)
    for (const second of [1, 2, 3]) {
      volume.addEvent(1, event(`2026-01-01T00:00:0${second}.000Z`))
      await volume.settled()
    }
    for (const attempt of [1, 2]) await volume.writeAttempt({ attempt, state: 'begun', pauses: [], clockSteps: [] })
    const change = async (name: string, from: string, to: string) => {
      const path = join(work, 'school.maths', 'attempts', name)
      await writeFile(path, (await readFile(path, 'utf8')).replace(from, to))
    }
    await change('1.events.jsonl', '00:00:02', '00:00:06')
    await change('2.json', '"attempt":2', '"attempt":6')
    const next = await Volume.open(work, recording, noLog)
    expect((await next.events()).map(({ time }) => time.slice(17, 19))).toEqual(['01', '03'])
    expect((await next.attempts()).map(({ attempt }) => attempt)).toEqual([1])
    const damaged: unknown[] = []
    next.onDamagedLines = (damage) => damaged.push(damage)
    expect(damaged).toMatchObject([
      { file: 'attempts/1.events.jsonl', lines: 1 },
      { file: 'attempts/2.json', lines: 'all' },
    ])
  })

  test('says which file cannot be read at all, and reads all others; what it does not take is told all the same', async () => {
    const volume = await Volume.open(work, recording, noLog)
    volume.addEvent(1, event('2026-01-01T00:00:01.000Z'))
    await volume.settled()
    const folder = join(work, 'school.maths', 'attempts')
    for (const name of ['2.events.jsonl', '2.ledger.jsonl']) await mkdir(join(folder, name))
    const next = await Volume.open(work, recording, noLog)
    const damaged: unknown[] = []
    next.onDamagedLines = (damage) => damaged.push(damage)
    next.addEvent(2, event('2026-01-01T00:00:02.000Z'))
    await next.settled()
    expect(next.notKept).toMatchObject([
      { file: 'attempts/2.events.jsonl', what: '1 line', error: { message: expect.stringContaining('EISDIR') } },
    ])
    expect((await next.events()).map(({ time }) => time.slice(17, 19))).toEqual(['01', '02'])
    expect(await next.losses()).toEqual([])
    expect(damaged).toMatchObject([
      { file: 'attempts/2.events.jsonl', lines: 'all' },
      { file: 'attempts/2.ledger.jsonl', lines: 'all' },
    ])
  })

  test('recordings that share a folder do not mix', async () => {
    const maths = await Volume.open(work, recording, noLog)
    await maths.writeAttempt({ attempt: 1, state: 'begun', pauses: [], clockSteps: [] })
    expect(await (await Volume.open(work, { ...recording, name: 'physics' }, noLog)).attempts()).toEqual([])
  })

  test('that cannot be written is unusable', async () => {
    const file = join(work, 'a-file')
    await writeFile(file, '')
    await chmod(file, 0o400)
    await expect(Volume.open(file, recording, noLog)).rejects.toMatchObject({
      outcome: 'VolumeUnusable',
      message: expect.stringContaining(file),
    })
  })
})
