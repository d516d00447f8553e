import { existsSync, readFileSync, rmSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { gone, isAlive, logFile, readyLine, runFile, runningDaemon, startDaemon, startTicksOf, stopDaemon } from './daemon.ts'

const name = `test-${process.pid}`
const childFile = `${logFile(name)}.child`
afterEach(async () => {
  await stopDaemon(name)
  for (const path of [logFile(name), childFile]) rmSync(path, { force: true })
})

const shell = (script: string) => startDaemon(name, 'sh', ['-c', script]).daemon

describe('a daemon', () => {
  it('is found again by name and ends when it is told to', async () => {
    const daemon = shell('sleep 60')
    expect(runningDaemon(name)).toEqual(daemon)
    expect(await stopDaemon(name)).toBe(true)
    expect(isAlive(daemon)).toBe(false)
    expect(runningDaemon(name)).toBeUndefined()
    expect(await stopDaemon(name)).toBe(false)
  })

  it('says what its ready line says', async () => {
    const daemon = shell('echo starting; echo \'{"ready":true,"port":7}\'; sleep 60')
    expect(await readyLine(name, daemon, 5)).toEqual({ ready: true, port: 7 })
  })

  it('that ends before it is ready is reported with its last words', async () => {
    const daemon = shell('echo the port is taken >&2; exit 3')
    await expect(readyLine(name, daemon, 5)).rejects.toThrow(/ended before it was ready.*the port is taken/s)
  })

  it('that is never ready is reported after the time-out', async () => {
    await expect(readyLine(name, shell('sleep 60'), 0.1)).rejects.toThrow('was not ready after 0.1 s')
  })

  it('that was killed takes its children along when it is stopped', async () => {
    const daemon = shell(`sleep 60 & echo $! > ${childFile}; echo '{"ready":true}'; wait`)
    await readyLine(name, daemon, 5)
    const child = Number(readFileSync(childFile, 'utf8'))
    const childDaemon = { pid: child, startTicks: startTicksOf(child)! }
    process.kill(daemon.pid, 'SIGKILL')
    expect(await gone(daemon, 5)).toBe(true)
    expect(isAlive(childDaemon)).toBe(true)
    await stopDaemon(name)
    expect(await gone(childDaemon, 5)).toBe(true)
  })

  it('that does not listen to SIGTERM is killed after the grace period', async () => {
    const daemon = shell('trap "" TERM; echo \'{"ready":true}\'; while :; do sleep 1; done')
    await readyLine(name, daemon, 5)
    await stopDaemon(name, 0.2)
    expect(isAlive(daemon)).toBe(false)
  })

  it('is not confused with a later process of the same id', () => {
    const daemon = shell('sleep 60')
    expect(isAlive({ ...daemon, startTicks: daemon.startTicks - 1 })).toBe(false)
    expect(existsSync(runFile(name))).toBe(true)
  })
})
