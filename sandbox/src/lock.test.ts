import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { afterAll, expect, it } from 'vitest'
import { lockFile, withLock } from './lock.ts'

const name = `test-${process.pid}`
afterAll(() => rmSync(lockFile(name), { force: true }))

it('lets one after the other work, also after one that failed', async () => {
  const story: string[] = []
  const work = (who: string, fail = false) =>
    withLock(name, async () => {
      story.push(`${who} begins`)
      await new Promise(setImmediate)
      story.push(`${who} ends`)
      if (fail) throw new Error('failed')
    })
  const outcomes = await Promise.allSettled([work('a', true), work('b'), work('c')])
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1)
  expect(story).toHaveLength(6)
  for (let i = 0; i < 6; i += 2) expect(story[i + 1]).toBe(story[i]?.replace('begins', 'ends'))
})

it('is free again when the process that held it was killed', async () => {
  const script = `import { spawn } from 'node:child_process'
    const holder = spawn('flock', ['${lockFile(name)}', 'sh', '-c', 'echo; cat'], { stdio: ['pipe', 'inherit', 'inherit'] })`
  const other = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(other.stdout, 'data')
  other.kill('SIGKILL')
  expect(await withLock(name, async () => 'mine')).toBe('mine')
})
