import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromiumPlaces, chromiumSwitches } from './chromium-switches.ts'
import { DevtoolsPipe } from './devtools-pipe.ts'
import { trustAuthorities } from './trusted-authorities.ts'

export interface Chromium {
  readonly pid: number
  /** Opens a page and calls a function of it with one argument. */
  open(url: string, call: { function: string; argument: string }): Promise<void>
  /** Resolves with the reason when the browser or its page is gone, asked for or not. */
  readonly gone: Promise<string>
  /** Ends every process of it and removes the profile. */
  kill(): Promise<void>
}

export function findChromium(environment: NodeJS.ProcessEnv): string {
  const places = environment.TRTC_RECORDER_CHROMIUM ? [environment.TRTC_RECORDER_CHROMIUM] : chromiumPlaces
  const found = places.find((place) => {
    try {
      accessSync(place, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
  if (found === undefined) throw new Error(`No Chromium found at ${places.join(', ')}; set TRTC_RECORDER_CHROMIUM to its path`)
  return found
}

/**
 * Starts Chromium in a process group of its own: Ctrl-C at a terminal reaches the recorder only, and one signal ends all of Chromium.
 * Rejects when the browser does not come up. `onAnswer`: it has answered to something.
 */
export async function launchChromium(path: string, extraArguments: string[], onAnswer = () => {}): Promise<Chromium> {
  await removeOrphanedProfiles()
  const profile = await mkdtemp(join(tmpdir(), `${profilePrefix}${process.pid}-`))
  const bundle = process.env.NODE_EXTRA_CA_CERTS
  if (bundle) {
    await trustAuthorities(profile, bundle).catch(async (error) => {
      await rm(profile, { recursive: true })
      throw error
    })
  }
  const child = spawn(path, [...chromiumSwitches, ...extraArguments, `--user-data-dir=${profile}`], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
    // Profile, caches and crash dumps stay in one place that is writable and goes away.
    env: { ...withoutSecrets(process.env), HOME: profile, TMPDIR: profile, XDG_CONFIG_HOME: profile, XDG_CACHE_HOME: profile },
  })
  const stderr = keepTail(child)
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`Chromium could not be started: ${error.message}`))
    child.once('exit', (code, signal) => resolve(`Chromium ended (${signal ?? `exit code ${code}`})${stderr()}`))
  })
  const pipe = new DevtoolsPipe(child.stdio[3] as NodeJS.WritableStream, child.stdio[4] as NodeJS.ReadableStream)
  const crashed = new Promise<string>((resolve) => {
    pipe.onEvent = (method) => {
      if (method === 'Inspector.targetCrashed') resolve('The page crashed')
    }
  })
  const gone = Promise.race([exited, crashed])
  // When this process ends without a chance to say so, Chromium sees its debugging pipe close and ends by itself.
  const killGroup = () => {
    try {
      process.kill(-child.pid!, 'SIGKILL')
    } catch {
      // Already gone, or never there.
    }
  }
  process.once('exit', killGroup)
  const call = async <T>(method: string, params: object, sessionId?: string): Promise<T> => {
    const answer = pipe.call<T>(method, params, sessionId)
    const answered = await Promise.race([answer, gone.then((reason) => Promise.reject(new Error(reason)))])
    onAnswer()
    return answered
  }

  return {
    pid: child.pid ?? 0,
    gone,
    async open(url, { function: name, argument }) {
      const { targetId } = await call<{ targetId: string }>('Target.createTarget', { url: 'about:blank' })
      const { sessionId } = await call<{ sessionId: string }>('Target.attachToTarget', { targetId, flatten: true })
      const { errorText } = await call<{ errorText?: string }>('Page.navigate', { url }, sessionId)
      if (errorText) throw new Error(`The room page could not be opened: ${errorText}`)
      const loaded = `new Promise(r => document.readyState === 'complete' ? r() : addEventListener('load', r))`
      const expression = `${loaded}.then(() => window[${JSON.stringify(name)}](${JSON.stringify(argument)}))`
      const { exceptionDetails } = await call<{ exceptionDetails?: { text: string; exception?: { description?: string } } }>(
        'Runtime.evaluate',
        { expression, awaitPromise: true },
        sessionId,
      )
      if (exceptionDetails) {
        throw new Error(`The room page failed to load: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`)
      }
    },
    async kill() {
      process.off('exit', killGroup)
      if (child.pid !== undefined) killGroup()
      await exited
      await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
    },
  }
}

const profilePrefix = 'trtc-recorder-chromium-'

/** A recorder that was killed could not remove its profile; the name says whose it was. */
async function removeOrphanedProfiles(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const owner = new RegExp(`^${profilePrefix}(\\d+)-`).exec(name)?.[1]
    if (owner === undefined || existsSync(`/proc/${owner}`)) continue
    await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => {})
  }
}

/** Chromium needs to know nothing of the job; least of all what a wrapper script may have left in the environment. */
function withoutSecrets(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const proxies = ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY', 'https_proxy', 'http_proxy', 'no_proxy']
  const kept = ['PATH', 'LANG', 'LC_ALL', 'TZ', 'LD_LIBRARY_PATH', 'FONTCONFIG_PATH', 'FONTCONFIG_FILE', ...proxies]
  return Object.fromEntries(kept.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]]])))
}

/** The last of what Chromium said, for the message when it ends; it may go on talking for days. */
function keepTail(child: ChildProcess): () => string {
  let tail = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-400)
  })
  return () => (tail === '' ? '' : `: ${tail.trim().replace(/\s+/g, ' ')}`)
}
