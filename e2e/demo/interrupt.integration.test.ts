import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, it } from 'vitest'
import { isConnected } from '../../sandbox/src/cluster/namespaces.ts'
import { traces } from '../../sandbox/src/cluster/testing/traces.ts'
import { down, status } from '../../sandbox/src/sandbox.ts'

/** What runs of the sandbox. */
async function running(): Promise<string[]> {
  const { cluster, services } = await status()
  return Object.entries({ cluster, ...services }).flatMap(([name, { state }]) => (state === 'down' ? [] : [name]))
}

function groupExists(id: number): boolean {
  try {
    return process.kill(-id, 0)
  } catch {
    return false
  }
}

// A sandbox that somebody is using is not this test's to end.
const inUse = (await running()).length > 0 || isConnected()

describe.skipIf(inUse)('Ctrl-C in make demo', () => {
  // Where a test fails, the next ones find nothing in their way all the same.
  afterEach(() => down())

  it.each([
    ['while it sets up', 'The outside world'],
    ['when the cluster has just started', '✓ Starting the cluster'],
    ['while three Recordings run', '✓ bob and carol enter'],
  ])(
    '%s leaves nothing running',
    async (_, said) => {
      const before = traces()
      // A process group of its own, as in a terminal: Ctrl-C reaches all of it.
      const make = spawn('make', ['demo'], { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
      const closed = once(make, 'close')
      const output: string[] = []
      let interrupted = false
      for (const stream of [make.stdout, make.stderr]) {
        createInterface({ input: stream }).on('line', (line) => {
          output.push(line)
          if (interrupted || !line.includes(said)) return
          interrupted = true
          process.kill(-make.pid!, 'SIGINT')
        })
      }
      await closed
      expect(output.join('\n')).toContain('Interrupted (SIGINT); ending everything.')
      // What make has left behind is reaped by process 1, in its own time.
      await expect.poll(() => groupExists(make.pid!), { timeout: 10_000 }).toBe(false)
      expect(await running()).toEqual([])
      expect(traces()).toEqual(before)
    },
    30 * 60_000,
  )
})
