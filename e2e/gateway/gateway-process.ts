import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../gateway/src/main.ts', import.meta.url))

export interface GatewayProcess {
  pid: number
  port: number
  healthPort: number
  isReady(): Promise<boolean>
  output(): string
  signal(name: NodeJS.Signals): void
  /** Its exit code. */
  ended: Promise<number | null>
}

/** The gateway as a process of its own, on ports that it chose, once it is ready. */
export async function startGateway(env: Record<string, string>): Promise<GatewayProcess> {
  const child: ChildProcess = spawn(process.execPath, [main], {
    env: { PATH: process.env.PATH, TRTC_RECORDER_GATEWAY_PORT: '0', TRTC_RECORDER_GATEWAY_HEALTH_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  let output = ''
  const started = Promise.withResolvers<{ port: number; healthPort: number }>()
  const read = (text: string) => {
    output += text
    const line = output.split('\n').find((candidate) => candidate.includes('"Gateway started"'))
    if (line !== undefined) started.resolve(JSON.parse(line))
  }
  child.stdout?.setEncoding('utf8').on('data', read)
  child.stderr?.setEncoding('utf8').on('data', read)
  const ended = once(child, 'exit').then(([code]) => {
    process.removeListener('exit', kill)
    started.reject(new Error(`The gateway ended: ${output}`))
    return code as number | null
  })
  started.promise.catch(() => {})
  const { port, healthPort } = await started.promise
  return {
    pid: child.pid!,
    port,
    healthPort,
    isReady: () =>
      fetch(`http://127.0.0.1:${healthPort}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      ),
    output: () => output,
    signal: (name) => void child.kill(name),
    ended,
  }
}
