import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

let temporary: string
beforeEach(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'try-test-'))
})
afterEach(() => rm(temporary, { recursive: true, force: true }))

/** Runs it in a process group of its own, as in a terminal, where Ctrl-C reaches all of it. */
async function run(interruptAt?: string) {
  const folders = { output: join(temporary, 'output'), temporary: join(temporary, 'tmp') }
  await rm(folders.temporary, { recursive: true, force: true })
  const child = spawn('sh', ['-c', 'mkdir "$TMPDIR" && exec node e2e/try/main.ts --output "$0"', folders.output], {
    detached: true,
    env: { ...process.env, TMPDIR: folders.temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      said.push(line)
      if (interruptAt !== undefined && line.includes(interruptAt)) process.kill(-child.pid!, 'SIGINT')
    })
  }
  const [code] = await once(child, 'close')
  const groupExists = () => {
    try {
      return process.kill(-child.pid!, 0)
    } catch {
      return false
    }
  }
  await expect.poll(groupExists, { timeout: 10_000 }).toBe(false)
  return { code, said: said.join('\n'), output: folders.output, left: await readdir(folders.temporary) }
}

describe('make try', () => {
  test('records two people, checks their files, shows them on a page and leaves nothing running', async () => {
    const { code, said, output, left } = await run()
    expect(code, said).toBe(0)
    expect(said).toContain('✓ Every file decodes and holds its user')
    const page = await readFile(join(output, 'index.html'), 'utf8')
    const files = (await readdir(join(output, 'try'))).filter((name) => name.endsWith('.mp4'))
    expect(files).toHaveLength(2)
    for (const file of files) expect(page).toContain(file)
    // Chromium has a process group of its own; its profile is gone only after all of it has ended.
    expect(left).toEqual([])
  })

  test('leaves nothing running when it is interrupted', async () => {
    const { code, said, left } = await run('✓ Waiting for the recorder')
    expect(said).toContain('Interrupted (SIGINT); ending everything.')
    expect(code).toBe(130)
    expect(left).toEqual([])
  })
})
