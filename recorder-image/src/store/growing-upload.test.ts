import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { checkedLine } from '../disk/checked-lines.ts'
import { holesPath } from '../disk/holes.ts'
import { defaultPlan } from './part-plan.ts'
import { createStore } from './store.ts'

function storeOfNobody() {
  return createStore({
    cos: { region: 'ap-guangzhou', bucket: 'lessons-1250000000', path: '/', endpoint: 'http://cos.example:1' },
    credentials: { current: async () => ({ secretId: 'id', secretKey: 'key' }), refused: () => undefined },
    log: pino({ enabled: false }),
  })
}

test('the end of a body is not given back, though COS has it: a list of holes that is damaged is made anew by what stands behind them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'upload-'))
  const { holdbackBytes, partBytes } = defaultPlan
  const ends = [holdbackBytes + partBytes, holdbackBytes + 2 * partBytes, holdbackBytes + 2 * partBytes + 1000]
  const parts = ends.map((end, at) => ({
    ...{ event: 'part', number: at + 2, start: ends[at - 1] ?? holdbackBytes, end, etag: '"e"', crc64: '1', confirmed: true },
  }))
  const lines = [{ event: 'initiated', uploadId: 'u', ...defaultPlan }, ...parts]
  const logPath = join(folder, 'a.log')
  await writeFile(logPath, lines.map((line) => `${checkedLine(line)}\n`).join(''))
  const upload = storeOfNobody().open({ key: 'a', bodyPath: join(folder, 'a.body'), logPath, contentType: 'video/mp4' })
  upload.grew(ends[2]!)
  expect(upload.releasable()).toEqual({ start: holdbackBytes, end: ends[1] })
  await rm(folder, { recursive: true })
})

test('of a file of which it is not known any more what was given back to the volume, nothing is, and nobody is told otherwise', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'upload-'))
  const bodyPath = join(folder, 'a.body')
  const upload = storeOfNobody().open({ key: 'a', bodyPath, logPath: join(folder, 'a.log'), contentType: 'video/mp4' })
  const line = checkedLine({ start: 4096, end: 8192 }).replace('8192', '8193')
  await writeFile(holesPath(bodyPath), `\n${line}\n${line}`)
  expect(upload.releasable()).toBeUndefined()
  await rm(folder, { recursive: true })
})
