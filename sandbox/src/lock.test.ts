import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it, vi } from 'vitest'

const directory = mkdtempSync(join(tmpdir(), 'lock-test-'))
vi.mock('./cluster/paths.ts', () => ({ stateDirectory: directory }))
const { withLock } = await import('./lock.ts')
afterAll(() => rmSync(directory, { recursive: true }))

it('lets one after the other work, also after one that failed', async () => {
  const story: string[] = []
  const work = (name: string, fail = false) =>
    withLock('it', async () => {
      story.push(`${name} begins`)
      await new Promise(setImmediate)
      story.push(`${name} ends`)
      if (fail) throw new Error('failed')
    })
  const outcomes = await Promise.allSettled([work('a', true), work('b'), work('c')])
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1)
  expect(story).toHaveLength(6)
  for (let i = 0; i < 6; i += 2) expect(story[i + 1]).toBe(story[i]?.replace('begins', 'ends'))
})

it('is free again when the process that held it was killed', async () => {
  const script = `import { spawn } from 'node:child_process'
    const holder = spawn('flock', ['${join(directory, 'run/it.lock')}', 'sh', '-c', 'echo; cat'], { stdio: ['pipe', 'inherit', 'inherit'] })`
  const other = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(other.stdout, 'data')
  other.kill('SIGKILL')
  expect(await withLock('it', async () => 'mine')).toBe('mine')
})
