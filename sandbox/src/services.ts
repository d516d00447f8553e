import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { network } from './cluster/addresses.ts'
import { projectDirectory, stateDirectory } from './cluster/paths.ts'
import { logFile, readyLine, runningDaemon, startDaemon, stopDaemon } from './daemon.ts'
import { withLock } from './lock.ts'
import { onScreen, type Report } from './progress.ts'

/** Buckets and objects of the COS stand-in; they outlive a restart of it. */
export const cosDirectory = join(stateDirectory, 'cos')

/** The stand-ins of the outside world, each a process on this machine at fixed ports. */
export const services = {
  room: ['--port', '18443', '--control-port', '18444', '--media-port', '18445', '--state-dir', join(stateDirectory, 'room')],
  cos: ['--port', '18446', '--control-port', '18448', '--dir', cosDirectory],
  callback: ['--port', '18447', '--control-port', '18449'],
} as const satisfies Record<string, readonly string[]>
export type Service = keyof typeof services
export const serviceNames = Object.keys(services) as Service[]

/** What runs and where, as the services say it: for the demo, the tests and whoever wants to try something. */
export const sandboxFile = join(stateDirectory, 'sandbox.json')

/** The room makes its clips with ffmpeg before it is ready, the first time. */
const readyTimeoutSeconds = 300

/** What each service says about itself when it is ready (addresses, keys), by name. */
export type SandboxState = Partial<Record<Service | 'cluster' | 'images', Record<string, unknown>>>

/** Starts the service, or says that it runs already. True if it was started. */
export function startService(name: Service, report: Report = onScreen): Promise<boolean> {
  return withLock(name, () => start(name, report))
}

async function start(name: Service, report: Report): Promise<boolean> {
  const step = report(`Starting ${name}`)
  if (runningDaemon(name)) {
    step.done('it runs already')
    return false
  }
  await stopDaemon(name)
  // Reached by Pods and by this machine alike at the host's end of the cluster's network.
  const where = ['--address', '0.0.0.0', '--advertise', network.host]
  const program = join(projectDirectory, 'sandbox/src', name, 'main.ts')
  const { daemon, stdin } = startDaemon(name, process.execPath, [program, ...where, ...services[name]])
  stdin?.end()
  try {
    const { ready: _, ...said } = await readyLine(name, daemon, readyTimeoutSeconds)
    recordState({ [name]: { ...said, log: logFile(name) } })
    step.done()
    return true
  } catch (error) {
    step.failed('it did not start')
    await stopDaemon(name)
    throw error
  }
}

/** Ends the service, if it runs. */
export async function stopService(name: Service, report: Report = onScreen): Promise<void> {
  const step = report(`Stopping ${name}`)
  const ran = await stopDaemon(name)
  recordState({ [name]: undefined })
  step.done(ran ? undefined : 'it was not running')
}

export function sandboxState(): SandboxState {
  try {
    return JSON.parse(readFileSync(sandboxFile, 'utf8')) as SandboxState
  } catch {
    return {}
  }
}

/** Merges the members into sandbox.json; an undefined one is taken out. Written whole and moved, so that readers never see half of it. */
export function recordState(change: { [name in keyof SandboxState]: SandboxState[name] | undefined }): void {
  const state = JSON.stringify({ ...sandboxState(), ...change }, undefined, 2)
  const draft = `${sandboxFile}.${process.pid}`
  mkdirSync(stateDirectory, { recursive: true })
  writeFileSync(draft, `${state}\n`)
  renameSync(draft, sandboxFile)
}
