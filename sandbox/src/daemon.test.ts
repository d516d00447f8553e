import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const state = vi.hoisted(() => ({ directory: '' }))
vi.mock('./cluster/paths.ts', () => ({
  get stateDirectory() {
    return state.directory
  },
}))

const { gone, isAlive, readyLine, runningDaemon, startDaemon, startTicksOf, stopDaemon } = await import('./daemon.ts')

beforeEach(() => {
  state.directory = mkdtempSync(join(tmpdir(), 'daemon-test-'))
})
afterEach(async () => {
  await stopDaemon('it')
  rmSync(state.directory, { recursive: true })
})

const shell = (script: string) => startDaemon('it', 'sh', ['-c', script]).daemon

describe('a daemon', () => {
  it('is found again by name and ends when it is told to', async () => {
    const daemon = shell('sleep 60')
    expect(runningDaemon('it')).toEqual(daemon)
    expect(await stopDaemon('it')).toBe(true)
    expect(isAlive(daemon)).toBe(false)
    expect(runningDaemon('it')).toBeUndefined()
    expect(await stopDaemon('it')).toBe(false)
  })

  it('says what its ready line says', async () => {
    const daemon = shell('echo starting; echo \'{"ready":true,"port":7}\'; sleep 60')
    expect(await readyLine('it', daemon, 5)).toEqual({ ready: true, port: 7 })
  })

  it('that ends before it is ready is reported with its last words', async () => {
    const daemon = shell('echo the port is taken >&2; exit 3')
    await expect(readyLine('it', daemon, 5)).rejects.toThrow(/ended before it was ready.*the port is taken/s)
  })

  it('that is never ready is reported after the time-out', async () => {
    await expect(readyLine('it', shell('sleep 60'), 0.1)).rejects.toThrow('was not ready after 0.1 s')
  })

  it('that was killed takes its children along when it is stopped', async () => {
    const file = join(state.directory, 'child')
    const daemon = shell(`sleep 60 & echo $! > ${file}; echo '{"ready":true}'; wait`)
    await readyLine('it', daemon, 5)
    const child = Number(readFileSync(file, 'utf8'))
    const childDaemon = { pid: child, startTicks: startTicksOf(child)! }
    process.kill(daemon.pid, 'SIGKILL')
    expect(await gone(daemon, 5)).toBe(true)
    expect(isAlive(childDaemon)).toBe(true)
    await stopDaemon('it')
    expect(await gone(childDaemon, 5)).toBe(true)
  })

  it('that does not listen to SIGTERM is killed after the grace period', async () => {
    const daemon = shell('trap "" TERM; echo \'{"ready":true}\'; while :; do sleep 1; done')
    await readyLine('it', daemon, 5)
    await stopDaemon('it', 0.2)
    expect(isAlive(daemon)).toBe(false)
  })

  it('is not confused with a later process of the same id', () => {
    const daemon = shell('sleep 60')
    expect(isAlive({ ...daemon, startTicks: daemon.startTicks - 1 })).toBe(false)
    expect(existsSync(join(state.directory, 'run/it.json'))).toBe(true)
  })
})
