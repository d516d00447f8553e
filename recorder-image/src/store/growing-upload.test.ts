import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { checkedLine } from '../disk/checked-lines.ts'
import { holesPath } from '../disk/holes.ts'
import { createStore } from './store.ts'

test('of a file of which it is not known any more what was given back to the volume, nothing is, and nobody is told otherwise', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'upload-'))
  const store = createStore({
    cos: { region: 'ap-guangzhou', bucket: 'lessons-1250000000', path: '/', endpoint: 'http://cos.example:1' },
    credentials: { current: async () => ({ secretId: 'id', secretKey: 'key' }), refused: () => undefined },
    log: pino({ enabled: false }),
  })
  const bodyPath = join(folder, 'a.body')
  const upload = store.open({ key: 'a', bodyPath, logPath: join(folder, 'a.log'), contentType: 'video/mp4' })
  const line = checkedLine({ start: 4096, end: 8192 }).replace('8192', '8193')
  await writeFile(holesPath(bodyPath), `\n${line}\n${line}`)
  expect(upload.releasable()).toBeUndefined()
  await rm(folder, { recursive: true })
})
