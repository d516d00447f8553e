import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { recorderResultSchema, terminationMessageSchema } from '@trtc-recorder/api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { aJob } from './recorder/testing.ts'

const main = fileURLToPath(new URL('./main.ts', import.meta.url))
let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'main-'))
})
afterEach(() => rm(directory, { recursive: true }))

const run = (arguments_: string[], environment: NodeJS.ProcessEnv = {}) =>
  new Promise<{ exitCode: number; stdout: string; stderr: string }>((resolve) => {
    const child = execFile(
      process.execPath,
      [main, ...arguments_],
      { env: { PATH: process.env.PATH, TRTC_RECORDER_CHROMIUM: process.execPath, ...environment } },
      (_, stdout, stderr) => resolve({ exitCode: child.exitCode ?? -1, stdout, stderr }),
    )
  })

describe('the process', () => {
  test('in a Pod logs on stdout, the result last, and leaves it as the termination message', async () => {
    const { exitCode, stdout } = await run(['--port', '0'], {
      TRTC_RECORDER_JOB: JSON.stringify(aJob({}, { attempt: 2 })),
      TRTC_RECORDER_SECRETS: join(directory, 'secrets'),
      CFS_PATH: join(directory, 'work'),
      TRTC_RECORDER_TERMINATION_MESSAGE: join(directory, 'termination-log'),
    })
    const last = JSON.parse(stdout.trim().split('\n').at(-1)!)
    expect(last.msg).toBe('result')
    const result = recorderResultSchema.parse(last.result)
    expect(result).toMatchObject({ attempt: 2, outcome: 'SecretNotFound', stopReason: 'NeverStarted' })
    expect(terminationMessageSchema.parse(JSON.parse(await readFile(join(directory, 'termination-log'), 'utf8')))).toEqual(result)
    expect(exitCode).toBe(11)
  })

  test('by hand prints the result and nothing else on stdout', async () => {
    const { exitCode, stdout, stderr } = await run([
      '--recording',
      join(directory, 'none.yaml'),
      '--secrets',
      directory,
      '--work',
      directory,
    ])
    expect(recorderResultSchema.parse(JSON.parse(stdout))).toMatchObject({
      outcome: 'InvalidJob',
      message: expect.stringContaining('none.yaml'),
    })
    expect(stderr).toContain('none.yaml')
    expect(exitCode).toBe(10)
  })

  test('--help lists the exit codes', async () => {
    const { exitCode, stdout } = await run(['--help'])
    expect(stdout).toContain('14  RoomRefused')
    expect(exitCode).toBe(0)
  })
})

/** The shell has come to its first line, which on a busy machine takes longer than all else that this is about. */
async function heedsSigterm(pid: number): Promise<void> {
  const caught = async () => {
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    return (BigInt(`0x${/^SigCgt:\s*([0-9a-f]+)$/m.exec(status)![1]}`) >> BigInt(constants.signals.SIGTERM - 1)) & 1n
  }
  while ((await caught()) === 0n) await new Promise((resolve) => setImmediate(resolve))
}

describe('asked to stop as soon as it has begun', () => {
  const start = fileURLToPath(new URL('../start.sh', import.meta.url))

  test.each([0, 10, 40, 150])('after %i ms: it says its result', async (millis) => {
    const child = spawn('sh', [start, process.execPath, main, '--port', '0'], {
      env: {
        PATH: process.env.PATH,
        TRTC_RECORDER_CHROMIUM: process.execPath,
        TRTC_RECORDER_JOB: JSON.stringify(aJob()),
        TRTC_RECORDER_SECRETS: join(directory, 'secrets'),
        CFS_PATH: join(directory, 'work'),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let stdout = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    await heedsSigterm(child.pid!)
    await new Promise((resolve) => setTimeout(resolve, millis))
    child.kill('SIGTERM')
    const [exitCode, signal] = await once(child, 'close')
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(recorderResultSchema.parse(lines.at(-1).result).outcome).toBe('SecretNotFound')
    expect({ exitCode, signal }).toEqual({ exitCode: 11, signal: null })
  })

  test('in whatever moment of its first: it is told, and told once more where it was just being started', async () => {
    // Runs on until it hears of the stop.
    const recorder = 'trap "exit 7" TERM; [ -z "$TRTC_RECORDER_ASKED_TO_STOP" ] || exit 7; while :; do sleep 0.02; done'
    const stopAfter = async (millis: number) => {
      const child = spawn('sh', [start, 'sh', '-c', recorder], { stdio: 'ignore' })
      await heedsSigterm(child.pid!)
      const until = performance.now() + millis
      while (performance.now() < until) await new Promise((resolve) => setImmediate(resolve))
      child.kill('SIGTERM')
      const [exitCode] = await once(child, 'exit')
      return exitCode
    }
    for (let millis = 0; millis < 4; millis += 0.1) expect(await stopAfter(millis)).toBe(7)
  })
})
