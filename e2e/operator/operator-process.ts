import { type ChildProcess, spawn } from 'node:child_process'
import type { AddressInfo } from 'node:net'
import { createServer as createSocketServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { type ApiServer, until } from './api-server.ts'

/** The operator as a process of its own. */
export interface Operator {
  child: ChildProcess
  exit: Promise<number | string>
  lines: Record<string, unknown>[]
  stderr: () => string
  probe(path: string, port?: 'health' | 'metrics'): Promise<string>
}

const main = fileURLToPath(new URL('../../operator/src/main.ts', import.meta.url))

/** Begins it; the caller ends it. It serves the namespace, and keeps its Lease there, unless the environment says otherwise. */
export async function runOperator(
  api: ApiServer,
  namespace: string,
  identity: string,
  env: Record<string, string>,
): Promise<Operator> {
  const [health, metrics] = [await freePort(), await freePort()]
  const child = spawn(process.execPath, [main], {
    env: {
      PATH: process.env.PATH,
      KUBECONFIG: api.kubeconfigPath,
      TRTC_RECORDER_RECORDER_IMAGE: 'recorder:test',
      TRTC_RECORDER_WATCH_NAMESPACES: namespace,
      TRTC_RECORDER_LEASE_NAMESPACE: namespace,
      TRTC_RECORDER_IDENTITY: identity,
      // The receivers of these tests are on this machine, and so is the API server.
      TRTC_RECORDER_CALLBACK_ALLOW: '127.0.0.1',
      TRTC_RECORDER_HEALTH_PORT: String(health),
      TRTC_RECORDER_METRICS_PORT: String(metrics),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: Record<string, unknown>[] = []
  let rest = ''
  child.stdout?.on('data', (chunk) => {
    const parts = (rest + chunk).split('\n')
    rest = parts.pop() ?? ''
    for (const part of parts) lines.push(JSON.parse(part))
  })
  let stderr = ''
  child.stderr?.on('data', (chunk) => {
    stderr += chunk
  })
  const ports = { health, metrics }
  const operator: Operator = {
    child,
    exit: new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal ?? ''))),
    lines,
    stderr: () => stderr,
    probe: async (path, port = 'health') => {
      const answer = await fetch(`http://127.0.0.1:${ports[port]}${path}`).catch(() => undefined)
      return answer === undefined ? 'no answer' : `${answer.status} ${await answer.text()}`
    },
  }
  return operator
}

/** Given to operators that may not have begun to listen. */
const given = new Set<number>()

async function freePort(): Promise<number> {
  const server = createSocketServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  if (given.has(port)) return freePort()
  given.add(port)
  return port
}

export const messages = (operator: Operator) => operator.lines.map(({ msg }) => msg)
export const says = (operator: Operator, message: string, timeout = 20_000) =>
  until(`it says ${message}`, async () => messages(operator).includes(message), timeout)
